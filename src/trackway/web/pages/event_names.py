"""Event names and properties: the names, their volume by day, and the types and values of their properties."""

import time
from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.responses import Response

from trackway.domain.errors import RequestError
from trackway.domain.limits import EVENT_NAMES_SHOWN_MAX
from trackway.query.event_names import NameVolume, Sample, shapes, volumes
from trackway.query.property_times import property_times
from trackway.query.reports.run import Run
from trackway.query.reports.segmentation import Chosen, Segmentation, segmentation
from trackway.query.reports.series import Measure
from trackway.query.sql.buckets import Buckets
from trackway.web.chart import Chart, chart
from trackway.web.limits import CHARTED_NAMES, FILTER_CHARACTERS_MAX
from trackway.web.page import Page, render
from trackway.web.store_errors import answer_of, in_time


class Figures(NamedTuple):
    """The figures of a chart as a table: its series, and for each day the figure of each series."""

    names: list[str]
    days: list[tuple[date, tuple[int, ...]]]


DAYS = (7, 30, 90, 365)
OTHERS = "all others"
_MONTHS_FROM_DAYS = 120
FEWER_DAYS = "choose fewer days"
ONE_NAME = "open the page of one event's name"


async def show(page: Page) -> Response:
    """The most frequent names, and the properties of the newest events."""
    query = page.request.query_params
    days, search = _days(query), _text(query, "search")
    found = await _volumes(page, days, search=search)
    sample = await _sample(page)
    labels = _labels(page, days)
    return render(
        page,
        "event_names.html",
        days=days,
        choices=DAYS,
        search=search,
        names=found,
        users=await in_time(_users(page, [each.name for each in found], labels)),
        is_cut=len(found) == EVENT_NAMES_SHOWN_MAX,
        picture=await _picture(found, labels),
        by_day=_table(found, labels),
        sample=sample,
    )


async def one(page: Page) -> Response:
    """One name: its volume by day and its properties."""
    query = page.request.query_params
    days, name = _days(query), _text(query, "name")
    labels = _labels(page, days)
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
        users=await in_time(_users(page, [name], labels)),
        picture=await _picture(found, labels),
        by_day=_table(found, labels),
        sample=sample,
    )


async def properties(page: Page) -> Response:
    """The properties of the newest events, of one name if given, with the first and last time of each. The query may
    take seconds, so this is a page of its own. Scripts of the other pages insert its content."""
    name = _text(page.request.query_params, "name")
    sample = await _sample(page, name)
    if name and not sample.events:
        raise HTTPException(404)
    seen = {each.name: (each.first_ms, each.last_ms) for each in sample.properties}
    times = await answer_of(property_times(page.reader, page.project.project_id, name, seen), ONE_NAME)
    return render(page, "event_properties.html", name=name, sample=sample, times=times)


async def _volumes(page: Page, days: int, *, search: str = "", name: str = "") -> list[NameVolume]:
    labels = _labels(page, days)
    names = [name] if name else []
    reader, project_id = page.reader, page.project.project_id
    found = volumes(reader, project_id, labels[0], labels[-1], days=page.days, search=search, names=names)
    return await answer_of(found, FEWER_DAYS)


async def _users(page: Page, names: Sequence[str], labels: Sequence[date]) -> dict[str, int]:
    """How many users had each event in these days, as the API's `segmentation` counts them."""
    if not names:
        return {}
    project_id, whole = page.project.project_id, Buckets(page.days, labels[0], labels[-1], interval=len(labels))
    asked = Segmentation(Chosen(project_id, names, whole), Measure.UNIQUE, None, len(names))
    found = await segmentation(Run(page.reader, project_id), asked)
    return {name: round(sum(points.values())) for name, points in found}


async def _sample(page: Page, name: str = "") -> Sample:
    return await answer_of(shapes(page.reader, page.project.project_id, name), FEWER_DAYS)


def _labels(page: Page, days: int) -> list[date]:
    """The last `days` days in the project's time zone, today included."""
    today = page.days.day_of(time.time_ns() // 1_000_000)
    return [today - timedelta(days=back) for back in reversed(range(days))]


def _series(found: Sequence[NameVolume], labels: Sequence[date]) -> dict[str, list[int]]:
    """The daily figures of each of the most frequent names, and those of all other names together."""
    series = {each.name: [each.by_day.get(day, 0) for day in labels] for each in found[:CHARTED_NAMES]}
    if rest := found[CHARTED_NAMES:]:
        name = OTHERS if OTHERS not in series else f"{OTHERS} (other names)"
        series[name] = [sum(each.by_day.get(day, 0) for each in rest) for day in labels]
    return series


async def _picture(found: Sequence[NameVolume], labels: Sequence[date]) -> Chart:
    """Bars by day, with one color for each name."""
    return await chart(
        "Events a day", [_day(day, labels) for day in labels], _series(found, labels), ticks=_ticks(labels)
    )


def _day(day: date, labels: Sequence[date]) -> str:
    return f"{day:%b %Y}" if len(labels) > _MONTHS_FROM_DAYS else f"{day.day} {day:%b}"


def _ticks(labels: Sequence[date]) -> list[int] | None:
    """For many days, the places where every second month begins. More labels would not be readable."""
    if len(labels) <= _MONTHS_FROM_DAYS:
        return None
    return [place for place, day in enumerate(labels) if day.day == 1 and day.month % 2]


def _table(found: Sequence[NameVolume], labels: Sequence[date]) -> Figures:
    """The figures by day, the last day first."""
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
