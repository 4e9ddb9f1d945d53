"""The cards of dashboards: each is a saved report, asked as the API asks it, within the limits of reports.

A card counts among the reports of its project that run at once, since it is one. It does not count towards the hourly
limit: a page that many look at must not keep a client out.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.flows import FLOWS_REPORT
from trackway.edge.quotas.rate_limits import REPORTING, RateLimits
from trackway.projects.saved import Bookmark
from trackway.web.annotations import notes_between
from trackway.web.bookmark_answer import Asking, answer_bookmark
from trackway.web.chart_notes import Note, span_of
from trackway.web.kind_views import check_asks, flow_view, funnel_view, retention_view
from trackway.web.limits import SHARED_VALUE_USERS_MIN
from trackway.web.report_view import View, shape_of, view_of


class CardView(NamedTuple):
    """What a card shows: a view, or `fault`, the reason why there is none. `as_of_ms`: when it was asked, in
    milliseconds since the epoch."""

    view: View | None
    fault: str
    as_of_ms: int


async def card_view(asking: Asking, report: Bookmark, rates: RateLimits) -> CardView:
    """The answer of a report that no limit refuses now. Raises RequestError 429 and 503, and StorageError."""
    ask, as_of_ms = VIEWS.get(report.type), time.time_ns() // 1_000_000
    if ask is None:
        return CardView(None, f"reports of type {report.type} have no picture here: open the report", as_of_ms)
    rates.begin(asking.project, REPORTING, counted=False)
    try:
        return CardView(await ask(asking, report), "", as_of_ms)
    except RequestError as error:
        if error.status != 400:
            raise
        return CardView(None, error.message, as_of_ms)
    finally:
        rates.end(asking.project, REPORTING)


async def _insights(asking: Asking, report: Bookmark) -> View:
    return await insights_view(asking, report, (await answer_bookmark(asking, report.params)).answer)


async def insights_view(asking: Asking, report: Bookmark, answer: Mapping[str, Any]) -> View:
    """The view of an answer to a saved report of insights, with the annotations of its range if they are asked for.
    Raises RequestError 400 for an answer that is no table of figures."""
    shape = shape_of(report.params)
    notes: list[Note] | None = []
    if asking.with_notes and shape.chart in ("line", "bar"):
        notes = await notes_between(asking.changes, asking.author, asking.project.project_id, span_of(answer))
    return _told(await view_of(report.name, shape, answer, notes), answer)


async def _funnel(asking: Asking, report: Bookmark) -> View:
    check_asks("funnel", report.params)
    answered = await answer_bookmark(asking, report.params)
    return _told(await funnel_view(report.name, answered.answer), answered.answer)


async def _retention(asking: Asking, report: Bookmark) -> View:
    check_asks("retention", report.params)
    answered = await answer_bookmark(asking, report.params)
    return _told(await retention_view(report.name, answered.answer, report.params), answered.answer)


async def _flows(asking: Asking, report: Bookmark) -> View:
    answered = await answer_bookmark(asking, report.params, FLOWS_REPORT)
    return await flow_view(report.name, answered.answer)


def _told(view: View, answer: Mapping[str, Any]) -> View:
    """The view, which says that values were left out of its answer."""
    return view._replace(users_min=SHARED_VALUE_USERS_MIN) if answer.get("left_out") else view


VIEWS: Final[Mapping[str, Callable[[Asking, Bookmark], Awaitable[View]]]] = {
    "insights": _insights,
    "funnels": _funnel,
    "retention": _retention,
    "flows": _flows,
}
"""How reports of a type are asked and shown. Each raises RequestError 400 for a definition that cannot be answered."""
