"""The users of a funnel: who came to a step, or came to it and no farther. Their number is the report's."""

from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from starlette.responses import Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.query.named_people import NamedPerson, named_people
from trackway.query.reports.funnel import FunnelQuestion
from trackway.query.reports.funnel_people import Chosen, FunnelPeople, FunnelPerson, funnel_people
from trackway.web.csv_table import Cell, csv_reply, csv_text
from trackway.web.funnel_form import FunnelForm, read_funnel
from trackway.web.limits import FUNNEL_PEOPLE_MAX, FUNNEL_PEOPLE_PER_PAGE
from trackway.web.page import Page, render
from trackway.web.pages.funnels import asked_of
from trackway.web.report_address import with_fields
from trackway.web.report_fields import choice_of, text_of
from trackway.web.report_run import SMALLER, run_of
from trackway.web.store_errors import answer_of

PATH: Final = "/funnels/people"
OUTCOMES: Final = {"came": "Came to this step", "left": "Came no farther"}
"""Names in the address, and what a reader sees."""


class Row(NamedTuple):
    """A person with the times of its try."""

    person: NamedPerson
    found: FunnelPerson


async def show(page: Page, *, changes: Changes) -> Response:
    """A page of the users, those who began last first."""
    query = page.request.query_params
    form, number = read_funnel(query), _page_number(query.get("page", "1"))
    chosen, question = _chosen(page, form), asked_of(page, form).question
    people = await _people(page, changes, question, chosen, number * FUNNEL_PEOPLE_PER_PAGE)
    first = (number - 1) * FUNNEL_PEOPLE_PER_PAGE
    rows = await _named(page, question, people.latest[first : first + FUNNEL_PEOPLE_PER_PAGE])
    listed = min(people.number, FUNNEL_PEOPLE_MAX)
    return render(
        page,
        "funnel_people.html",
        form=form,
        chosen=chosen,
        heading=f"Users of step {chosen.step}: {form.steps[chosen.step - 1].event}",
        outcomes=[(name, text, with_fields(query, outcome=name, page=None)) for name, text in OUTCOMES.items()],
        people=people,
        listed=listed,
        rows=rows,
        first=first,
        report="?" + with_fields(query, step=None, outcome=None, of=None, page=None),
        csv="?" + with_fields(query, page=None),
        newer="?" + with_fields(query, page=str(number - 1)) if number > 1 else "",
        older="?" + with_fields(query, page=str(number + 1)) if first + len(rows) < listed else "",
    )


async def table(page: Page, *, changes: Changes) -> Response:
    """All users that can be listed, as CSV, with times in ISO 8601 in the project's zone."""
    form = read_funnel(page.request.query_params)
    chosen, question = _chosen(page, form), asked_of(page, form).question
    people = await _people(page, changes, question, chosen, FUNNEL_PEOPLE_MAX)
    rows = await _named(page, question, people.latest)
    zone = ZoneInfo(page.days.zone)
    head = ["id", "name", "email", "began", "last step", "steps"]
    return csv_reply("people", csv_text(head, (_cells(zone, each) for each in rows)))


def _cells(zone: ZoneInfo, row: Row) -> list[Cell]:
    times = (datetime.fromtimestamp(each / 1000, zone) for each in (row.found.began_ms, row.found.last_ms))
    return [*row.person, *(each.isoformat(timespec="milliseconds") for each in times), row.found.reached]


async def _people(
    page: Page, changes: Changes, question: FunnelQuestion, chosen: Chosen, shown_max: int
) -> FunnelPeople:
    run = await run_of(page, changes)
    return await answer_of(funnel_people(run, question, chosen, min(shown_max, FUNNEL_PEOPLE_MAX)), SMALLER)


async def _named(page: Page, question: FunnelQuestion, found: list[FunnelPerson]) -> list[Row]:
    """The users with their names."""
    numbers = [each.who for each in found]
    bounds = question.buckets.bounds_ms
    named = await answer_of(named_people(page.reader, page.project.project_id, numbers, *bounds), SMALLER)
    return [Row(named[each.who], each) for each in found if each.who in named]


def _chosen(page: Page, form: FunnelForm) -> Chosen:
    """Which users the address asks for. Raises RequestError 400."""
    query = page.request.query_params
    text, steps = query.get("step", ""), len(form.steps)
    if not text.isascii() or not text.isdigit() or len(text) > 2 or not 1 <= int(text) <= steps:
        raise RequestError(400, f"step must be the number of a step, from 1 to {steps}")
    value = text_of(query, "of") if form.by.name and "of" in query else None
    return Chosen(int(text), _outcome(page) == "left", value)


def _outcome(page: Page) -> str:
    return choice_of(page.request.query_params, "outcome", OUTCOMES, "came")


def _page_number(text: str) -> int:
    pages = -(-FUNNEL_PEOPLE_MAX // FUNNEL_PEOPLE_PER_PAGE)
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= pages:
        raise RequestError(400, f"page must be a whole number from 1 to {pages}")
    return int(text)
