"""`/api/app/identity`: whose an id is, what a merge would do, and the undoing of a link.

The first two are read from the store. To unlink is written into the journal like everything else that changes what a
project has: it is durable at the reply, and the loader decides it in its order among the links that events ask for.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import orjson

from trackway import metrics
from trackway.edge.credentials import Access
from trackway.edge.http import (
    CLIENT_GONE,
    ClientGone,
    InFlight,
    Receive,
    Scope,
    Send,
    check_json,
    read_body,
    send_reply,
)
from trackway.edge.parameters import Parameters, strings
from trackway.edge.ratelimit import RateLimits
from trackway.edge.replies import JSON, Reply, error_reply
from trackway.edge.streaming import refusal
from trackway.errors import RequestError, StorageError
from trackway.journal.commit import GroupCommit
from trackway.journal.entry import VERSION, Endpoint, Entry, Link, LinkKind, encode_entries
from trackway.limits import (
    IDENTITY_BODY_BYTES_MAX,
    PERSON_ID_CHARACTERS_MAX,
    RETRY_AFTER_STORAGE_S,
    UNLINK_REASON_CHARACTERS_MAX,
)
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.query.persons import Person, Preview, Side, Step, person_of, preview
from trackway.store.client import Store

PATH = "/api/app/identity"
PREVIEW_PATH = f"{PATH}/preview"
UNLINK_PATH = f"{PATH}/unlink"


class _Unlink(msgspec.Struct):
    """The body of a request to unlink."""

    id: str
    reason: str


class IdentityEndpoints:
    """The three ASGI applications."""

    def __init__(
        self, access: Access, rates: RateLimits, store: Store, journal: GroupCommit, in_flight: InFlight
    ) -> None:
        self._access = access
        self._rates = rates
        self._store = store
        self._journal = journal
        self._in_flight = in_flight

    async def show(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._read(scope, send, PATH, self._shown)

    async def preview(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._read(scope, send, PREVIEW_PATH, self._previewed)

    async def unlink(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._access.asked(scope, Right.UNLINK)
            asked = await self._body(scope, receive)
            project, _ = await self._access.asked(scope, Right.UNLINK)  # again: a body may take minutes to come
            reply = await self._unlinked(project, asked)
        except ClientGone:
            metrics.request(UNLINK_PATH, CLIENT_GONE)
            return
        except RequestError as error:
            reply = error_reply(error)
        metrics.request(UNLINK_PATH, reply.status)
        await send_reply(scope, send, reply)

    async def _read(
        self, scope: Scope, send: Send, path: str, answer: Callable[[Project, Parameters], dict[str, Any]]
    ) -> None:
        """Answer a question to the store, which counts as a query."""
        try:
            project, parameters = await self._access.asked(scope, Right.PROFILES)
            self._rates.begin_export(project)
            try:
                found = await asyncio.to_thread(answer, project, parameters)
            except StorageError as error:
                raise refusal(error, "identity", chosen=False) from error
            finally:
                self._rates.end_export(project)
            reply = Reply(200, JSON, orjson.dumps(found))
        except RequestError as error:
            reply = error_reply(error)
        metrics.request(path, reply.status)
        await send_reply(scope, send, reply)

    def _shown(self, project: Project, parameters: Parameters) -> dict[str, Any]:
        asked = _checked(parameters.get("distinct_id", ""), "distinct_id")
        return {"status": "ok", "distinct_id": asked} | _person(person_of(self._store, project.project_id, asked))

    def _previewed(self, project: Project, parameters: Parameters) -> dict[str, Any]:
        ids = strings(parameters, "ids") or []
        if len(set(ids)) != 2 or len(ids) != 2:
            raise RequestError(400, "ids must be a JSON array of two different ids")
        first, second = (_checked(each, "ids") for each in ids)
        return _preview(preview(self._store, project.project_id, project.identity_mode, first, second))

    async def _body(self, scope: Scope, receive: Receive) -> _Unlink:
        check_json(scope)
        body = await read_body(receive, IDENTITY_BODY_BYTES_MAX, self._in_flight)
        self._in_flight.give(len(body))
        try:
            asked = msgspec.json.decode(body, type=_Unlink)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise RequestError(400, f'body must be {{"id": "…", "reason": "…"}}: {error}') from error
        _checked(asked.id, "id")
        if not 1 <= len(asked.reason.strip()) <= UNLINK_REASON_CHARACTERS_MAX:
            raise RequestError(400, f"reason must be 1 to {UNLINK_REASON_CHARACTERS_MAX} characters")
        return asked

    async def _unlinked(self, project: Project, asked: _Unlink) -> Reply:
        """Durable first, then the answer."""
        link = Link(LinkKind.UNLINK, asked.id, "", "", asked.reason.strip())
        received_us = time.time_ns() // 1000
        # Of no endpoint that counts records: an entry without any counts nothing.
        entry = Entry(VERSION, project.project_id, received_us, Endpoint.TRACK, links=[link])
        try:
            await self._journal.commit(encode_entries([entry]))
        except StorageError as error:
            raise RequestError(503, str(error), retry_after_s=RETRY_AFTER_STORAGE_S) from error
        return Reply(200, JSON, orjson.dumps({"status": "ok", "id": asked.id}))


def _checked(id: str, name: str) -> str:
    if not 1 <= len(id) <= PERSON_ID_CHARACTERS_MAX:
        raise RequestError(400, f"{name} must be 1 to {PERSON_ID_CHARACTERS_MAX} characters")
    return id


def _person(person: Person) -> dict[str, Any]:
    return {
        "canonical_id": person.canonical_id,
        "ids": person.ids,
        "ids_are_cut": person.is_cut,
        "history": [_step(step) for step in person.history],
    }


def _step(step: Step) -> dict[str, Any]:
    shown = {"time": _time(step.made), "kind": step.kind.name.lower(), "id": step.id, "to": step.to}
    return shown | {"outcome": step.outcome, "reason": step.reason}


def _time(made: datetime) -> str:
    return f"{made:%Y-%m-%dT%H:%M:%S}Z"


def _preview(found: Preview) -> dict[str, Any]:
    return {
        "status": "ok",
        "allowed": not found.refusal,
        "reason": found.refusal,
        "canonical_id": found.canonical_id,
        "moved_ids": found.moved,
        "sides": [_side(side) for side in found.sides],
    }


def _side(side: Side) -> dict[str, Any]:
    person = side.person
    return {
        "canonical_id": person.canonical_id,
        "ids": person.ids,
        "ids_are_cut": person.is_cut,
        "events": side.events,
        "profiles": side.profiles,
    }
