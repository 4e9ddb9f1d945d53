"""The users of a funnel: who came to a step, or came to it and no farther. Their number is the report's."""

import json
import time
from datetime import datetime
from hashlib import blake2b
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from starlette.responses import Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.query.kept_people import keep, kept
from trackway.query.named_people import NamedPerson, named_people
from trackway.query.profile_pages import UnknownSession, read_session
from trackway.query.reports.funnel import FunnelQuestion
from trackway.query.reports.funnel_people import Chosen, FunnelPerson, funnel_people
from trackway.web.csv_table import Cell, csv_reply, sheet_text
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


class Listed(NamedTuple):
    """Users of a part of a list. `number`: all that the funnel has. `list`: the text of its session, "" for a list of
    one page, which is not kept. `made_ms`: when it was made, in milliseconds since the epoch."""

    people: list[FunnelPerson]
    number: int
    list: str
    made_ms: int


class Row(NamedTuple):
    """A person with the times of its try."""

    person: NamedPerson
    found: FunnelPerson


async def show(page: Page, *, changes: Changes) -> Response:
    """A page of the users, those who began last first. Later pages have the `list` of the first one."""
    query = page.request.query_params
    form, number = read_funnel(query), _page_number(query.get("page", "1"))
    chosen, question = _chosen(page, form), asked_of(page, form).question
    first = (number - 1) * FUNNEL_PEOPLE_PER_PAGE
    found = await _listed(page, changes, question, chosen, first, FUNNEL_PEOPLE_PER_PAGE)
    rows = await _named(page, question, found.people)
    listed = min(found.number, FUNNEL_PEOPLE_MAX)
    return render(
        page,
        "funnel_people.html",
        form=form,
        chosen=chosen,
        heading=f"Users of step {chosen.step}: {form.steps[chosen.step - 1].event}",
        outcomes=[
            (name, text, with_fields(query, outcome=name, page=None, list=None)) for name, text in OUTCOMES.items()
        ],
        number=found.number,
        made_ms=found.made_ms,
        listed=listed,
        rows=rows,
        first=first,
        report="?" + with_fields(query, step=None, outcome=None, of=None, page=None, list=None),
        again="?" + with_fields(query, page=None, list=None),
        csv="?" + with_fields(query, page=None, list=found.list or None),
        newer="?" + with_fields(query, page=str(number - 1), list=found.list or None) if number > 1 else "",
        older="?" + with_fields(query, page=str(number + 1), list=found.list) if first + len(rows) < listed else "",
    )


async def table(page: Page, *, changes: Changes) -> Response:
    """All users that can be listed, as CSV, with times in ISO 8601 in the project's zone."""
    form = read_funnel(page.request.query_params)
    chosen, question = _chosen(page, form), asked_of(page, form).question
    found = await _listed(page, changes, question, chosen, 0, FUNNEL_PEOPLE_MAX)
    rows = await _named(page, question, found.people)
    zone = ZoneInfo(page.days.zone)
    head = ["id", "name", "email", "began", "last step", "steps"]
    return csv_reply("people", sheet_text(head, (_cells(zone, each) for each in rows)))


def _cells(zone: ZoneInfo, row: Row) -> list[Cell]:
    times = (datetime.fromtimestamp(each / 1000, zone) for each in (row.found.began_ms, row.found.last_ms))
    return [*row.person, *(each.isoformat(timespec="milliseconds") for each in times), row.found.reached]


async def _listed(
    page: Page, changes: Changes, question: FunnelQuestion, chosen: Chosen, first: int, count: int
) -> Listed:
    """The users from a place on: of the list that the address has, or of a new one where it has none, or one that has
    gone."""
    reader, project_id, fingerprint = page.reader, page.project.project_id, _fingerprint(page)
    if text := page.request.query_params.get("list", ""):
        try:
            session = read_session(text, fingerprint)
            people = await answer_of(kept(reader, project_id, session, first, count), SMALLER)
            return Listed(people, session.total, session.text, session.made_s * 1000)
        except UnknownSession:
            pass
    made_ms, run = time.time_ns() // 1_000_000, await run_of(page, changes)
    found = await answer_of(funnel_people(run, question, chosen, FUNNEL_PEOPLE_MAX), SMALLER)
    session_text = ""
    if found.number > FUNNEL_PEOPLE_PER_PAGE:
        session_text = (await keep(reader, project_id, found, fingerprint)).text
    return Listed(found.latest[first : first + count], found.number, session_text, made_ms)


def _fingerprint(page: Page) -> str:
    """The same for addresses that ask for the same users."""
    query = page.request.query_params
    asked = sorted((name, value) for name, value in query.multi_items() if name not in ("page", "list", "report"))
    return blake2b(json.dumps(asked).encode(), digest_size=8).hexdigest()


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
