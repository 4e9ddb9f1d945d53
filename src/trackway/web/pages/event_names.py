"""Event names and properties: which events there are, how many a day, and what their properties are like."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.responses import Response

from trackway.errors import RequestError
from trackway.limits import EVENT_NAMES_SHOWN_MAX, FILTER_CHARACTERS_MAX
from trackway.query.event_names import NameVolume, Sample, shapes, volumes
from trackway.query.property_times import property_times
from trackway.web import chart as charts
from trackway.web.asking import answer_of
from trackway.web.page import Page, render


class Figures(NamedTuple):
    """What a chart shows, as a table: its series, and of each day the figure of each."""

    names: list[str]
    days: list[tuple[date, tuple[int, ...]]]


DAYS = (7, 30, 90, 365)
CHARTED_NAMES = 7
"""Names with a color of their own; what is left is one more."""
OTHERS = "all others"
FEWER_DAYS = "choose fewer days"
ONE_NAME = "open the page of one event's name"


async def show(page: Page) -> Response:
    """The names of most events, and the properties of the newest events."""
    query = page.request.query_params
    days, search = _days(query), _text(query, "search")
    found = await _volumes(page, days, search=search)
    sample = await _sample(page)
    labels = _labels(days)
    return render(
        page,
        "event_names.html",
        days=days,
        choices=DAYS,
        search=search,
        names=found,
        is_cut=len(found) == EVENT_NAMES_SHOWN_MAX,
        picture=_picture(found, labels),
        by_day=_table(found, labels),
        sample=sample,
    )


async def one(page: Page) -> Response:
    """One name: its volume a day and its properties."""
    query = page.request.query_params
    days, name = _days(query), _text(query, "name")
    labels = _labels(days)
    found = await _volumes(page, days, name=name)
    sample = await _sample(page, name)
    if not name or not (found or sample.events):
        raise HTTPException(404)
    return render(
        page,
        "event_name.html",
        name=name,
        days=days,
        choices=DAYS,
        volume=found[0] if found else None,
        picture=_picture(found, labels),
        by_day=_table(found, labels),
        sample=sample,
    )


async def properties(page: Page) -> Response:
    """The properties of the newest events, of one name if given, with when each was first and last seen of all time: a
    page of its own, from which scripts of the others take it, since to find out may take seconds."""
    name = _text(page.request.query_params, "name")
    sample = await _sample(page, name)
    if name and not sample.events:
        raise HTTPException(404)
    store, project_id = page.parts.store, page.project.project_id
    seen = {each.name: (each.first_ms, each.last_ms) for each in sample.properties}
    times = await answer_of(lambda: property_times(store, project_id, name, seen), ONE_NAME)
    return render(page, "event_properties.html", name=name, sample=sample, times=times)


async def _volumes(page: Page, days: int, *, search: str = "", name: str = "") -> list[NameVolume]:
    labels = _labels(days)
    names = [name] if name else []
    store, project_id = page.parts.store, page.project.project_id
    return await answer_of(
        lambda: volumes(store, project_id, labels[0], labels[-1], search=search, names=names), FEWER_DAYS
    )


async def _sample(page: Page, name: str = "") -> Sample:
    return await answer_of(lambda: shapes(page.parts.store, page.project.project_id, name), FEWER_DAYS)


def _labels(days: int) -> list[date]:
    """The last so many days in UTC, today included."""
    today = datetime.now(UTC).date()
    return [today - timedelta(days=back) for back in reversed(range(days))]


def _series(found: Sequence[NameVolume], labels: Sequence[date]) -> dict[str, list[int]]:
    """The figures of each of the most frequent names, one a day, and those of all other names together."""
    series = {each.name: [each.by_day.get(day, 0) for day in labels] for each in found[:CHARTED_NAMES]}
    if rest := found[CHARTED_NAMES:]:
        name = OTHERS if OTHERS not in series else f"{OTHERS} (other names)"
        series[name] = [sum(each.by_day.get(day, 0) for each in rest) for day in labels]
    return series


def _picture(found: Sequence[NameVolume], labels: Sequence[date]) -> str:
    """The address of the chart: bars by day, a color a name."""
    picture = charts.bars("Events a day", [day.isoformat() for day in labels], _series(found, labels))
    return charts.data_uri(picture)


def _table(found: Sequence[NameVolume], labels: Sequence[date]) -> Figures:
    """The same by day, the last one first."""
    series = _series(found, labels)
    days = list(zip(labels, zip(*series.values(), strict=True), strict=True)) if series else []
    return Figures(list(series), days[::-1])


def _days(query: QueryParams) -> int:
    text = query.get("days", "30")
    if text not in map(str, DAYS):
        raise RequestError(400, f"days must be one of {', '.join(map(str, DAYS))}")
    return int(text)


def _text(query: QueryParams, name: str) -> str:
    value = query.get(name, "")
    if len(value) > FILTER_CHARACTERS_MAX:
        raise RequestError(400, f"{name} must have at most {FILTER_CHARACTERS_MAX} characters")
    return value
