"""Retention: how many come back after so many days, weeks or months. The page asks what the API's `insights` answers
to a bookmark of retention."""

import json
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.edge.api.reports.bookmarks.retention import RetentionQuestion
from trackway.edge.api.reports.insights import INSIGHTS_REPORT
from trackway.projects.saved import Bookmark
from trackway.web.chart_notes import marks_of, span_of
from trackway.web.csv_table import csv_reply
from trackway.web.limits import RETENTION_SHOWN_VALUES_MAX, TREND_DRAWN_MAX
from trackway.web.page import Page
from trackway.web.pages.annotations import notes_in
from trackway.web.report_page import report_page
from trackway.web.report_run import SMALLER, curl_text, offered_events, run_of, sql_text
from trackway.web.report_table import label
from trackway.web.retention_bookmark import Bookmark as Document
from trackway.web.retention_bookmark import retention_bookmark
from trackway.web.retention_chart import retention_chart
from trackway.web.retention_form import KINDS, RETURNS, UNITS, WINDOWS, RetentionForm, read_retention_form
from trackway.web.retention_table import RetentionTable, csv_of_retention, retention_table
from trackway.web.saved_report import open_report
from trackway.web.store_errors import answer_of

PATH: Final = "/retention"


class Asked(NamedTuple):
    """A form as the API's bookmark, and as its question."""

    bookmark: Document
    question: RetentionQuestion


async def show(page: Page, *, changes: Changes) -> Response:
    """The form, and the retention that it asks for. A question that cannot be answered keeps its form, with the
    reason."""
    form, saved = read_retention_form(page.request.query_params), await open_report(page, changes)
    if not form.born.event.strip():
        return _page(page, form, saved, offered=await offered_events(page))
    run = await run_of(page, changes)
    try:
        asked = asked_of(page, form)
        answer = await answer_of(INSIGHTS_REPORT.answer(run, asked.question), SMALLER)
    except RequestError as error:
        return _page(page, form, saved, fault=error.message, status=error.status)
    table, notes = _table(asked.question, answer), await notes_in(page, changes, span_of(answer))
    return _page(
        page,
        form,
        saved,
        table=table,
        picture=None if table.is_empty else await retention_chart(table, form.unit, TREND_DRAWN_MAX),
        notes=notes,
        marks=marks_of(notes or (), [row.time for row in table.rows]),
        labels=[label(row.time, form.unit) for row in table.rows],
        sql=sql_text(run.statements),
        curl=curl_text(page, "insights", {"bookmark": asked.bookmark}),
    )


async def table(page: Page, *, changes: Changes) -> Response:
    """The tables of the same question as CSV."""
    form = read_retention_form(page.request.query_params)
    asked = asked_of(page, form)
    answer = await answer_of(INSIGHTS_REPORT.answer(await run_of(page, changes), asked.question), SMALLER)
    found = _table(asked.question, answer)
    return csv_reply("retention", csv_of_retention(found, form.by.name, form.unit))


def asked_of(page: Page, form: RetentionForm) -> Asked:
    """Raises RequestError 400 for a question that cannot be answered."""
    bookmark = retention_bookmark(form, page.days.day_of(time.time_ns() // 1_000_000))
    limits = json.dumps({"limit": RETENTION_SHOWN_VALUES_MAX})
    wanted = INSIGHTS_REPORT.parse({"bookmark": json.dumps(bookmark), "queryLimits": limits}, page.project)
    if not isinstance(wanted, RetentionQuestion):
        raise RequestError(400, "this page filters by properties, not by what is saved")
    return Asked(bookmark, wanted)


def _table(question: RetentionQuestion, answer: Mapping[str, Any]) -> RetentionTable:
    return retention_table(answer, broken_down=question.retention.born.on is not None)


def _page(page: Page, form: RetentionForm, saved: Bookmark | None, **values: Any) -> Response:
    choices = {"kind": KINDS, "window": WINDOWS, "unit": UNITS, "returns": RETURNS}
    return report_page(page, "retention.html", form, saved, choices, unit=UNITS[form.unit], **values)
