"""Funnels: how many come from a first event to further ones. The page asks what the API's `funnels` answers."""

import json
import time
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.edge.api.reports.bookmarks.funnels import FunnelAsked
from trackway.edge.api.reports.funnels import FUNNELS_REPORT
from trackway.edge.api.reports.insights import INSIGHTS_REPORT
from trackway.projects.roles import Right
from trackway.projects.saved import Bookmark
from trackway.query.reports.funnel import FunnelQuestion
from trackway.query.reports.run import Run
from trackway.web.csv_table import csv_reply
from trackway.web.funnel_bookmark import Bookmark as Document
from trackway.web.funnel_bookmark import funnel_bookmark
from trackway.web.funnel_chart import funnel_chart
from trackway.web.funnel_form import (
    COUNTS,
    FEWEST_STEPS,
    ORDERS,
    REENTRIES,
    WINDOW_UNITS,
    ExclusionForm,
    FunnelForm,
    read_funnel,
)
from trackway.web.funnel_table import FunnelTable, csv_of_funnel, funnel_table
from trackway.web.limits import (
    FUNNEL_FORM_EXCLUSIONS_MAX,
    FUNNEL_FORM_STEPS_MAX,
    FUNNEL_VALUES_MAX,
    TREND_DRAWN_MAX,
)
from trackway.web.page import Page
from trackway.web.report_event import EventForm
from trackway.web.report_page import report_page
from trackway.web.report_run import SMALLER, curl_text, offered_events, run_of, sql_text
from trackway.web.saved_report import open_report
from trackway.web.store_errors import answer_of

PATH: Final = "/funnels"
_STEPS_SHOWN_MIN: Final = 3


class Asked(NamedTuple):
    """A form as the API's bookmark, and as its question."""

    bookmark: Document
    question: FunnelQuestion


async def show(page: Page, *, changes: Changes) -> Response:
    """The form, and the funnel that it asks for. A question that cannot be answered keeps its form, with the reason."""
    form, saved = read_funnel(page.request.query_params), await open_report(page, changes)
    if len(form.steps) < FEWEST_STEPS:
        return _page(page, form, saved, offered=await offered_events(page))
    run = await run_of(page, changes)
    try:
        asked = asked_of(page, form)
        table = await _answered(run, asked.question)
    except RequestError as error:
        return _page(page, form, saved, fault=error.message, status=error.status)
    return _page(
        page,
        form,
        saved,
        table=table,
        picture=None if table.is_empty else await funnel_chart(table, TREND_DRAWN_MAX),
        sql=sql_text(run.statements),
        curl=curl_text(page, "insights", {"bookmark": asked.bookmark}),
    )


async def table(page: Page, *, changes: Changes) -> Response:
    """The tables of the same question as CSV."""
    form = read_funnel(page.request.query_params)
    asked = asked_of(page, form)
    return csv_reply(
        "funnel", csv_of_funnel(await _answered(await run_of(page, changes), asked.question), form.by.name)
    )


def asked_of(page: Page, form: FunnelForm) -> Asked:
    """Raises RequestError 400 for a question that cannot be answered."""
    bookmark = funnel_bookmark(form, page.days.day_of(time.time_ns() // 1_000_000))
    limits = json.dumps({"limit": FUNNEL_VALUES_MAX})
    wanted = INSIGHTS_REPORT.parse({"bookmark": json.dumps(bookmark), "queryLimits": limits}, page.project)
    if not isinstance(wanted, FunnelAsked):
        raise RequestError(400, "this page filters by properties, not by what is saved")
    return Asked(bookmark, wanted.question)


async def _answered(run: Run, question: FunnelQuestion) -> FunnelTable:
    answer = await answer_of(FUNNELS_REPORT.answer(run, question), SMALLER)
    return funnel_table(answer, broken_down=question.on is not None)


def _page(page: Page, form: FunnelForm, saved: Bookmark | None, **values: Any) -> Response:
    """The page with one empty row more of steps and exclusions, as long as there may be more."""
    shown = max(_STEPS_SHOWN_MIN, len(form.steps) + 1)
    return report_page(
        page,
        "funnels.html",
        form,
        saved,
        {"window_unit": WINDOW_UNITS, "counted": COUNTS, "order": ORDERS, "reentry": REENTRIES},
        step_rows=[*form.steps, *[EventForm("")] * (shown - len(form.steps))][:FUNNEL_FORM_STEPS_MAX],
        exclusion_rows=[*form.exclusions, ExclusionForm("", "", "")][:FUNNEL_FORM_EXCLUSIONS_MAX],
        lists_people=page.may(Right.PROFILES),
        **values,
    )
