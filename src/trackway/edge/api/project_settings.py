"""`/api/app/projects/ID`: the time zone, the week start and the retentions of a project, for its owners and admins.

The requests arrive through the service accounts API (`edge.api.service_accounts`), which authenticates them. `show` and
`change` run in the thread of changes; the role is checked within the transaction. A retention that deletes something
needs `"confirm": true`: the answer 409 says what it deletes.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from trackway.domain.data_age import shown_retention
from trackway.domain.errors import InvalidInput, RequestError
from trackway.edge.api.data_retention import Preview, read_kept
from trackway.edge.api.service_account_requests import decode_body, moment
from trackway.projects.project import Project

if TYPE_CHECKING:
    from trackway.projects.database import ProjectsDatabase


class _Change(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a PATCH: what it leaves out stays as it is."""

    time_zone: str | msgspec.UnsetType = msgspec.UNSET
    week_start: str | msgspec.UnsetType = msgspec.UNSET
    event_retention: int | str | msgspec.UnsetType | None = msgspec.UNSET
    profile_retention: int | str | msgspec.UnsetType | None = msgspec.UNSET
    confirm: bool = False


class Change(NamedTuple):
    """A PATCH. `kept`: new retentions by name. `confirmed`: whether these may delete."""

    days: dict[str, Any]
    kept: dict[str, int | None]
    confirmed: bool


def show(database: "ProjectsDatabase", project_id: int, by: int) -> dict[str, Any]:
    """The project as the API shows it. Raises as `ProjectsDatabase.managed`."""
    return _shown(database.managed(project_id, by))


def read_change(body: bytes) -> Change:
    """Raises RequestError 400."""
    read: dict[str, Any] = msgspec.to_builtins(decode_body(body, _Change))
    try:
        kept = read_kept(read)
    except InvalidInput as error:
        raise RequestError(400, str(error)) from error
    days: dict[str, Any] = {name: read[name] for name in ("time_zone", "week_start") if name in read}
    return Change(days, kept, read["confirm"])


def change(database: "ProjectsDatabase", project_id: int, wanted: Change, by: int) -> dict[str, Any]:
    """The same after a change. Raises as `ProjectsDatabase.change_settings`."""
    return _shown(database.change_settings(project_id, **wanted.days, kept=wanted.kept, by=by))


def unconfirmed(found: Preview) -> dict[str, Any]:
    """The answer to a change that would delete something."""
    error = f'{found.sentence()}: send "confirm": true to delete it'
    return {"error": error, "status": "error", "deletes": found.shown()}


def _shown(project: Project) -> dict[str, Any]:
    """Without the keys: an answer may end in a log."""
    return {
        "id": project.project_id,
        "name": project.name,
        "region": project.region,
        "identity_mode": project.identity_mode,
        "time_zone": project.time_zone,
        "week_start": project.week_start,
        "event_retention": shown_retention(project.event_retention),
        "profile_retention": shown_retention(project.profile_retention),
        "created": moment(project.created_at_ms),
    }
