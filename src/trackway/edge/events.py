"""`/track`, `/import`, `/engage` and `/groups`: read, decode, apply the rules, make durable, answer. In that order, and
nothing between the sync and the reply."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from trackway import logs, metrics
from trackway.edge import replies
from trackway.edge.credentials import Access, Caller, ProjectKey, check_project_id
from trackway.edge.decode import Decoded, bounded_query, decode_request, parse_query
from trackway.edge.http import (
    CLIENT_GONE,
    ClientGone,
    InFlight,
    Receive,
    Scope,
    Send,
    client_address,
    header,
    networks,
    read_body,
    send_reply,
)
from trackway.edge.ratelimit import RateLimits
from trackway.edge.replies import NO_FLAGS, Flags, Reply, read_flags
from trackway.errors import RequestError, StorageError
from trackway.geo.locator import Locator
from trackway.geo.place import Place
from trackway.ingest.events import Arrival
from trackway.ingest.outcome import Rejected
from trackway.ingest.records import MalformedBody, some, split_updates
from trackway.ingest.request import Ingested, ingest_body, ingest_undecodable, ingest_updates
from trackway.journal.commit import GroupCommit
from trackway.journal.entry import Endpoint
from trackway.limits import RETRY_AFTER_STORAGE_S
from trackway.projects.directory import ProjectDirectory
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.settings import Settings

_log = logs.get("edge")


class RecordsEndpoint:
    """One of the endpoints that take records, events or profile updates; an ASGI application."""

    def __init__(
        self,
        endpoint: Endpoint,
        settings: Settings,
        directory: ProjectDirectory,
        access: Access,
        journal: GroupCommit,
        rates: RateLimits,
        in_flight: InFlight,
        locator: Locator,
    ):
        self._endpoint = endpoint
        self._plain = endpoint is not Endpoint.IMPORT
        self._settings = settings
        self._directory = directory
        self._access = access
        self._journal = journal
        self._rates = rates
        self._in_flight = in_flight
        self._locator = locator
        self._trusted = networks(settings.trusted_proxies)
        self._redirect_hosts: Sequence[str] = settings.redirect_hosts
        self._path = endpoint.path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        held = 0
        try:
            body = await read_body(receive, self._settings.body_bytes_max, self._in_flight)
            held = len(body)
            caller = None if self._plain else await self._access.caller(header(scope, b"authorization"))
            self.answer(scope, body, answered.set_result, caller)
            reply = await answered
        except ClientGone:
            metrics.request(self._path, CLIENT_GONE)
            return
        except RequestError as error:
            reply = self.refusal(error, self.flags_of_query(scope))
        finally:
            self._in_flight.give(held)
        await send_reply(scope, send, reply)

    def answer(self, scope: Scope, body: bytes, done: Callable[[Reply], None], caller: Caller | None = None) -> None:
        """Everything between the body and the answer, which `done` gets: now, or when the data is durable. `caller`: of
        `/import`."""
        received_us = time.time_ns() // 1000
        flags, text = NO_FLAGS, body
        try:
            parameters = self._query_parameters(scope)
            flags = read_flags(parameters, self._redirect_hosts)
            project = self._project(caller, scope, body, parameters) if caller else None
            try:
                decoded = self._decode(scope, body)
                text, parameters = decoded.text, decoded.parameters
                flags = read_flags(parameters, self._redirect_hosts)
                arrival = self._arrival(scope, parameters, flags, received_us, project)
                ingested = self._ingest(decoded, arrival)
            except MalformedBody as fault:
                arrival = self._arrival(scope, parameters, flags, received_us, project)
                ingested = self._undecodable(text, str(fault), arrival)
        except RequestError as error:
            done(self.refusal(error, flags))
            return
        self._journal.submit(ingested.payload, partial(self._committed, ingested, flags, done))

    def _committed(
        self, ingested: Ingested, flags: Flags, done: Callable[[Reply], None], result: int | Exception
    ) -> None:
        """Durable first, then the answer."""
        if isinstance(result, Exception):
            done(self.not_durable(result, flags))
        else:
            reply = replies.records_reply(self._endpoint, flags, ingested)
            self._count(ingested, reply.status)
            done(reply)

    def not_durable(self, failure: Exception, flags: Flags) -> Reply:
        """The reply when the journal could not take the records."""
        if isinstance(failure, StorageError):
            return self.refusal(RequestError(503, str(failure), retry_after_s=RETRY_AFTER_STORAGE_S), flags)
        _log.error("the journal failed", exc_info=failure)
        return self.refusal(RequestError(500, "internal error"), flags)

    def refusal(self, error: RequestError, flags: Flags) -> Reply:
        metrics.request(self._path, error.status)
        return replies.error_reply(error, flags, plain=self._plain)

    def _decode(self, scope: Scope, body: bytes) -> Decoded:
        return decode_request(
            scope["query_string"],
            header(scope, b"content-type"),
            header(scope, b"content-encoding"),
            body,
            self._settings.body_bytes_max,
        )

    def _undecodable(self, text: bytes, fault: str, arrival: Arrival) -> Ingested:
        """`/import` and strict requests get a 400; others must get 200 or Android sends the batch again for ever
        (protocol §3)."""
        if self._endpoint is Endpoint.IMPORT or arrival.strict:
            raise RequestError(400, fault)
        return ingest_undecodable(text, Rejected("data", fault), arrival)

    def _project(self, caller: Caller, scope: Scope, body: bytes, parameters: Mapping[str, str]) -> Project:
        """The project of an `/import` request, which is counted. Raises RequestError 400, 401, 403 or 429."""
        if not isinstance(caller, ProjectKey) and not parameters.get("project_id"):
            parameters = self._parameters_with_body(scope, body)
        project = self._access.project(caller, Right.IMPORT, parameters)
        self._rates.count_import(project)
        return project

    def _parameters_with_body(self, scope: Scope, body: bytes) -> Mapping[str, str]:
        """Those of a form, too, which alone may name the project of a service account's request."""
        try:
            return self._decode(scope, body).parameters
        except MalformedBody:
            return {}

    def _arrival(
        self, scope: Scope, parameters: Mapping[str, str], flags: Flags, received_us: int, project: Project | None
    ) -> Arrival:
        """What the rules need to know of the request. Raises RequestError 401 when a form names another project."""
        if project is not None:
            check_project_id(project, parameters)
        asked = parameters.get("ip") == "1"
        return self.arrival(
            received_us,
            self.place_of_request(scope, parameters),
            hash_address=client_address(scope, self._trusted) if asked else None,
            project=project,
            strict=flags.strict and self._endpoint is not Endpoint.TRACK,
        )

    def place_of_request(self, scope: Scope, parameters: Mapping[str, str]) -> Place | None:
        """The place of the client's address, None when it is unknown or not to be looked at."""
        return self._locator.place_of(client_address(scope, self._trusted)) if parameters.get("ip") != "0" else None

    def arrival(
        self,
        received_us: int,
        place: Place | None,
        *,
        hash_address: str | None = None,
        project: Project | None = None,
        strict: bool = False,
    ) -> Arrival:
        return Arrival(
            endpoint=self._endpoint,
            received_us=received_us,
            find_project=self._directory.by_token,
            region=self._settings.region,
            project=project,
            strict=strict,
            hash_address=hash_address,
            accept_unknown_tokens=self._settings.accept_unknown_tokens,
            place=place,
            place_of=self._locator.place_of,
            nearest=self._locator.nearest,
        )

    def _ingest(self, decoded: Decoded, arrival: Arrival) -> Ingested:
        """The outcomes of all records. Raises MalformedBody, also for nesting that passes the parser only just."""
        try:
            return self._outcomes(decoded, arrival)
        except RecursionError as error:
            raise MalformedBody("data, not valid JSON: nested too deep") from error

    def _outcomes(self, decoded: Decoded, arrival: Arrival) -> Ingested:
        if self._endpoint.takes_profiles:
            return ingest_updates(some(split_updates(decoded.text, lines=decoded.lines)), arrival)
        return ingest_body(decoded.text, arrival, lines=decoded.lines)

    def _count(self, ingested: Ingested, status: int) -> None:
        metrics.request(self._path, status)
        if ingested.accepted:
            metrics.records(self._path, "accepted", ingested.accepted)
        if ingested.ignored:
            metrics.records(self._path, "ignored", ingested.ignored)
        for reason, count in ingested.rejected.items():
            metrics.records(self._path, "rejected", count, reason)

    def flags_of_query(self, scope: Scope) -> Flags:
        """How to answer a request whose body was not looked at."""
        try:
            return read_flags(self._query_parameters(scope), self._redirect_hosts)
        except RequestError:
            return NO_FLAGS

    def _query_parameters(self, scope: Scope) -> Mapping[str, str]:
        """The parameters as far as they can be read without the body."""
        query = bounded_query(scope["query_string"])
        try:
            return parse_query(query)
        except MalformedBody:
            return {}
