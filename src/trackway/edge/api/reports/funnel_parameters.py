"""The parameters of `funnels`: a funnel by its steps, and what is counted of it."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.documents import Bookmark
from trackway.edge.api.reports.bookmarks.filters import Calendar
from trackway.edge.api.reports.bookmarks.funnels import bookmarked_funnel
from trackway.edge.api.reports.bookmarks.strict_json import strict_json
from trackway.edge.api.reports.funnel_rules import (
    check_exclusions,
    check_held,
    check_steps,
    excluded_between,
    window_ms,
)
from trackway.edge.api.reports.parameters import breakdown, buckets, choice, dates, days_of, expression, limit, today
from trackway.edge.api.reports.retention import LIMIT_DEFAULT, unit_or_interval
from trackway.edge.limits import SERIES_MAX
from trackway.edge.wire.parameters import Parameters, strings, whole_number
from trackway.projects.project import Project
from trackway.projects.saved import Bookmark as SavedReport
from trackway.projects.saved import UnknownSaved
from trackway.query.expressions import Property
from trackway.query.expressions.tree import Junction
from trackway.query.reports.funnel import Count, Exclusion, Funnel, FunnelQuestion, Order, Reentry, Step
from trackway.query.sql.selector import Selector

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

SAVED_FIELDS: Final = (
    "events", "length", "length_unit", "count_type", "order", "reentry", "exclusions", "hold_constant",
)  # fmt: skip
"""Parameters that a saved funnel may have; `steps` is another name of `events`."""
_FUNNELS: Final = "funnels"
_EXAMPLE: Final = '{"steps":[{"event":"A"},{"event":"B"}]}'
_ID_MAX: Final = 2**31 - 1
_INTERVAL_MAX: Final = 366
_LENGTH_MAX: Final = 367 * 86_400
_UNITS: Final = ("second", "minute", "hour", "day")
_WINDOW_DEFAULT_MS: Final = 14 * 86_400_000


class _Place(msgspec.Struct, forbid_unknown_fields=True):
    """Two steps, which count from 1."""

    begin: int = msgspec.field(name="from")
    end: int = msgspec.field(name="to")


class _Excluded(msgspec.Struct, forbid_unknown_fields=True):
    event: str
    where: str = ""
    steps: _Place | None = None


class _Step(msgspec.Struct, forbid_unknown_fields=True):
    event: str
    where: str = ""
    label: str = ""


class SavedFunnel(NamedTuple):
    """A question about the funnel that is saved under an id. `given`: the parameters of the request."""

    project: Project
    funnel_id: int
    given: Parameters


def read_funnels(parameters: Parameters, project: Project) -> FunnelQuestion | SavedFunnel:
    """Raises RequestError 400, naming the parameter."""
    funnel_id = whole_number(parameters, "funnel_id", 1, _ID_MAX)
    if bool(parameters.get("events")) == (funnel_id is not None):
        raise RequestError(
            400, 'one of events and funnel_id is required: [{"event":"A"},{"event":"B"}], or the id of a saved report'
        )
    if funnel_id is not None:
        return SavedFunnel(project, funnel_id, parameters)
    return _question(parameters, project)


def loading(asked: FunnelQuestion | SavedFunnel) -> Callable[["Saved"], FunnelQuestion | SavedFunnel] | None:
    """What looks a saved funnel up, if one is asked for. It raises RequestError 400 for what there is not."""
    return None if isinstance(asked, FunnelQuestion) else lambda saved: _saved(saved, asked)


def _saved(saved: "Saved", asked: SavedFunnel) -> FunnelQuestion:
    """The fields of a saved funnel are parameters of the report; those of the request count before them."""
    try:
        found = saved.one(SavedReport, asked.project.project_id, asked.funnel_id)
    except UnknownSaved as error:
        raise RequestError(400, f"funnel_id {asked.funnel_id} is no saved report of this project") from error
    if found.type != _FUNNELS:
        raise RequestError(400, f"funnel_id {asked.funnel_id} is a saved report of type {found.type}, not {_FUNNELS}")
    fields = strict_json(found.params, dict[str, msgspec.Raw], "params")
    if "sections" in fields:
        return _bookmarked(strict_json(found.params, Bookmark, "params"), asked)
    named = {("events" if name == "steps" else name): bytes(value).decode() for name, value in fields.items()}
    kept = {name: value for name, value in named.items() if name in SAVED_FIELDS and value != "null"}
    if "events" not in kept:
        raise RequestError(400, f"the saved report {asked.funnel_id} has no steps: save params as {_EXAMPLE}")
    texts = {name: _plain(value) for name, value in kept.items()}
    return _question({**texts, **{name: value for name, value in asked.given.items() if value}}, asked.project)


def _plain(text: str) -> str:
    """A value in JSON as the text of a parameter."""
    return msgspec.json.decode(text, type=str) if text.startswith('"') else text


def _bookmarked(bookmark: Bookmark, asked: SavedFunnel) -> FunnelQuestion:
    """A funnel that Mixpanel's query SDK saved. The request gives the days, and may give a further condition, another
    breakdown, and what else it may give of any saved funnel."""
    project, given = asked.project, asked.given
    found = bookmarked_funnel(bookmark, Calendar(days_of(project), today(project), time.time()))
    unit, interval = unit_or_interval(given, _INTERVAL_MAX)
    conditions = tuple(each for each in (found.where, expression(given, "where", project)) if each is not None)
    return FunnelQuestion(
        project.project_id,
        _with_given(found.funnel, given, project),
        buckets(days_of(project), *dates(given, project), unit, interval),
        Junction(1, "and", conditions) if conditions else None,
        breakdown(given, project) or found.on,
        limit(given, LIMIT_DEFAULT, SERIES_MAX),
    )


def _with_given(saved: Funnel, given: Parameters, project: Project) -> Funnel:
    """The saved funnel, but for what the request says of it."""
    order = choice(given, "order", tuple(Order), saved.order)
    exclusions = _exclusions(given, project, len(saved.steps)) if given.get("exclusions") else saved.exclusions
    check_exclusions(len(exclusions), order, "exclusions")
    return saved._replace(
        window_ms=_window_ms(given) if given.get("length") else saved.window_ms,
        counted=choice(given, "count_type", tuple(Count), saved.counted),
        order=order,
        reentry=choice(given, "reentry", tuple(Reentry), saved.reentry),
        exclusions=exclusions,
        held=_held(given) or saved.held,
    )


def _question(parameters: Parameters, project: Project) -> FunnelQuestion:
    unit, interval = unit_or_interval(parameters, _INTERVAL_MAX)
    funnel = _funnel(parameters, project)
    return FunnelQuestion(
        project.project_id,
        funnel,
        buckets(days_of(project), *dates(parameters, project), unit, interval),
        expression(parameters, "where", project),
        breakdown(parameters, project),
        limit(parameters, LIMIT_DEFAULT, SERIES_MAX),
    )


def _funnel(parameters: Parameters, project: Project) -> Funnel:
    steps = _steps(parameters, project)
    order = choice(parameters, "order", tuple(Order), Order.LOOSE)
    exclusions = _exclusions(parameters, project, len(steps))
    check_exclusions(len(exclusions), order, "exclusions")
    return Funnel(
        steps,
        _window_ms(parameters),
        choice(parameters, "count_type", tuple(Count), Count.UNIQUE),
        order,
        choice(parameters, "reentry", tuple(Reentry), Reentry.FIRST),
        exclusions,
        _held(parameters),
    )


def _held(parameters: Parameters) -> list[Property]:
    names = strings(parameters, "hold_constant") or []
    check_held(len(names), "hold_constant")
    return [Property(1, False, name) for name in names]


def _steps(parameters: Parameters, project: Project) -> list[Step]:
    found = _decoded(parameters, "events", list[_Step | str])
    check_steps(len(found), "events")
    steps = (_Step(each) if isinstance(each, str) else each for each in found)
    return [
        Step(_selector(each, project, f"events[{number}].where"), each.label or each.event)
        for number, each in enumerate(steps)
    ]


def _exclusions(parameters: Parameters, project: Project, steps: int) -> list[Exclusion]:
    found = _decoded(parameters, "exclusions", list[_Excluded]) if parameters.get("exclusions") else []
    exclusions = []
    for number, each in enumerate(found):
        begin, end = (each.steps.begin, each.steps.end) if each.steps else (None, None)
        between = excluded_between(begin, end, steps, f"exclusions[{number}]")
        exclusions.append(Exclusion(_selector(each, project, f"exclusions[{number}].where"), *between))
    return exclusions


def _selector(asked: _Step | _Excluded, project: Project, name: str) -> Selector:
    return Selector(asked.event, expression({name: asked.where}, name, project))


def _decoded(parameters: Parameters, name: str, shape: Any) -> Any:
    try:
        return msgspec.json.decode(parameters[name], type=shape)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RequestError(400, f"{name} must be a JSON array: {error}") from error


def _window_ms(parameters: Parameters) -> int:
    unit = parameters.get("length_unit", "").lower() or "day"
    if unit not in _UNITS:
        raise RequestError(400, f"length_unit must be one of {', '.join(_UNITS)}, not '{unit[:40]}'")
    length = whole_number(parameters, "length", 1, _LENGTH_MAX)
    return _WINDOW_DEFAULT_MS if length is None else window_ms(length, unit, "length")
