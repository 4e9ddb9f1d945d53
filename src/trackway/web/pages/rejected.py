"""Rejected records: by reason, each with its bytes and what to change, and sent again, mended or as they are."""

import asyncio
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from trackway.ingest.replay import Change, read_change
from trackway.journal.entry import Endpoint
from trackway.limits import REJECTED_SHOWN_PER_PAGE, REPLAY_EDITED_BYTES_MAX
from trackway.projects.roles import Right
from trackway.query import rejected
from trackway.query.rejected import Key, RejectedRecord, State, read_key
from trackway.web.advice import advice
from trackway.web.forms import text
from trackway.web.page import Page, PageRoute, render
from trackway.web.replays import Replayed, Replays

PATH: Final = "/rejected"
REASON_CHARACTERS_MAX: Final = 4096
"""No reason is nearly as long; they name fields, which are at most a few hundred characters."""


async def show(page: Page) -> Response:
    """The reasons; or, where one is named, its records."""
    asked = page.request.query_params
    if len(asked.get("reason", "")) > REASON_CHARACTERS_MAX:
        raise HTTPException(404)
    if "reason" not in asked:
        reasons = await asyncio.to_thread(rejected.reasons, page.parts.store, page.project.project_id)
        return render(page, "rejected.html", reasons=reasons, advice=advice)
    return await _of_reason(
        page, _endpoint(asked.get("endpoint", "")), asked["reason"], read_key(asked.get("before", ""))
    )


async def _of_reason(
    page: Page, endpoint: Endpoint, reason: str, before: Key | None, done: Replayed | None = None, fault: str = ""
) -> Response:
    listed = await asyncio.to_thread(
        rejected.records,
        page.parts.store,
        page.project.project_id,
        endpoint,
        reason,
        before=before,
        count=REJECTED_SHOWN_PER_PAGE + 1,
    )
    shown = listed[:REJECTED_SHOWN_PER_PAGE]
    older = shown[-1].key.text if len(listed) > REJECTED_SHOWN_PER_PAGE else ""
    return render(
        page,
        "rejected_reason.html",
        status=400 if fault else 200,
        endpoint=endpoint,
        reason=reason,
        records=shown,
        before=before,
        older=older,
        advice=advice(reason),
        may_replay=page.may(Right.IMPORT),
        form=page.form,
        done=done,
        fault=fault,
        readable=_readable,
    )


async def replay_all(page: Page) -> Response:
    """Send the records of a reason again, as many as one request does."""
    endpoint, reason = _endpoint(text(page.form, "endpoint")), text(page.form, "reason")
    try:
        change = _change(page)
    except ValueError as error:
        return await _of_reason(page, endpoint, reason, None, fault=str(error))
    before = read_key(text(page.form, "before"))
    done = await Replays(page.parts, page.project, page.visitor.name).all_of(endpoint, reason, change, before)
    return await _of_reason(page, endpoint, reason, None, done)


async def show_record(page: Page) -> Response:
    found = await _one(page)
    return _record(page, found, _readable(found.original))


async def replay_one(page: Page) -> Response:
    """Send a record again, as it is or mended."""
    found, edited = await _one(page), text(page.form, "text")
    as_it_is = "text" not in page.form or edited == _readable(found.original)
    mended = None if as_it_is else edited.encode("utf-8", "replace")
    done = await Replays(page.parts, page.project, page.visitor.name).one(found.key, mended)
    if done.replayed:
        return RedirectResponse(page.url(f"{PATH}/{found.key.text}", replayed="1"), 303)
    return _record(page, found, edited, "; ".join(done.refused))


async def _one(page: Page) -> RejectedRecord:
    """The record that the path names. Raises HTTPException 404."""
    store, key = page.parts.store, read_key(page.request.path_params["key"])
    if key is None:
        raise HTTPException(404)
    found = await asyncio.to_thread(rejected.record, store, page.project.project_id, key, REPLAY_EDITED_BYTES_MAX)
    if found is None:
        raise HTTPException(404)
    return found


def _record(page: Page, found: RejectedRecord, shown: str, fault: str = "") -> Response:
    return render(
        page,
        "rejected_record.html",
        status=400 if fault else 200,
        record=found,
        shown=shown,
        whole=found.size_bytes <= REPLAY_EDITED_BYTES_MAX,
        interrupted=found.state is State.BEGUN,
        replayed=found.state is State.REPLAYED,
        just_replayed="replayed" in page.request.query_params,
        advice=advice(found.reason),
        may_replay=page.may(Right.IMPORT),
        fault=fault,
    )


def _change(page: Page) -> Change | None:
    """The change that a form asks for, None for none. Raises ValueError, which says what is wrong."""
    what, field = text(page.form, "change"), text(page.form, "field")
    if what not in ("set", "remove"):
        return None
    return read_change(field, text(page.form, "value"), remove=what == "remove")


def _endpoint(name: str) -> Endpoint:
    try:
        return Endpoint[name]
    except KeyError as error:
        raise HTTPException(404) from error


def _readable(original: bytes) -> str:
    """Bytes as text; what is no UTF-8 is shown as such."""
    return original.decode("utf-8", "replace")


_FORM_BYTES_MAX: Final = 3 * REPLAY_EDITED_BYTES_MAX + 4096
"""A form writes a byte as up to three characters."""
ROUTES: Final = (
    PageRoute(PATH, ("GET",), show, Right.EXPORT, "Rejected records", in_navigation=True),
    PageRoute(f"{PATH}/replay", ("POST",), replay_all, Right.IMPORT, "Rejected records", in_navigation=False),
    PageRoute(f"{PATH}/{{key}}", ("GET",), show_record, Right.EXPORT, "Rejected record", in_navigation=False),
    PageRoute(
        f"{PATH}/{{key}}",
        ("POST",),
        replay_one,
        Right.IMPORT,
        "Rejected record",
        in_navigation=False,
        form_bytes_max=_FORM_BYTES_MAX,
    ),
)
