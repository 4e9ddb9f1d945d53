"""Whether a project has no data yet, as the running server tells: what is fixed from the first record on asks this.

A project arrives; nothing leaves, or ConfigError with the reason. Where it cannot be found out (no server runs, the
journal is not loaded to its end, the server refuses to answer, other servers may share the projects) the answer is no.
The journal comes first: a record that was acknowledged before is then in the store.
"""

from pathlib import Path
from typing import Final

from trackway.commands.server import server_of
from trackway.errors import ConfigError, StorageError
from trackway.journal.head import Head
from trackway.projects.project import Project
from trackway.settings import Settings

_EVENTS: Final = {"from_date": "1971-01-01", "to_date": "2100-01-01", "limit": "1"}


def check_empty(settings: Settings, project: Project) -> None:
    """Raises ConfigError when the project has an event or a user's profile, or when that cannot be told."""
    if not isinstance(settings.projects_at, Path):
        raise ConfigError(
            f"other servers that share the projects may have data of project {project.project_id}: create another one"
        )
    server = server_of(settings, str(project.project_id))
    if not _is_loaded(settings.data_dir / "journal"):
        raise ConfigError("the journal is not loaded to its end yet: try again in a moment")
    if server.lines("/api/2.0/export", _EVENTS):
        raise ConfigError(f"project {project.project_id} has events")
    if server.ask("GET", "/api/2.0/engage").get("total") != 0:
        raise ConfigError(f"project {project.project_id} has profiles")


def _is_loaded(journal: Path) -> bool:
    try:
        head = Head(journal)
    except StorageError:
        return False
    try:
        return head.loaded >= head.written
    finally:
        head.close()
