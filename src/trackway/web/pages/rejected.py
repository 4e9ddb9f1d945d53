"""Rejected records: by reason, each with its bytes and advice, and replayed, corrected or as they are."""

from functools import partial
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from trackway.domain.endpoint import Endpoint
from trackway.edge.access.audit_writer import Audit
from trackway.edge.ingestion.replays import Replayed, ReplayParts, Replays
from trackway.ingest.replay import Change, read_change
from trackway.projects.audit import Note
from trackway.projects.roles import Right
from trackway.query import rejected_records
from trackway.query.rejected_records import Key, RejectedRecord, State, read_key
from trackway.web.forms import text
from trackway.web.limits import REASON_CHARACTERS_MAX, REJECTED_SHOWN_PER_PAGE, REPLAY_EDITED_BYTES_MAX
from trackway.web.page import Page, PageRoute, render
from trackway.web.troubleshooting import advice

PATH: Final = "/rejected"


async def show(page: Page) -> Response:
    """The reasons, or the records of a named reason."""
    asked = page.request.query_params
    if len(asked.get("reason", "")) > REASON_CHARACTERS_MAX:
        raise HTTPException(404)
    if "reason" not in asked:
        reasons = await rejected_records.reasons(page.reader, page.project.project_id)
        return render(page, "rejected.html", reasons=reasons, advice=advice)
    return await _of_reason(
        page, _endpoint(asked.get("endpoint", "")), asked["reason"], read_key(asked.get("before", ""))
    )


async def _of_reason(
    page: Page, endpoint: Endpoint, reason: str, before: Key | None, done: Replayed | None = None, fault: str = ""
) -> Response:
    listed = await rejected_records.records(
        page.reader,
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


async def replay_all(page: Page, *, parts: ReplayParts, audit: Audit) -> Response:
    """Replay the records of a reason, up to the bound of one request."""
    endpoint, reason = _endpoint(text(page.form, "endpoint")), text(page.form, "reason")
    try:
        change = _change(page)
    except ValueError as error:
        return await _of_reason(page, endpoint, reason, None, fault=str(error))
    before = read_key(text(page.form, "before"))
    done = await Replays(parts, page.project, page.visitor.name).all_of(endpoint, reason, change, before)
    if done.replayed:
        _note(page, audit, done.replayed)
    return await _of_reason(page, endpoint, reason, None, done)


async def show_record(page: Page) -> Response:
    found = await _one(page)
    return _record(page, found, _readable(found.original))


async def replay_one(page: Page, *, parts: ReplayParts, audit: Audit) -> Response:
    """Replay a record, as it is or corrected."""
    found, edited = await _one(page), text(page.form, "text")
    as_it_is = "text" not in page.form or edited == _readable(found.original)
    corrected = None if as_it_is else edited.encode("utf-8", "replace")
    done = await Replays(parts, page.project, page.visitor.name).one(found.key, corrected)
    if done.replayed:
        _note(page, audit, done.replayed)
        return RedirectResponse(page.url(f"{PATH}/{found.key.text}", replayed="1"), 303)
    return _record(page, found, edited, "; ".join(done.refused))


async def _one(page: Page) -> RejectedRecord:
    """The record of the path. Raises HTTPException 404."""
    key = read_key(page.request.path_params["key"])
    if key is None:
        raise HTTPException(404)
    found = await rejected_records.record(page.reader, page.project.project_id, key, REPLAY_EDITED_BYTES_MAX)
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


def _note(page: Page, audit: Audit, replayed: int) -> None:
    audit.note(page.author, Note("records replayed", page.project.project_id, str(replayed)))


def _change(page: Page) -> Change | None:
    """The change in a form, None for none. Raises ValueError with the fault."""
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
    """Bytes as text. Bytes that are not UTF-8 become U+FFFD."""
    return original.decode("utf-8", "replace")


_FORM_BYTES_MAX: Final = 3 * REPLAY_EDITED_BYTES_MAX + 4096
"""A form encodes a byte as up to three characters."""


def routes(parts: ReplayParts, audit: Audit) -> tuple[PageRoute, ...]:
    title, one = "Rejected records", f"{PATH}/{{key}}"
    all_again = partial(replay_all, parts=parts, audit=audit)
    one_again = partial(replay_one, parts=parts, audit=audit)
    return (
        PageRoute(PATH, ("GET",), show, Right.EXPORT, title, in_navigation=True),
        PageRoute(f"{PATH}/replay", ("POST",), all_again, Right.IMPORT, title, in_navigation=False),
        PageRoute(one, ("GET",), show_record, Right.EXPORT, "Rejected record", in_navigation=False),
        PageRoute(one, ("POST",), one_again, Right.IMPORT, "Rejected record", False, form_bytes_max=_FORM_BYTES_MAX),
    )
