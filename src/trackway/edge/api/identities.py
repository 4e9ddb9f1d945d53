"""`/api/app/identity`: the person of an id, what a merge of two ids would do, and the removal of a link.

The first two are read from the store. The removal is written to the journal: it is durable at the reply, and the loader
decides it in its order among the links of events.
"""

import time
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import orjson

from trackway.domain.entry import unlink_payload
from trackway.domain.errors import RequestError, StorageError
from trackway.domain.limits import RETRY_AFTER_STORAGE_S
from trackway.edge.api.endpoint_shell import Asked, Command, Query, Shell
from trackway.edge.limits import IDENTITY_BODY_BYTES_MAX, PERSON_ID_CHARACTERS_MAX, UNLINK_REASON_CHARACTERS_MAX
from trackway.edge.wire.asgi import check_json
from trackway.edge.wire.parameter_tables import IDENTITY, IDENTITY_PREVIEW, IDENTITY_UNLINK
from trackway.edge.wire.parameters import Parameters, strings
from trackway.edge.wire.replies import JSON, Reply
from trackway.journal.log import Appender
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.query.identity_lookup import Person, Preview, Side, Step, is_known, person_of, preview
from trackway.store.reader import Readers

PATH = "/api/app/identity"
PREVIEW_PATH = f"{PATH}/preview"
UNLINK_PATH = f"{PATH}/unlink"


class _Unlink(msgspec.Struct):
    """The body of a request to unlink."""

    id: str
    reason: str


class _Question(NamedTuple):
    """A question about ids, which are checked once it was counted."""

    parameters: Parameters
    project: Project


async def _shown(readers: Readers, asked: _Question) -> dict[str, Any]:
    id, project_id = _checked(asked.parameters.get("distinct_id", ""), "distinct_id"), asked.project.project_id
    person = await person_of(readers.api, project_id, id)
    known = await is_known(readers.api, project_id, person)
    return {"status": "ok", "distinct_id": id, "known": known} | _person(person)


async def _previewed(readers: Readers, asked: _Question) -> dict[str, Any]:
    ids, project = strings(asked.parameters, "ids") or [], asked.project
    if len(set(ids)) != 2 or len(ids) != 2:
        raise RequestError(400, "ids must be a JSON array of two different ids")
    first, second = (_checked(each, "ids") for each in ids)
    return _preview(await preview(readers.api, project.project_id, project.identity_mode, first, second))


SHOW = Query(IDENTITY, Right.PROFILES, "identity", _Question, _shown)
PREVIEW = Query(IDENTITY_PREVIEW, Right.PROFILES, "identity", _Question, _previewed)


def unlink(shell: Shell, journal: Appender) -> Command:
    async def run(asked: Asked) -> Reply:
        check_json(asked.request.scope)
        wanted = _read_unlink(await shell.body(asked.request, IDENTITY_BODY_BYTES_MAX))
        project = await shell.access.allowed(asked.request, Right.UNLINK)
        reply = await _unlinked(journal, project, wanted)
        shell.access.note(asked.request.scope, "id unlinked", project, wanted.id)
        return reply

    return Command(IDENTITY_UNLINK, Right.UNLINK, run)


def _read_unlink(body: bytes) -> _Unlink:
    try:
        wanted = msgspec.json.decode(body, type=_Unlink)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RequestError(400, f'body must be {{"id": "…", "reason": "…"}}: {error}') from error
    _checked(wanted.id, "id")
    if not 1 <= len(wanted.reason.strip()) <= UNLINK_REASON_CHARACTERS_MAX:
        raise RequestError(400, f"reason must be 1 to {UNLINK_REASON_CHARACTERS_MAX} characters")
    return wanted


async def _unlinked(journal: Appender, project: Project, wanted: _Unlink) -> Reply:
    """Durable first, then the reply."""
    payload = unlink_payload(project.project_id, time.time_ns() // 1000, wanted.id, wanted.reason.strip())
    try:
        await journal.append(payload)
    except StorageError as error:
        raise RequestError(503, str(error), retry_after_s=RETRY_AFTER_STORAGE_S) from error
    return Reply(200, JSON, orjson.dumps({"status": "ok", "id": wanted.id}))


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
