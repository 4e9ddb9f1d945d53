"""Trends: how often events happen, by time and by a property. The page asks what the API's `insights` answers."""

import json
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from starlette.responses import JSONResponse, Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.edge.api.reports.bookmarks.insights import Question
from trackway.edge.api.reports.insights import INSIGHTS_REPORT
from trackway.query.reports.run import Statement
from trackway.web.csv_table import csv_reply
from trackway.web.date_range import RANGES
from trackway.web.limits import (
    FILTER_CHARACTERS_MAX,
    SUGGESTIONS_MAX,
    TREND_DRAWN_MAX,
    TREND_EVENTS_MAX,
    TREND_FILTERS_MAX,
    TREND_VALUES_MAX,
)
from trackway.web.page import Page, render
from trackway.web.report_bookmark import Bookmark, bookmark_of
from trackway.web.report_filter import NO_FILTER, OPERATORS
from trackway.web.report_form import (
    CHARTS,
    MEASURES,
    OF_PROPERTY,
    UNITS,
    ReportForm,
    read_form,
)
from trackway.web.report_run import SMALLER, curl_text, offered_events, run_of, sql_text
from trackway.web.report_table import Trend, csv_of, label, rows, trend_of
from trackway.web.store_errors import answer_of
from trackway.web.suggestions import KINDS, suggestions
from trackway.web.trend_chart import trend_chart

PATH: Final = "/trends"


class _Shown(NamedTuple):
    """An answered question. `is_cut`: the breakdown has more values than are shown."""

    bookmark: Bookmark
    trend: Trend
    statements: Sequence[Statement]
    is_cut: bool


async def show(page: Page, *, changes: Changes) -> Response:
    """The form, and the trend that it asks for. A question that cannot be answered keeps its form, with the reason."""
    form, as_of_ms = read_form(page.request.query_params), time.time_ns() // 1_000_000
    if not form.events:
        return _page(page, form, as_of_ms, offered=await offered_events(page))
    try:
        shown = await _answered(page, form, changes)
    except RequestError as error:
        return _page(page, form, as_of_ms, fault=error.message, status=error.status)
    drawn = dict(list(shown.trend.series.items())[:TREND_DRAWN_MAX])
    picture = None
    if form.chart in ("line", "bar") and not shown.trend.is_empty:
        labels = [label(each, form.unit, short=True) for each in shown.trend.times]
        picture = await trend_chart(_title(form), labels, drawn, "bar" if form.chart == "bar" else "line")
    return _page(
        page,
        form,
        as_of_ms,
        shown=shown,
        picture=picture,
        undrawn=len(shown.trend.series) - len(drawn),
        rows=rows(shown.trend, form.unit),
        sql=sql_text(shown.statements),
        curl=curl_text(page, "insights", {"bookmark": shown.bookmark}),
    )


async def table(page: Page, *, changes: Changes) -> Response:
    """The table of the same question as CSV."""
    form = read_form(page.request.query_params)
    if not form.events:
        raise RequestError(400, "choose an event")
    return csv_reply("trend", csv_of((await _answered(page, form, changes)).trend))


async def suggest(page: Page, *, changes: Changes) -> Response:
    """Suggestions for a field of the form, as a JSON array of texts. A script asks for them as a visitor types."""
    query = page.request.query_params
    asked, names = query.get("kind", ""), [query.get("event", ""), query.get("property", "")]
    kind = next((each for each in KINDS if each == asked), None)
    if kind is None or any(len(name) > FILTER_CHARACTERS_MAX for name in names):
        raise RequestError(400, f"kind must be one of {', '.join(KINDS)}, and names at most {FILTER_CHARACTERS_MAX}")
    run = await run_of(page, changes)
    found = suggestions(run, page.project, kind, event=names[0], property=names[1], limit=SUGGESTIONS_MAX)
    return JSONResponse(await answer_of(found, SMALLER))


def _page(page: Page, form: ReportForm, as_of_ms: int, *, status: int = 200, **values: Any) -> Response:
    """The page with one empty row more of events and of filters, as long as there may be more."""
    known: dict[str, Any] = {"shown": None, "fault": "", "offered": None, "picture": None, "rows": []}
    return render(
        page,
        "trends.html",
        status=status,
        form=form,
        as_of_ms=as_of_ms,
        address=page.request.url.query,
        heading=_title(form),
        event_rows=[*form.events, ""][:TREND_EVENTS_MAX],
        filter_rows=[*form.filters, NO_FILTER][:TREND_FILTERS_MAX],
        choices={
            "measure": list(MEASURES.items()),
            "is": list(OPERATORS.items()),
            "range": list(RANGES.items()),
            "unit": list(UNITS.items()),
            "chart": list(CHARTS.items()),
        },
        **(known | values),
    )


async def _answered(page: Page, form: ReportForm, changes: Changes) -> _Shown:
    """Raises RequestError 400 for a question that cannot be answered, and StorageError."""
    bookmark = bookmark_of(form, page.days.day_of(time.time_ns() // 1_000_000))
    run = await run_of(page, changes)
    limits = json.dumps({"limit": TREND_VALUES_MAX})
    wanted = INSIGHTS_REPORT.parse({"bookmark": json.dumps(bookmark), "queryLimits": limits}, page.project)
    if not isinstance(wanted, Question):
        raise RequestError(400, "this page shows events, not what is saved")
    answer = await answer_of(INSIGHTS_REPORT.answer(run, wanted), SMALLER)
    trend = trend_of(answer, broken_down=bool(form.by))
    return _Shown(bookmark, trend, run.statements, answer["meta"]["is_segmentation_limit_hit"])


def _title(form: ReportForm) -> str:
    """What is shown, such as `Order placed: total, by category`."""
    measure = MEASURES[form.measure]
    if form.measure in OF_PROPERTY:
        measure = measure.replace("a property", form.property)
    named = f"{form.events[0]}: {measure.lower()}" if len(form.events) == 1 else measure
    return f"{named}, by {form.by}" if form.by else named
