"""The events behind a page, as a file: those of the filter of the Events page, or those that a report counts."""

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from starlette.responses import Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.edge.api.reports.bookmarks.insights import Question
from trackway.edge.api.reports.insights import INSIGHTS_REPORT
from trackway.query.event_files import of_report
from trackway.query.expressions import Expression
from trackway.query.filtered_events import FilteredEvents, find
from trackway.query.mapped_tables import Mapped, lookups_of
from trackway.query.sql.event_filter import EventFilter
from trackway.query.sql.selector import Selector
from trackway.store.reader import Reader
from trackway.web.event_files import EventsFile, FileParts, Format, check_columns
from trackway.web.event_form import read_chosen
from trackway.web.funnel_form import read_funnel
from trackway.web.mapped_properties import mapped_for
from trackway.web.page import Page
from trackway.web.pages import funnels, retention
from trackway.web.report_bookmark import bookmark_of
from trackway.web.report_form import read_form
from trackway.web.retention_form import read_retention_form


class Counted(NamedTuple):
    """What a report counts: events that one of the selectors chooses, between two instants in milliseconds, of those
    that meet `where`."""

    selectors: Sequence[Selector]
    where: Expression | None
    bounds_ms: tuple[int, int]


async def of_filter(page: Page, *, changes: Changes, parts: FileParts, format: Format) -> Response:
    """The events that the filter of the Events page chooses."""
    chosen, mapped = read_chosen(page.request.query_params, page.days), await mapped_for(page, changes)
    choose = partial(_found, page.project.project_id, chosen.wanted, mapped)
    return EventsFile(parts, page.project, format, choose, _columns(page))


async def of_counted(
    page: Page, *, changes: Changes, parts: FileParts, format: Format, counted: Callable[[Page], Counted]
) -> Response:
    """The events that a report counts, by the question in the address."""
    asked, mapped = counted(page), await mapped_for(page, changes)

    def choose(reader: Reader) -> Awaitable[FilteredEvents]:
        return of_report(reader, page.project.project_id, *asked, mapped)

    return EventsFile(parts, page.project, format, choose, _columns(page))


def _columns(page: Page) -> list[str]:
    """The properties that are wanted as columns of a CSV, one a line. Raises RequestError 400."""
    return check_columns([name for name in page.request.query_params.get("columns", "").splitlines() if name.strip()])


async def _found(project_id: int, wanted: EventFilter, mapped: Sequence[Mapped], reader: Reader) -> FilteredEvents:
    lookups = await lookups_of(reader, project_id, mapped)
    return await find(reader, project_id, wanted._replace(lookups=lookups))


def of_trend(page: Page) -> Counted:
    """The events of all metrics, within the range. Raises RequestError 400."""
    form = read_form(page.request.query_params)
    if not form.events:
        raise RequestError(400, "choose an event")
    bookmark = bookmark_of(form, page.days.day_of(time.time_ns() // 1_000_000))
    wanted = INSIGHTS_REPORT.parse({"bookmark": json.dumps(bookmark)}, page.project)
    assert isinstance(wanted, Question), "the form has no cohorts"
    selectors = [selector for each in wanted.metrics for selector in each.metric.selectors]
    return Counted(selectors, wanted.insights.where, wanted.insights.axis.buckets.bounds_ms)


def of_funnel(page: Page) -> Counted:
    """The events of all steps, within the range in which tries begin. Raises RequestError 400."""
    question = funnels.asked_of(page, read_funnel(page.request.query_params)).question
    selectors = [step.selector for step in question.funnel.steps]
    return Counted(selectors, question.where, question.buckets.bounds_ms)


def of_retention(page: Page) -> Counted:
    """The first events and the returns, to the last day that counts. Raises RequestError 400."""
    born = retention.asked_of(page, read_retention_form(page.request.query_params)).question.retention.born
    return Counted([born.born, born.returning], None, born.read.bounds_ms)


COUNTED: Final[dict[str, Callable[[Page], Counted]]] = {
    "/trends": of_trend,
    funnels.PATH: of_funnel,
    retention.PATH: of_retention,
}
"""The pages of reports that give their events, by path."""
