"""`/track`, `/import`, `/engage` and `/groups`: read, decode, apply the rules, make durable, reply, in that order.
Nothing happens between the sync and the reply."""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from typing import NamedTuple

from trackway.domain.endpoint import Endpoint
from trackway.domain.errors import RequestError, StorageError
from trackway.domain.limits import RECORDS_PER_REQUEST_MAX, RETRY_AFTER_STORAGE_S
from trackway.domain.line_ids import LINES_HEADER, LineSource, line_source
from trackway.edge.access.client_address import ClientAddresses
from trackway.edge.access.credentials import Access, check_project_id
from trackway.edge.access.operator import Operator
from trackway.edge.ingestion.admission import Admission
from trackway.edge.ingestion.import_pace import ImportPace
from trackway.edge.ingestion.known_tokens import tokens_named
from trackway.edge.ingestion.offload import HeavyWork
from trackway.edge.ingestion.records_request import RecordsRequest
from trackway.edge.limits import HEAVY_BYTES, UNKNOWN_READ_BYTES_MAX
from trackway.edge.quotas.in_flight import Claim, InFlight, read_body
from trackway.edge.quotas.rate_limits import RateLimits
from trackway.edge.wire import replies
from trackway.edge.wire.asgi import CLIENT_GONE, ClientGone, Receive, Scope, Send, check_length, header, send_reply
from trackway.edge.wire.decode import Decoded, decode_request
from trackway.edge.wire.parameter_tables import RECORDS
from trackway.edge.wire.replies import NO_FLAGS, Flags, Reply
from trackway.geo.locator import Locator
from trackway.geo.place import Place
from trackway.ingest.arrival import Arrival
from trackway.ingest.fast_path.events import LearnedReaders
from trackway.ingest.outcome import Ingested, Rejected
from trackway.ingest.request import ingest_body, ingest_undecodable, ingest_unknown, ingest_unread, ingest_update_body
from trackway.ingest.split import MalformedBody
from trackway.journal.log import Appender
from trackway.projects.project import Project
from trackway.projects.project_lookup import ProjectDirectory
from trackway.settings.table import Settings
from trackway.telemetry import logs, metrics

_log = logs.get("edge")


class _Arrived(NamedTuple):
    """A request with its body. `project`: that of an `/import`. `counted`: its records count towards limits already."""

    request: RecordsRequest
    body: bytes
    project: Project | None
    counted: bool
    received_us: int


class _Worked(NamedTuple):
    """The result of the rules: the outcomes, or why the request is refused. `size_bytes` is the size of its text."""

    flags: Flags
    size_bytes: int
    ingested: Ingested | RequestError
    parameters: Mapping[str, str]


