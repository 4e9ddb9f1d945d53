"""The Events page: what has come, newest first and live; one event by itself; and a test event to begin with."""

import asyncio
import secrets
import time

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from trackway.edge.events import RecordsEndpoint
from trackway.edge.replies import Reply
from trackway.errors import RequestError
from trackway.journal.entry import Endpoint
from trackway.limits import EVENTS_PER_PAGE
from trackway.projects.roles import RIGHTS, Right
from trackway.query.arrivals import Cursor, Found, Fresh, ShownEvent, event_at, fresh, last_loaded, newest, read_cursor
from trackway.web.asking import answer_of
from trackway.web.drawing import fragment
from trackway.web.event_form import Chosen, read_chosen
from trackway.web.event_view import row_of
from trackway.web.live import LiveResponse, Mark, Watched, read_mark
from trackway.web.page import Page, render
from trackway.web.snippets import snippets

TEST_EVENT = "Test event"


async def show(page: Page) -> Response:
    """A page of events, which a script keeps up to date when it is the newest one."""
    query = page.request.query_params
    chosen, before = read_chosen(query), _cursor(query.get("before", ""))
    mark, found = await answer_of(lambda: _look(page, chosen, before), "choose an event name, a user or a time, too")
    return render(
        page,
        "events.html",
        chosen=chosen,
        rows=[row_of(event) for event in found.events],
        before=before,
        older=page.url("/events", before=str(found.rest), **chosen.query) if found.rest else "",
        searched_ms=found.rest.loaded_ms if found.rest and found.is_cut else None,
        newest_url=page.url("/events", **chosen.query) if before else "",
        stream_url="" if before else page.url("/events/stream", since=str(mark), **chosen.query),
        snippets=snippets(page.project.token, page.server_address),
        may_send=page.may(Right.IMPORT),
        has_sent_test="test" in query,
    )


def _look(page: Page, chosen: Chosen, before: Cursor | None) -> tuple[Mark, Found]:
    """The events of the page, and the mark from which on others are new; it is made first, so that none is missed."""
    store, project_id = page.parts.store, page.project.project_id
    mark = Mark(*last_loaded(store, project_id, chosen.wanted))
    return mark, newest(store, project_id, chosen.wanted, before, EVENTS_PER_PAGE)


async def one(page: Page) -> Response:
    """One event with all its properties, however large."""
    at = _cursor(page.request.query_params.get("at", ""))
    if at is None:
        raise HTTPException(404)
    event = await asyncio.to_thread(event_at, page.parts.store, page.project.project_id, at)
    if event is None:
        raise HTTPException(404)
    return render(page, "event.html", row=row_of(event))


async def stream(page: Page) -> Response:
    """What comes from now on, or from where a page was cut off."""
    query = page.request.query_params
    chosen = read_chosen(query)
    mark = read_mark(page.request.headers.get("last-event-id", "")) or read_mark(query.get("since", ""))
    if mark is None:
        raise RequestError(400, "since must be a moment that a page of events gave")
    return LiveResponse(_watched(page, chosen), mark)


def _watched(page: Page, chosen: Chosen) -> Watched:
    parts, project_id = page.parts, page.project.project_id

    async def ask(since_ms: int, rows: int) -> Fresh:
        return await asyncio.to_thread(fresh, parts.store, project_id, chosen.wanted, since_ms, rows)

    def draw(events: list[ShownEvent]) -> str:
        return fragment("event_rows.html", page=page, rows=[row_of(event) for event in events])

    return Watched(
        lambda: parts.head.loaded, ask, draw, lambda: parts.stopping.is_set() or not _may_still(page, Right.EXPORT)
    )


def _may_still(page: Page, right: Right) -> bool:
    """Whether the visitor's account has the right now; an admin is asked again with the next request."""
    if page.visitor.roles is None:
        return True
    account = page.parts.directory.by_username(page.visitor.name)
    if account is None or account.expired(time.time() * 1000):
        return False
    role = account.roles.get(page.project.project_id)
    return role is not None and right in RIGHTS[role]


async def send_test(page: Page) -> Response:
    """Send an event the way an SDK does: through all of `/track`, and answered once it is durable."""
    insert_id = secrets.token_hex(16)
    properties = {
        "token": page.project.token,
        "distinct_id": "test-user",
        "$insert_id": insert_id,
        "mp_lib": "trackway",
        "sent from": "the page of events",
    }
    reply = await _track(page, orjson.dumps({"event": TEST_EVENT, "properties": properties}))
    answer = orjson.loads(reply.body)
    if reply.status == 200 and answer.get("status") == 1:
        return RedirectResponse(page.url("/events", test="sent"), 303)
    raise RequestError(max(reply.status, 400), f"the test event was refused: {answer.get('error')}")


async def _track(page: Page, body: bytes) -> Reply:
    parts = page.parts
    track = RecordsEndpoint(
        Endpoint.TRACK,
        parts.settings,
        parts.directory,
        parts.access,
        parts.journal,
        parts.rates,
        parts.in_flight,
        parts.locator,
    )
    own = page.request.scope
    host = [each for each in own["headers"] if each[0] == b"host"]
    scope = {
        "type": "http",
        "method": "POST",
        "path": Endpoint.TRACK.path,
        "query_string": b"verbose=1&ip=0",
        "headers": [(b"content-type", b"application/json"), *host],
        "client": own.get("client"),
    }
    answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    track.answer(scope, body, answered.set_result)
    return await answered


def _cursor(text: str) -> Cursor | None:
    if not text:
        return None
    cursor = read_cursor(text)
    if cursor is None:
        raise RequestError(400, "this is no place among the events")
    return cursor
