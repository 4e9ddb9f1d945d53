"""The columns of a new project, and the effect of a change of its settings: columns with new values, and notes for the
audit.

The project and the wanted values arrive from the command line, the pages and the API.
"""

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from trackway.domain.data_age import in_days
from trackway.domain.time_zone import check_time_zone, check_week_start
from trackway.projects.audit import Action, Note
from trackway.projects.key_rotation import new_key
from trackway.projects.project import (
    EVENT_RETENTION,
    PROFILE_RETENTION,
    RETENTIONS,
    Project,
    check_identity_mode,
    check_name,
    check_region,
    check_retentions,
    check_settings,
)

NO_LIMITS: Final[Mapping[str, int | None]] = MappingProxyType({})
UNCHANGED: Final[Mapping[str, int | None]] = MappingProxyType({})
"""Retentions that a change says nothing of."""
_KEPT_ACTIONS: Final[Mapping[str, Action]] = MappingProxyType(
    {EVENT_RETENTION: "event retention changed", PROFILE_RETENTION: "profile retention changed"}
)


class Written(NamedTuple):
    """Columns with their new values, and notes for the audit. Both are empty when the project has these values."""

    columns: dict[str, Any]
    notes: list[Note]


def new_columns(
    name: str, region: str, identity_mode: str, time_zone: str, week_start: str, kept: Mapping[str, int | None]
) -> dict[str, Any]:
    """The columns of a new project with random keys, in the order of `project_of` after the id. Raises InvalidInput."""
    checked = check_retentions(kept)
    return {
        "name": check_name(name),
        "token": new_key(),
        "secret": new_key(),
        "region": check_region(region),
        "created_at_ms": time.time_ns() // 1_000_000,
        "settings": {},
        "identity_mode": check_identity_mode(identity_mode),
        "time_zone": check_time_zone(time_zone),
        "week_start": check_week_start(week_start),
        "description": "",
        "archived_at_ms": None,
        **{each: checked.get(each) for each in RETENTIONS},
    }


def changes_of(
    project: Project,
    limits: Mapping[str, int | None],
    time_zone: str | None,
    week_start: str | None,
    kept: Mapping[str, int | None] = UNCHANGED,
) -> Written:
    """`limits` and `kept`, retentions, are values of the project's own by name, None for the server's. Raises
    InvalidInput for a bad value."""
    columns: dict[str, Any] = {}
    notes: list[Note] = []
    if limits:
        merged = {**project.settings, **limits}
        columns["settings"] = check_settings({name: value for name, value in merged.items() if value is not None})
        notes += [Note("limits changed", project.project_id, _limit(*each)) for each in limits.items()]
    if time_zone is not None and check_time_zone(time_zone) != project.time_zone:
        columns["time_zone"] = time_zone
        notes.append(Note("time zone changed", project.project_id, time_zone))
    if week_start is not None and check_week_start(week_start) != project.week_start:
        columns["week_start"] = week_start
        notes.append(Note("week start changed", project.project_id, week_start))
    for name, days in check_retentions(kept).items():
        if days != getattr(project, name):
            columns[name] = days
            said = "that of the server" if days is None else in_days(days)
            notes.append(Note(_KEPT_ACTIONS[name], project.project_id, said))
    return Written(columns, notes)


def _limit(name: str, value: int | None) -> str:
    return f"{name} is that of the server" if value is None else f"{name} is {value}"
