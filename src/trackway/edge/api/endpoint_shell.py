"""The shell of every endpoint that asks the store or changes a project: the same steps in the same order.

Authenticate, parse, count, run, map errors, reply, meter. A `Query` is one row with two functions of its own: `parse`
makes a value of the parameters, `answer` asks the store. A `Command` is one row with one function. An endpoint that has
to look at its path first uses `Shell.serve` and `Shell.asked`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import orjson

from trackway.domain.errors import RequestError, StorageError
from trackway.edge.access.change_queue import Changes, Opened
from trackway.edge.access.credentials import Access, Caller
from trackway.edge.quotas.in_flight import InFlight, read_body
from trackway.edge.quotas.rate_limits import EXPORTING, REPORTING, Asking, RateLimits
from trackway.edge.wire.asgi import CLIENT_GONE, ClientGone, Handler, Receive, Scope, Send, check_length, send_reply
from trackway.edge.wire.asgi_request import Request
from trackway.edge.wire.parameter_tables import Table
from trackway.edge.wire.parameters import Parameters, bad_where, read_parameters
from trackway.edge.wire.replies import JSON, Reply, error_reply
from trackway.edge.wire.streaming import refusal, send_stream, unless_gone, until_gone
from trackway.projects.audit import Action
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.query.broken_facts import may_ask_again
from trackway.query.expressions import ExpressionError
from trackway.store.reader import Readers
from trackway.telemetry import metrics

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

Wanted = TypeVar("Wanted")


class Asked(NamedTuple):
    """A request whose caller has the right that the endpoint needs. `body` is empty where the endpoint reads none, or
    reads parameters from it."""

    request: Request
    caller: Caller
    project: Project
    parameters: Parameters
    body: bytes = b""


class Noted(NamedTuple):
    """What the audit notes of a question: an action and its subject, which holds no value of the question."""

    action: Action
    subject: str


class Streamed(NamedTuple):
    """An answer that is sent as the store makes it. `is_filtered`: a `where` chooses what is sent."""

    opening: AbstractAsyncContextManager[AsyncIterator[bytes]]
    content_type: bytes
    is_filtered: bool = False


@dataclass(frozen=True)
class Query(Generic[Wanted]):
    """A question about the data of a project, which counts towards the limits of its `kind`.

    `call` names it in logs and metrics. `parse` raises RequestError 400, naming the parameter. `answer` gives a value
    for JSON, a whole reply, or a stream. `body_bytes_max` bounds a body with parameters; where it is 0, no body is
    read. `is_counted`: whether a question counts towards the hourly limit, too. `refused` writes the reply to a
    RequestError. `load` gives a function that completes the value of `parse` with what the project has saved, or None;
    the function runs in the thread of changes, and raises RequestError. `noted`: what the audit notes of a question
    that begins, or None.
    """

    table: Table
    right: Right
    call: str
    parse: Callable[[Parameters, Project], Wanted]
    answer: Callable[[Readers, Wanted], Streamed | Awaitable[object]]
    body_bytes_max: int = 0
    is_counted: Callable[[Wanted], bool] = lambda _: True
    kind: Asking = EXPORTING
    refused: Callable[[RequestError], Reply] = error_reply
    load: Callable[[Wanted], Callable[["Saved"], Wanted] | None] = lambda _: None
    noted: Callable[[Wanted], Noted | None] = lambda _: None


@dataclass(frozen=True)
class Command:
    """A request that changes a project, or reads what is known of it without the store. `run` raises RequestError.

    `body_bytes_max` bounds a body; where it is 0, `run` may read one. `is_form`: the body holds parameters. `refused`
    writes the reply to a RequestError.
    """

    table: Table
    right: Right
    run: Callable[[Asked], Awaitable[Reply]]
    body_bytes_max: int = 0
    is_form: bool = False
    refused: Callable[[RequestError], Reply] = error_reply


class Shell:
    """Makes ASGI applications of queries and commands."""

    def __init__(self, access: Access, rates: RateLimits, in_flight: InFlight, readers: Readers, changes: Changes):
        self.access = access
        self._rates = rates
        self.in_flight = in_flight
        self._readers = readers
        self._changes = changes

    def query(self, query: Query[Any]) -> Handler:
        return self._handler(query.table.name, partial(self._answer, query), query.refused)

    def command(self, command: Command) -> Handler:
        async def run(request: Request) -> Reply:
            bytes_max, is_form = command.body_bytes_max, command.is_form
            return await command.run(await self._asked(request, command.right, command.table, bytes_max, is_form))

        return self._handler(command.table.name, run, command.refused)

    async def asked(self, request: Request, right: Right, table: Table) -> Asked:
        """Authenticate a request that has all its parameters in the query string. Raises RequestError as
        `Access.caller` and `Access.project`, and 400 for a parameter that cannot be read or that the table refuses."""
        return await self._asked(request, right, table)

    async def body(self, request: Request, bytes_max: int) -> bytes:
        """The body of a request whose credentials were verified. Raises RequestError 413 or 503, ClientGone."""
        with self.in_flight.claim(request.scope, known=True) as claim:
            return await read_body(request.receive, bytes_max, claim)

    async def serve(
        self,
        path: str,
        request: Request,
        answer: Callable[[Request], Awaitable[Reply | int]],
        refused: Callable[[RequestError], Reply] = error_reply,
    ) -> None:
        """Send the reply that `answer` gives, and meter it under `path`.

        `answer` gives the status alone when it has sent the reply itself. `refused` writes the reply to a RequestError.
        """
        try:
            answered = await answer(request)
        except ClientGone:
            answered = CLIENT_GONE
        except RequestError as error:
            answered = refused(error)
        metrics.request(path, answered.status if isinstance(answered, Reply) else answered)
        if isinstance(answered, Reply):
            await send_reply(request.scope, request.send, answered)

    def _handler(
        self,
        path: str,
        answer: Callable[[Request], Awaitable[Reply | int]],
        refused: Callable[[RequestError], Reply] = error_reply,
    ) -> Handler:
        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            await self.serve(path, Request(scope, receive, send), answer, refused)

        return handle

    async def _answer(self, query: Query[Wanted], request: Request) -> Reply | int:
        asked = await self._asked(request, query.right, query.table, query.body_bytes_max, is_form=True)
        wanted = query.parse(asked.parameters, asked.project)
        self._rates.begin(asked.project, query.kind, counted=query.is_counted(wanted))
        try:
            if noted := query.noted(wanted):
                self.access.note(request.scope, noted.action, asked.project, noted.subject)
            if load := query.load(wanted):
                loading = partial(_loaded, load)
                wanted = await self._changes.run(loading, self.access.author(request.scope))
            return await self._answered_again(query, wanted, request, asked.project)
        except ExpressionError as error:
            raise bad_where(error) from error
        finally:
            self._rates.end(asked.project, query.kind)

    async def _asked(
        self, request: Request, right: Right, table: Table, body_bytes_max: int = 0, is_form: bool = False
    ) -> Asked:
        """As `asked`. A form may name the project, so the body is read before the rights are known. A path that names
        the project counts before both."""
        caller = await self.access.caller(request.scope)
        body = b""
        if body_bytes_max:
            check_length(request.scope, body_bytes_max)
            with self.in_flight.claim(request.scope, known=False) as claim:
                body = await read_body(request.receive, body_bytes_max, claim)
            caller = await self.access.caller(request.scope)  # a key may have ended while the body arrived
        parameters = self._parameters(request, body if is_form else b"")
        project = await self.access.project(caller, right, parameters, request.scope)
        table.check(parameters)
        return Asked(request, caller, project, parameters, b"" if is_form else body)

    def _parameters(self, request: Request, body: bytes) -> Parameters:
        found = request.parameters
        if body:
            found = read_parameters(request.scope["query_string"], request.header(b"content-encoding"), body)
        return {**found, "project_id": str(request.ids["project"])} if "project" in request.ids else found

    async def _answered_again(
        self, query: Query[Wanted], wanted: Wanted, request: Request, project: Project
    ) -> Reply | int:
        """As `_answered`, by the events where the store could not read the facts."""
        try:
            return await self._answered(query, wanted, request)
        except RequestError as error:
            if not await may_ask_again(self._readers.api, project.project_id, error.__cause__):
                raise
        return await self._answered(query, wanted, request)

    async def _answered(self, query: Query[Wanted], wanted: Wanted, request: Request) -> Reply | int:
        answer = query.answer(self._readers, wanted)
        if isinstance(answer, Streamed):
            opening, content_type, is_filtered = answer
            scope, receive, send = request.scope, request.receive, request.send
            return await send_stream(scope, receive, send, opening, content_type, query.call, chosen=is_filtered)
        gone = asyncio.ensure_future(until_gone(request.receive))
        try:
            found = await unless_gone(gone, answer)
        except StorageError as error:
            needy = "the report" if query.kind is REPORTING else ""
            raise refusal(error, query.call, needy=needy) from error
        finally:
            gone.cancel()
        return found if isinstance(found, Reply) else Reply(200, JSON, orjson.dumps(found))


def _loaded(load: Callable[["Saved"], Wanted], opened: Opened) -> Wanted:
    return load(opened.saved)
