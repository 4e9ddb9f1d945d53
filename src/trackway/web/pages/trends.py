"""Trends: how often events happen, by time and by a property. The page asks what the API's `insights` answers."""

import json
import time
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.projects.roles import Right
from trackway.web.bookmark_answer import Answered, Asking, answer_bookmark
from trackway.web.bookmark_form import query_of
from trackway.web.chart_notes import span_of
from trackway.web.csv_table import csv_reply
from trackway.web.date_range import RANGES
from trackway.web.limits import (
    FILTER_CHARACTERS_MAX,
    SUGGESTIONS_MAX,
    TREND_EVENTS_MAX,
    TREND_FILTERS_MAX,
)
from trackway.web.page import Page, render
from trackway.web.pages.annotations import notes_in
from trackway.web.report_bookmark import Bookmark, bookmark_of
from trackway.web.report_filter import NO_FILTER, OPERATORS
from trackway.web.report_form import (
    CHARTS,
    COMPARISONS,
    MEASURES,
    OF_PROPERTY,
    UNITS,
    ReportForm,
    read_form,
)
from trackway.web.report_run import SMALLER, curl_text, offered_events, run_of, sql_text
from trackway.web.report_table import csv_of, trend_of
from trackway.web.report_view import Shape, view_of
from trackway.web.saved_report import done_of, open_report
from trackway.web.store_errors import answer_of
from trackway.web.suggestions import KINDS, columns_offered, suggestions

PATH: Final = "/trends"


async def show(page: Page, *, changes: Changes) -> Response:
    """The form, and the trend that it asks for. A question that cannot be answered keeps its form, with the reason."""
    form, as_of_ms = read_form(page.request.query_params), time.time_ns() // 1_000_000
    saved = await open_report(page, changes)
    if not form.events:
        return _page(page, form, as_of_ms, saved=saved, offered=await offered_events(page))
    try:
        bookmark = _bookmark(page, form)
        answered = await _answered(page, bookmark, changes)
    except RequestError as error:
        return _page(page, form, as_of_ms, saved=saved, fault=error.message, status=error.status)
    notes = [] if form.chart == "number" else await notes_in(page, changes, span_of(answered.answer))
    return _page(
        page,
        form,
        as_of_ms,
        saved=saved,
        notes=notes,
        view=await view_of(_title(form), Shape(form.chart, form.unit), answered.answer, notes),
        sql=sql_text(answered.statements),
        curl=curl_text(page, "insights", {"bookmark": bookmark}),
    )


async def table(page: Page, *, changes: Changes) -> Response:
    """The table of the same question as CSV."""
    form = read_form(page.request.query_params)
    if not form.events:
        raise RequestError(400, "choose an event")
    answered = await _answered(page, _bookmark(page, form), changes)
    return csv_reply("trend", csv_of(trend_of(answered.answer)))


async def suggest(page: Page, *, changes: Changes) -> Response:
    """Suggestions for a field of the form, as a JSON array of texts. A script asks for them as a visitor types."""
    query = page.request.query_params
    asked, names = query.get("kind", ""), [query.get("event", ""), query.get("property", "")]
    kind = next((each for each in KINDS if each == asked), None)
    if kind is None or any(len(name) > FILTER_CHARACTERS_MAX for name in names):
        raise RequestError(400, f"kind must be one of {', '.join(KINDS)}, and names at most {FILTER_CHARACTERS_MAX}")
    if kind == "users" and not page.may(Right.PROFILES):
        return JSONResponse([])
    run = await run_of(page, changes)
    found = suggestions(run, page.project, kind, event=names[0], property=names[1], limit=SUGGESTIONS_MAX)
    columns = columns_offered(page, changes, kind, await answer_of(found, SMALLER), SUGGESTIONS_MAX)
    return JSONResponse(await answer_of(columns, SMALLER))


def _page(page: Page, form: ReportForm, as_of_ms: int, *, status: int = 200, **values: Any) -> Response:
    """The page with one empty row more of events and of filters, as long as there may be more."""
    known: dict[str, Any] = {"view": None, "notes": [], "fault": "", "offered": None}
    return render(
        page,
        "trends.html",
        status=status,
        form=form,
        as_of_ms=as_of_ms,
        address=query_of(form),
        done=done_of(page),
        heading=_title(form),
        event_rows=[*form.events, ""][:TREND_EVENTS_MAX],
        filter_rows=[*form.filters, NO_FILTER][:TREND_FILTERS_MAX],
        choices={
            "measure": list(MEASURES.items()),
            "is": list(OPERATORS.items()),
            "range": list(RANGES.items()),
            "unit": list(UNITS.items()),
            "chart": list(CHARTS.items()),
            "compare": list(COMPARISONS.items()),
        },
        **(known | values),
    )


def _bookmark(page: Page, form: ReportForm) -> Bookmark:
    return bookmark_of(form, page.days.day_of(time.time_ns() // 1_000_000))


async def _answered(page: Page, bookmark: Bookmark, changes: Changes) -> Answered:
    """Raises RequestError 400 for a question that cannot be answered, and StorageError."""
    asking = Asking(page.reader, page.project, changes, page.author)
    return await answer_bookmark(asking, json.dumps(bookmark, ensure_ascii=False))


def _title(form: ReportForm) -> str:
    """What is shown, such as `Order placed: total, by category`."""
    measure = MEASURES[form.measure]
    if form.measure in OF_PROPERTY:
        measure = measure.replace("a property", form.property)
    named = f"{form.events[0]}: {measure.lower()}" if len(form.events) == 1 else measure
    named = f"{form.formula} of {measure.lower()}" if form.formula else named
    named += f", by {form.by}" if form.by else ""
    named += f" and {form.by2}" if form.by2 else ""
    return f"{named}, mean of {form.rolling}" if form.rolling and form.chart != "number" else named
