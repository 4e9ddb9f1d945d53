"""`/api/app/projects/ID`: the time zone and the week start of a project, for its owners and admins.

The requests arrive through the service accounts API (`edge.api.service_accounts`), which authenticates them. Both
functions run in the thread of changes; the role is checked within the transaction.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from trackway.edge.api.service_account_requests import decode_body, moment
from trackway.projects.project import Project

if TYPE_CHECKING:
    from trackway.projects.database import ProjectsDatabase


class _Change(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a PATCH: what it leaves out stays as it is."""

    time_zone: str | msgspec.UnsetType = msgspec.UNSET
    week_start: str | msgspec.UnsetType = msgspec.UNSET


def show(database: "ProjectsDatabase", project_id: int, by: int) -> dict[str, Any]:
    """The project as the API shows it. Raises as `ProjectsDatabase.managed`."""
    return _shown(database.managed(project_id, by))


def change(database: "ProjectsDatabase", project_id: int, body: bytes, by: int) -> dict[str, Any]:
    """The same after a change. Raises RequestError 400, and as `ProjectsDatabase.change_settings`."""
    wanted = msgspec.to_builtins(decode_body(body, _Change))
    return _shown(database.change_settings(project_id, **wanted, by=by))


def _shown(project: Project) -> dict[str, Any]:
    """Without the keys: an answer may end in a log."""
    return {
        "id": project.project_id,
        "name": project.name,
        "region": project.region,
        "identity_mode": project.identity_mode,
        "time_zone": project.time_zone,
        "week_start": project.week_start,
        "created": moment(project.created_at_ms),
    }
