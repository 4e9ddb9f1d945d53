"""Event names and properties: which events there are, how many a day, and what their properties are like."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.responses import Response

from trackway.errors import RequestError
from trackway.limits import EVENT_NAMES_SHOWN_MAX, FILTER_CHARACTERS_MAX
from trackway.query.event_names import NameVolume, shapes, volumes
from trackway.web import chart as charts
from trackway.web.page import Page, render

DAYS = (7, 30, 90, 365)
CHARTED_NAMES = 7
"""Names with a color of their own; what is left is one more."""
OTHERS = "all others"


async def show(page: Page) -> Response:
    """The names of most events, and the properties of the newest events."""
    query = page.request.query_params
    days, search = _days(query), _text(query, "search")
    found = await _volumes(page, days, search=search)
    sample = await asyncio.to_thread(shapes, page.parts.store, page.project.project_id)
    labels = _labels(days)
    return render(
        page,
        "event_names.html",
        days=days,
        choices=DAYS,
        search=search,
        names=found,
        is_cut=len(found) == EVENT_NAMES_SHOWN_MAX,
        chart_url=page.url("/names/chart.svg", days=str(days), search=search),
        by_day=_table(found, labels),
        sample=sample,
    )


async def one(page: Page) -> Response:
    """One name: its volume a day and its properties."""
    query = page.request.query_params
    days, name = _days(query), _text(query, "name")
    found = await _volumes(page, days, name=name)
    sample = await asyncio.to_thread(shapes, page.parts.store, page.project.project_id, name)
    if not name or not (found or sample.events):
        raise HTTPException(404)
    return render(
        page,
        "event_name.html",
        name=name,
        days=days,
        choices=DAYS,
        volume=found[0] if found else None,
        chart_url=page.url("/names/chart.svg", days=str(days), name=name),
        by_day=_table(found, _labels(days)),
        sample=sample,
    )


async def chart(page: Page) -> Response:
    """The picture of both: bars by day, a color a name."""
    query = page.request.query_params
    days = _days(query)
    found = await _volumes(page, days, search=_text(query, "search"), name=_text(query, "name"))
    labels = _labels(days)
    picture = charts.bars("Events a day", [day.isoformat() for day in labels], _series(found, labels))
    headers = {"content-security-policy": charts.CONTENT_SECURITY_POLICY}
    return Response(picture, media_type=charts.MEDIA_TYPE, headers=headers)


async def _volumes(page: Page, days: int, *, search: str = "", name: str = "") -> list[NameVolume]:
    labels = _labels(days)
    names = [name] if name else []
    return await asyncio.to_thread(
        volumes, page.parts.store, page.project.project_id, labels[0], labels[-1], search=search, names=names
    )


def _labels(days: int) -> list[date]:
    """The last so many days in UTC, today included."""
    today = datetime.now(UTC).date()
    return [today - timedelta(days=back) for back in reversed(range(days))]


def _series(found: Sequence[NameVolume], labels: Sequence[date]) -> dict[str, list[int]]:
    series = {each.name: [each.by_day.get(day, 0) for day in labels] for each in found[:CHARTED_NAMES]}
    if found[CHARTED_NAMES:]:
        rest = _sums(found[CHARTED_NAMES:])
        series[OTHERS] = [rest[day] + series.get(OTHERS, [0] * len(labels))[at] for at, day in enumerate(labels)]
    return series


def _table(found: Sequence[NameVolume], labels: Sequence[date]) -> list[tuple[date, int]]:
    """Days, the last one first, with the events of each."""
    sums = _sums(found)
    return [(day, sums[day]) for day in reversed(labels)]


def _sums(found: Sequence[NameVolume]) -> Counter[date]:
    sums: Counter[date] = Counter()
    for each in found:
        sums.update(each.by_day)
    return sums


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
