"""The effect of a change of a project's settings: columns with new values, and notes for the audit.

The project and the wanted values arrive from the command line, the pages and the API. This module is pure.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from trackway.domain.time_zone import check_time_zone, check_week_start
from trackway.projects.audit import Note
from trackway.projects.project import Project, check_settings

NO_LIMITS: Final[Mapping[str, int | None]] = MappingProxyType({})


class Written(NamedTuple):
    """Columns with their new values, and notes for the audit. Both are empty when the project has these values."""

    columns: dict[str, Any]
    notes: list[Note]


def changes_of(
    project: Project, limits: Mapping[str, int | None], time_zone: str | None, week_start: str | None
) -> Written:
    """`limits` are values of the project's own by name, None for the server's. Raises InvalidInput for a bad value."""
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
    return Written(columns, notes)


def _limit(name: str, value: int | None) -> str:
    return f"{name} is that of the server" if value is None else f"{name} is {value}"
