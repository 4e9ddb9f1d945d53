"""The Events page: the event feed, newest first and live. Also the page of one event, and the test event."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Final

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from trackway.domain.endpoint import Endpoint
from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.edge.ingestion.records_endpoint import RecordsEndpoint
from trackway.edge.wire.replies import Reply
from trackway.projects.roles import Right
from trackway.query.event_feed import (
    Cursor,
    Found,
    Fresh,
    ShownEvent,
    event_at,
    fresh,
    last_loaded,
    newest,
    read_cursor,
)
from trackway.query.mapped_tables import Mapped, lookups_of
from trackway.query.sql.event_filter import EventFilter
from trackway.web.event_form import Chosen, read_chosen
from trackway.web.event_view import row_of
from trackway.web.limits import EVENTS_PER_PAGE
from trackway.web.live import LiveResponse, Mark, Watched, read_mark
from trackway.web.mapped_properties import mapped_for
from trackway.web.page import Page, render
from trackway.web.snippets import snippets
from trackway.web.store_errors import answer_of
from trackway.web.templating import fragment

TEST_EVENT = "Test event"
_SMALLER: Final = "choose an event name, a user or a time, too"


async def show(page: Page, *, changes: Changes) -> Response:
    """A page of events. A script keeps the newest page up to date."""
    query = page.request.query_params
    chosen, before = read_chosen(query, page.days), _cursor(query.get("before", ""))
    wanted = await answer_of(_with_columns(page, chosen, await mapped_for(page, changes)), _SMALLER)
    mark, found = await answer_of(_look(page, wanted, before), _SMALLER)
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
        snippets=snippets(
            page.project.token, page.server_address, with_script=page.settings.browser_sdk_path is not None
        ),
        may_send=page.may(Right.IMPORT),
        has_sent_test="test" in query,
    )


async def _with_columns(page: Page, chosen: Chosen, mapped: Sequence[Mapped]) -> EventFilter:
    """The filter, with the tables as they are now whose columns it may name."""
    return chosen.wanted._replace(lookups=await lookups_of(page.reader, page.project.project_id, mapped))


async def _look(page: Page, wanted: EventFilter, before: Cursor | None) -> tuple[Mark, Found]:
    """The events of the page, and the mark after which events are new. The mark comes first, so that none is missed."""
    reader, project_id = page.reader, page.project.project_id
    mark = Mark(*await last_loaded(reader, project_id, wanted))
    return mark, await newest(reader, project_id, wanted, before, EVENTS_PER_PAGE)


async def one(page: Page) -> Response:
    """One event with all its properties, however large."""
    at = _cursor(page.request.query_params.get("at", ""))
    if at is None:
        raise HTTPException(404)
    event = await event_at(page.reader, page.project.project_id, at)
    if event is None:
        raise HTTPException(404)
    return render(page, "event.html", row=row_of(event))


async def stream(
    page: Page, *, loaded: Callable[[], tuple[int, ...]], stopping: asyncio.Event, changes: Changes
) -> Response:
    """The events from now on, or from where a page was disconnected. `loaded` returns how far the journal is loaded."""
    query = page.request.query_params
    chosen = read_chosen(query, page.days)
    mark = read_mark(page.request.headers.get("last-event-id", "")) or read_mark(query.get("since", ""))
    if mark is None:
        raise RequestError(400, "since must be a moment that a page of events gave")
    mapped = await mapped_for(page, changes)
    return LiveResponse(_watched(page, chosen, mapped, loaded, stopping), mark, page.visitor.name)


def _watched(
    page: Page, chosen: Chosen, mapped: Sequence[Mapped], loaded: Callable[[], tuple[int, ...]], stopping: asyncio.Event
) -> Watched:
    project_id = page.project.project_id

    async def ask(since_ms: int, rows: int) -> Fresh:
        wanted = await _with_columns(page, chosen, mapped)
        return await fresh(page.reader, project_id, wanted, since_ms, rows)

    def draw(events: list[ShownEvent]) -> str:
        return fragment("event_rows.html", page.days, page=page, rows=[row_of(event) for event in events])

    return Watched(loaded, ask, draw, lambda: stopping.is_set() or not _may_still(page, Right.EXPORT))


def _may_still(page: Page, right: Right) -> bool:
    """Whether the visitor is still signed in, and still has the right."""
    visitor = page.visitor_now()
    return visitor is not None and visitor.may(page.project.project_id, right)


async def send_test(page: Page, *, track: RecordsEndpoint) -> Response:
    """Send an event as an SDK does: through all of `/track`. The answer comes when it is durable."""
    insert_id = secrets.token_hex(16)
    properties = {
        "token": page.project.token,
        "distinct_id": "test-user",
        "$insert_id": insert_id,
        "mp_lib": "trackway",
        "sent from": "the page of events",
    }
    reply = await _track(page, track, orjson.dumps({"event": TEST_EVENT, "properties": properties}))
    answer = orjson.loads(reply.body)
    if reply.status == 200 and answer.get("status") == 1:
        return RedirectResponse(page.url("/events", test="sent"), 303)
    raise RequestError(max(reply.status, 400), f"the test event was refused: {answer.get('error')}")


async def _track(page: Page, track: RecordsEndpoint, body: bytes) -> Reply:
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
    track.answer(track.request(scope), body, answered.set_result)
    return await answered


def _cursor(text: str) -> Cursor | None:
    if not text:
        return None
    cursor = read_cursor(text)
    if cursor is None:
        raise RequestError(400, "this is no place among the events")
    return cursor