class RecordsEndpoint:
    """One of the endpoints that take records, events or profile updates; an ASGI application."""

    def __init__(
        self,
        endpoint: Endpoint,
        settings: Settings,
        directory: ProjectDirectory,
        access: Access,
        journal: Appender,
        rates: RateLimits,
        in_flight: InFlight,
        locator: Locator,
        heavy: HeavyWork | None = None,
        operator: Operator | None = None,
        pace: ImportPace | None = None,
    ):
        self._endpoint = endpoint
        self._plain = endpoint is not Endpoint.IMPORT
        self._settings = settings
        self._directory = directory
        self._journal = journal
        self.learned = LearnedReaders()
        self._operator = operator or Operator()
        self._pace = pace
        self.admission = Admission(endpoint, settings, directory, access, rates, self._operator)
        self._in_flight = in_flight
        self._locator = locator
        self._heavy = heavy or HeavyWork()
        self._addresses = ClientAddresses(settings.trusted_proxies)
        self._path = endpoint.path
        self._event_retention = settings.event_retention

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        request = self.request(scope)
        claim: Claim | None = None
        try:
            await self._check_room(scope, receive)
            admitted = await self.admission.at_head(request)
            if admitted.refusal is None:
                check_length(scope, self._settings.body_bytes_max)
                claim = self._in_flight.claim(scope, known=admitted.caller is not None)
                body = await read_body(receive, self._settings.body_bytes_max, claim)
                admitted = await self.admission.at_body(request, admitted, partial(self._form, request, body))
            if admitted.refusal is not None:
                self._reject_unread(request, admitted.project, admitted.refusal, answered.set_result)
            else:
                if self._pace is not None and admitted.project is not None and self._operator.sent(scope):
                    await self._pace.wait()
                self.answer(request, body, answered.set_result, admitted.project)
            reply = await answered
        except ClientGone:
            metrics.request(self._path, CLIENT_GONE)
            return
        except RequestError as error:
            reply = self.refusal(error, request.flags)
        finally:
            if claim is not None:
                claim.release()
        await send_reply(scope, send, reply)

    def request(self, scope: Scope) -> RecordsRequest:
        return RecordsRequest(scope, self._settings.redirect_hosts)

    def answer(
        self,
        request: RecordsRequest,
        body: bytes,
        done: Callable[[Reply], None],
        project: Project | None = None,
        *,
        counted: bool = False,
    ) -> None:
        """Everything between the body and the reply, which `done` gets: now, or when the data is durable.

        `project`: that of an `/import`. `counted`: the records count towards the limits already. A body that is large,
        or unpacks to much, is handled in a thread.
        """
        arrived = _Arrived(request, body, project, counted, time.time_ns() // 1000)
        here = min(HEAVY_BYTES, self._settings.body_bytes_max)
        worked = self._worked(arrived, here) if len(body) <= here else None
        if worked is None:
            work = partial(self._worked, arrived, self._settings.body_bytes_max)
            self._heavy.run(work, partial(self._heavily_worked, arrived, done))
        else:
            self._finish(arrived, done, worked)

    def _worked(self, arrived: "_Arrived", bytes_max: int) -> "_Worked | None":
        """The outcomes of the records. Nothing is stored or counted yet. None when they have more than `bytes_max`
        bytes, and this is not the bound of a body. Runs in any thread."""
        request, body, project, counted, received_us = arrived
        scope = request.scope
        flags, size = NO_FLAGS, len(body)
        parameters: Mapping[str, str] = {}
        try:
            parameters, flags = request.query.parameters, request.flags
            try:
                decoded = self._decode(request, body, bytes_max, project)
                if decoded is None:
                    return None
                source = self._line_source(scope) if decoded.lines else None
                if not counted:
                    self.admission.refuse_early(decoded.text)
                size, parameters = len(decoded.text), decoded.parameters
                flags = request.flags_with(parameters)
                arrival = self._arrival(scope, parameters, flags, received_us, project)
                ingested = self._ingest(decoded, arrival, source)
            except MalformedBody as fault:
                arrival = self._arrival(scope, parameters, flags, received_us, project)
                ingested = self._undecodable(str(fault), arrival)
        except RequestError as error:
            # Its traceback would keep the body, as unpacked, for as long as somebody holds the error.
            error.__traceback__ = error.__context__ = error.__cause__ = None
            return _Worked(flags, size, error, parameters)
        return _Worked(flags, size, ingested, parameters)

    def _heavily_worked(
        self, arrived: "_Arrived", done: Callable[[Reply], None], future: "Future[_Worked | None]"
    ) -> None:
        try:
            worked = future.result()
            assert worked is not None, "there is no larger bound"
        except Exception:  # the outermost place: whatever failed, this request gets a reply
            _log.exception("a request failed")
            done(self.refusal(RequestError(500, "internal error"), NO_FLAGS))
            return
        self._finish(arrived, done, worked)

    def _finish(self, arrived: "_Arrived", done: Callable[[Reply], None], worked: "_Worked") -> None:
        """Count the records, make them durable, reply. A request that leaves nothing to store has its reply at once."""
        flags, size, ingested, parameters = worked
        RECORDS[self._path].count_unknown(parameters)
        if isinstance(ingested, RequestError):
            done(self.refusal(ingested, flags))
            return
        try:
            if not arrived.counted:
                self.admission.count_records(ingested, size)
            self._journal.check()
        except (RequestError, StorageError) as error:
            done(self.not_durable(error, flags) if isinstance(error, StorageError) else self.refusal(error, flags))
            return
        self.admission.count_rejected(ingested)
        if ingested.payload:
            self._journal.submit(ingested.payload, partial(self._committed, ingested, flags, done))
        else:
            self._committed(ingested, flags, done, 0)

    def _committed(
        self, ingested: Ingested, flags: Flags, done: Callable[[Reply], None], result: int | Exception
    ) -> None:
        """Durable first, then the reply."""
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

    async def _check_room(self, scope: Scope, receive: Receive) -> None:
        """Raise RequestError 503 when the journal takes nothing now, before the request is counted.

        Its body is read all the same: a client that still sends would find its connection reset, and no reply.
        """
        try:
            self._journal.check()
        except StorageError as error:
            with self._in_flight.claim(scope, known=False) as claim:
                await read_body(receive, self._settings.body_bytes_max, claim)
            raise RequestError(503, str(error), retry_after_s=RETRY_AFTER_STORAGE_S) from error

    def refusal(self, error: RequestError, flags: Flags) -> Reply:
        metrics.request(self._path, error.status)
        return replies.error_reply(error, flags, plain=self._plain)

    def _decode(self, request: RecordsRequest, body: bytes, bytes_max: int, project: Project | None) -> Decoded | None:
        """None when it has more than `bytes_max` bytes, and a larger bound comes next."""
        try:
            return decode_request(
                request.query,
                header(request.scope, b"content-type"),
                header(request.scope, b"content-encoding"),
                body,
                bytes_max,
                self._names_project if project is None else None,
            )
        except RequestError:
            if bytes_max < self._settings.body_bytes_max:
                return None
            raise

    def _line_source(self, scope: Scope) -> LineSource | None:
        """The file of an operator's import, if it says of which one its lines are: they get the ids that they lack."""
        named = header(scope, LINES_HEADER.encode())
        if not named or not self._operator.sent(scope):
            return None
        try:
            return line_source(named.decode("latin-1"))
        except ValueError as error:
            raise RequestError(400, f"{LINES_HEADER}, must be a line's number and a file's name") from error

    def _names_project(self, text: bytes) -> bool:
        return tokens_named(text, self._is_known).is_known

    def _is_known(self, token: str) -> bool:
        return self._directory.by_token(token) is not None

    def _undecodable(self, fault: str, arrival: Arrival) -> Ingested:
        """`/import` and strict requests get a 400; others must get 200 or Android sends the batch again for ever
        (protocol §3)."""
        if self._endpoint is Endpoint.IMPORT or arrival.strict:
            raise RequestError(400, fault)
        return ingest_undecodable(Rejected("data", fault), arrival)

    def _reject_unread(
        self, request: RecordsRequest, project: Project | None, reason: str, done: Callable[[Reply], None]
    ) -> None:
        """Refuse an `/import` for another region unread, and show the refusal to its project."""
        received_us, flags = time.time_ns() // 1000, request.flags
        ingested = ingest_unread(Rejected("", reason, keep=False), self.arrival(received_us, None, project=project))

        def committed(result: int | Exception) -> None:
            if isinstance(result, Exception):
                done(self.not_durable(result, flags))
                return
            self._count(ingested, HTTPStatus.FORBIDDEN)
            done(replies.error_reply(RequestError(403, reason), flags))

        self._journal.submit(ingested.payload, committed)

    def _form(self, request: RecordsRequest, body: bytes) -> Mapping[str, str]:
        """The parameters with those of a form, which alone may name the project of a service account's request."""
        try:
            decoded = self._decode(request, body, self._settings.body_bytes_max, project=None)
        except MalformedBody:
            return {}
        return decoded.parameters if decoded else {}

    def _arrival(
        self, scope: Scope, parameters: Mapping[str, str], flags: Flags, received_us: int, project: Project | None
    ) -> Arrival:
        """What the rules need from the request. Raises RequestError 401 when a form names another project."""
        if project is not None:
            check_project_id(project, parameters)
        asked = parameters.get("ip") == "1"
        return self.arrival(
            received_us,
            self.place_of_request(scope, parameters),
            host=header(scope, b"host"),
            misled=self.admission.is_misled(scope),
            hash_address=(self._addresses.of(scope) or None) if asked else None,
            project=project,
            strict=flags.strict and self._endpoint is not Endpoint.TRACK,
        )

    def place_of_request(
        self, scope: Scope, parameters: Mapping[str, str], *, is_forwarded: bool = True
    ) -> Place | None:
        """The place of the client's address, None when it is unknown or the client does not want it. Where no proxy
        says whom the request is from (`is_forwarded`), the address is that of the connection."""
        if parameters.get("ip") == "0":
            return None
        client = None if is_forwarded else scope["client"]
        return self._locator.place_of(client[0] if client else self._addresses.of(scope))

    def arrival(
        self,
        received_us: int,
        place: Place | None,
        *,
        host: bytes = b"",
        misled: bool = False,
        hash_address: str | None = None,
        project: Project | None = None,
        strict: bool = False,
    ) -> Arrival:
        return Arrival(
            endpoint=self._endpoint,
            received_us=received_us,
            find_project=self._directory.by_token,
            region=self._settings.region,
            host=host,
            misled=misled,
            project=project,
            strict=strict,
            hash_address=hash_address,
            accept_unknown_tokens=self._settings.accept_unknown_tokens,
            place=place,
            place_of=self._locator.place_of,
            nearest=self._locator.nearest,
            rejected_left=self.admission.rejected_left,
            event_retention=self._event_retention,
        )

    def _ingest(self, decoded: Decoded, arrival: Arrival, source: LineSource | None) -> Ingested:
        """The outcomes of all records. Raises MalformedBody, also for nesting that passes the parser only just."""
        try:
            return self._outcomes(decoded, arrival, source)
        except RecursionError as error:
            raise MalformedBody("data, not valid JSON: nested too deep") from error

    def _outcomes(self, decoded: Decoded, arrival: Arrival, source: LineSource | None) -> Ingested:
        if arrival.project is None and len(decoded.text) > UNKNOWN_READ_BYTES_MAX:
            named = tokens_named(decoded.text, self._is_known)
            if not named.is_known:
                return ingest_unknown(min(max(named.names, 1), RECORDS_PER_REQUEST_MAX), arrival)
        if self._endpoint.takes_profiles:
            return ingest_update_body(decoded.text, arrival, lines=decoded.lines)
        return ingest_body(decoded.text, arrival, self.learned, lines=decoded.lines, source=source)

    def _count(self, ingested: Ingested, status: int) -> None:
        metrics.request(self._path, status)
        if ingested.accepted:
            metrics.records(self._path, "accepted", ingested.accepted)
            if not self._endpoint.takes_profiles:
                metrics.events_by_path(self._path, ingested.on_fast_path, ingested.accepted)
        if ingested.ignored:
            metrics.records(self._path, "ignored", ingested.ignored)
        if ingested.originals_dropped:
            metrics.originals_dropped(ingested.originals_dropped)
        for reason, count in ingested.rejected.items():
            metrics.records(self._path, "rejected", count, reason)
