"""`/api/app/loaded-events`: a project's events in the order of loading, for `trackway export`.

The days of a range are asked first, then each day. So a file is made for each day, no request takes long, and a client
that broke off asks for one day again.
"""

from datetime import date
from typing import Any, NamedTuple

from trackway.domain.errors import RequestError
from trackway.edge.api.endpoint_shell import Query, Streamed
from trackway.edge.wire.parameter_tables import LOADED_DAYS, LOADED_EVENTS
from trackway.edge.wire.parameters import Parameters, required_day, strings, whole_number
from trackway.edge.wire.replies import TEXT
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.query.loaded_events import Form, LoadedRange, loaded_days, loaded_events
from trackway.store.reader import Readers

PATH = "/api/app/loaded-events"
DAYS_PATH = f"{PATH}/days"
_HIGHEST = (1 << 63) - 1
_DATES = (date(1970, 1, 1), date(2199, 12, 31))


class _Days(NamedTuple):
    project_id: int
    from_position: int
    before_position: int | None
    names: list[str]


class _Day(NamedTuple):
    wanted: LoadedRange
    day: date
    form: Form


def _read_days(parameters: Parameters, project: Project) -> _Days:
    begin = whole_number(parameters, "from_position", 0, _HIGHEST) or 0
    end = whole_number(parameters, "before_position", 0, _HIGHEST)
    return _Days(project.project_id, begin, end, strings(parameters, "event") or [])


def _read_day(parameters: Parameters, project: Project) -> _Day:
    days = _read_days(parameters, project)
    if days.before_position is None:
        raise RequestError(400, f"before_position is required: {DAYS_PATH} gives it")
    form = parameters.get("format") or Form.LINES.value
    if form not in {each.value for each in Form}:
        raise RequestError(400, f"format must be one of {', '.join(each.value for each in Form)}")
    wanted = LoadedRange(days.project_id, days.from_position, days.before_position, days.names)
    return _Day(wanted, required_day(parameters, "day", *_DATES), Form(form))


async def _days(readers: Readers, wanted: _Days) -> dict[str, Any]:
    found = await loaded_days(readers.api, *wanted)
    return {
        "status": "ok",
        "before_position": found.before_position,
        "days": [each._asdict() for each in found.days],
    }


def _events(readers: Readers, wanted: _Day) -> Streamed:
    return Streamed(loaded_events(readers.exports, wanted.wanted, wanted.day, wanted.form), TEXT)


def _never(_: object) -> bool:
    """One export asks for many days, so it does not count towards the exports of the hour; those at once are bound."""
    return False


DAYS = Query(LOADED_DAYS, Right.EXPORT, "loaded days", _read_days, _days, is_counted=_never)
EVENTS = Query(LOADED_EVENTS, Right.EXPORT, "loaded events", _read_day, _events, is_counted=_never)
