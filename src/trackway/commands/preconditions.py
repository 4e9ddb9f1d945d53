"""Whether a project has no data yet, asked of the running server. Settings that the first record fixes need this.

Input: a project. Output: nothing, or StateError with the reason. Where the answer is unknown (no server runs, the
journal is not loaded to its end, the server refuses, other servers may share the projects), it is no. The journal is
checked first, so a record that was acknowledged before is then in the store.
"""

from contextlib import closing
from pathlib import Path
from typing import Final

from trackway.commands.running_server import server_of
from trackway.domain.errors import StateError, StorageError
from trackway.journal.open import open_journal
from trackway.projects.project import Project
from trackway.settings.table import Settings

_EVENTS: Final = {"from_date": "1971-01-01", "to_date": "2100-01-01", "limit": "1"}


def check_empty(settings: Settings, project: Project) -> None:
    """Raises StateError when the project has an event or a user's profile, or when that is unknown."""
    if not isinstance(settings.projects_at, Path):
        raise StateError(
            f"other servers that share the projects may have data of project {project.project_id}: create another one"
        )
    server = server_of(settings, str(project.project_id))
    if not _is_loaded(settings):
        raise StateError("the journal is not loaded to its end yet: try again in a moment")
    if server.lines("/api/2.0/export", _EVENTS):
        raise StateError(f"project {project.project_id} has events")
    if server.ask("GET", "/api/2.0/engage").get("total") != 0:
        raise StateError(f"project {project.project_id} has profiles")


def _is_loaded(settings: Settings) -> bool:
    try:
        with closing(open_journal(settings).progress()) as progress:
            return progress.is_loaded
    except StorageError:
        return False
