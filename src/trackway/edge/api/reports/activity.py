"""`stream/query` and `stream/bookmark`: the parameters of persons' activity, and its answer (openapi/query
activity-stream-query).

The older one gives all events of some days, in the order of time. The newer one gives the newest events, and a
`sentinel_event` with which a client asks for the page before. That is a place in the order, and clients send it back as
it is.
"""

from typing import Annotated, Any, Final

import msgspec
import orjson

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.dates import between, bookmark_day, last
from trackway.edge.api.reports.bookmarks.strict_json import not_built, strict_json
from trackway.edge.api.reports.parameters import dates, days_of, limit, today
from trackway.edge.api.reports.report import Report
from trackway.edge.limits import ACTIVITY_EVENTS_MAX, ACTIVITY_IDS_MAX, ACTIVITY_NAMES_MAX, ACTIVITY_SEARCH_BYTES_MAX
from trackway.edge.wire.parameter_tables import STREAM_BOOKMARK, STREAM_QUERY
from trackway.edge.wire.parameters import Parameters, strings, whole_number
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.query.reports.activity import Activity, Page, Place, activity
from trackway.query.reports.run import Run

_WINDOW_DAYS_MAX: Final = 30
_TIME_MS_MAX: Final = 2**43
"""Later than every event, in milliseconds since the epoch."""
_FEWER: Final = "ask for fewer days, or for pages by stream/bookmark"


class _Window(msgspec.Struct, forbid_unknown_fields=True):
    unit: str
    value: int


class _DateRange(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    type: str
    from_: str = ""
    to: str = ""
    window: _Window | None = None


class _Bookmark(msgspec.Struct, forbid_unknown_fields=True):
    dateRange: _DateRange
    entries: list[Any] = []


class _Sentinel(msgspec.Struct, forbid_unknown_fields=True):
    time_ms: Annotated[int, msgspec.Meta(ge=0, le=_TIME_MS_MAX)]
    event: str
    distinct_id: str
    insert_id: str = msgspec.field(name="$insert_id")


class _Searched(msgspec.Struct):
    value: str
    resourceType: str = "event"


def read_stream_query(parameters: Parameters, project: Project) -> Activity:
    """Raises RequestError 400, naming the parameter."""
    bounds_ms = days_of(project).bounds_ms(*dates(parameters, project))
    return Activity(project.project_id, _ids(parameters), *bounds_ms, ACTIVITY_EVENTS_MAX)


def read_stream_bookmark(parameters: Parameters, project: Project) -> Activity:
    """Raises RequestError 400, naming the parameter."""
    if parameters.get("mode", "raw") != "raw":
        raise not_built("mode", parameters["mode"])
    only, without = _names(parameters, "include_events"), _names(parameters, "exclude_events")
    if only and without:
        raise RequestError(400, "include_events and exclude_events exclude each other")
    search, searched = _search(parameters)
    return Activity(
        project.project_id,
        _ids(parameters),
        *_range_ms(parameters, project),
        limit(parameters, ACTIVITY_EVENTS_MAX, ACTIVITY_EVENTS_MAX),
        only,
        without,
        _cursor(parameters),
        whole_number(parameters, "paging_window", 1, _WINDOW_DAYS_MAX),
        search,
        searched,
    )


def _ids(parameters: Parameters) -> list[str]:
    ids = strings(parameters, "distinct_ids")
    if not ids:
        raise RequestError(400, "distinct_ids is required, a JSON array of ids")
    if len(ids) > ACTIVITY_IDS_MAX:
        raise RequestError(400, f"distinct_ids must be {ACTIVITY_IDS_MAX} ids at most")
    return ids


def _names(parameters: Parameters, name: str) -> list[str]:
    names = strings(parameters, name) or []
    if len(names) > ACTIVITY_NAMES_MAX:
        raise RequestError(400, f"{name} must be {ACTIVITY_NAMES_MAX} names at most")
    return names


def _range_ms(parameters: Parameters, project: Project) -> tuple[int, int]:
    if not parameters.get("bookmark"):
        raise RequestError(400, "bookmark is required, with a dateRange")
    bookmark = strict_json(parameters["bookmark"], _Bookmark, "bookmark")
    if bookmark.entries:
        raise RequestError(400, "bookmark.entries must be empty: include_events and exclude_events choose events")
    asked, now, path = bookmark.dateRange, today(project), "bookmark.dateRange"
    match asked.type:
        case "between":
            days = between(bookmark_day(asked.from_, f"{path}.from"), bookmark_day(asked.to, f"{path}.to"), now, path)
        case "since":
            days = between(bookmark_day(asked.from_, f"{path}.from"), now, now, path)
        case "relative_after" if asked.window is not None:
            days = last(asked.window.unit, asked.window.value, now, f"{path}.window")
        case "relative_after":
            raise RequestError(400, f"Field required at {path}.window")
        case _:
            raise RequestError(400, f"{path}.type must be one of between, since, relative_after")
    return days_of(project).bounds_ms(*days)


def _cursor(parameters: Parameters) -> Place | None:
    text = parameters.get("sentinel_event", "")
    if not text:
        return None
    found = strict_json(text, _Sentinel, "sentinel_event")
    return Place(found.time_ms, found.event, found.distinct_id, found.insert_id)


def _search(parameters: Parameters) -> tuple[str, list[str]]:
    search, text = parameters.get("search", ""), parameters.get("search_properties", "")
    if len(search.encode()) > ACTIVITY_SEARCH_BYTES_MAX:
        raise RequestError(400, f"search must be {ACTIVITY_SEARCH_BYTES_MAX} bytes at most")
    searched = strict_json(text, list[_Searched], "search_properties") if text else []
    if searched and not search:
        raise RequestError(400, "search_properties needs a search")
    if len(searched) > ACTIVITY_NAMES_MAX:
        raise RequestError(400, f"search_properties must be {ACTIVITY_NAMES_MAX} properties at most")
    for number, each in enumerate(searched):
        if each.resourceType not in ("event", "events"):
            raise not_built(f"search_properties.{number}.resourceType", each.resourceType)
    return search, [each.value for each in searched]


async def answer_query(run: Run, wanted: Activity) -> dict[str, Any]:
    page = await activity(run, wanted)
    if page.older is not None:
        raise RequestError(400, f"there are more than {ACTIVITY_EVENTS_MAX} events of these ids: {_FEWER}")
    return {"status": "ok", "results": {"events": _events(page)}}


async def answer_bookmark(run: Run, wanted: Activity) -> dict[str, Any]:
    page = await activity(run, wanted)
    return {"status": "ok", "results": {"events": _events(page), "sentinel_event": _sentinel(page.older)}}


def _sentinel(place: Place | None) -> dict[str, Any] | None:
    if place is None:
        return None
    return {
        "time_ms": place.time_ms,
        "event": place.event,
        "distinct_id": place.distinct_id,
        "$insert_id": place.insert_id,
    }


def _events(page: Page) -> list[orjson.Fragment]:
    return [orjson.Fragment(line) for line in page.lines]


STREAM_QUERY_REPORT: Final = Report("stream/query", STREAM_QUERY, read_stream_query, answer_query, right=Right.PROFILES)
STREAM_BOOKMARK_REPORT: Final = Report(
    "stream/bookmark", STREAM_BOOKMARK, read_stream_bookmark, answer_bookmark, right=Right.PROFILES
)
