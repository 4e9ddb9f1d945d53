"""`/track`, `/import`, `/engage` and `/groups`: read, decode, apply the rules, make durable, answer. In that order, and
nothing between the sync and the reply."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus

from trackway import logs, metrics
from trackway.edge import replies
from trackway.edge.admission import Admission
from trackway.edge.credentials import Access, check_project_id
from trackway.edge.decode import Decoded, decode_request, query_parameters
from trackway.edge.http import (
    CLIENT_GONE,
    ClientGone,
    InFlight,
    Receive,
    Scope,
    Send,
    check_length,
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
from trackway.ingest.request import Ingested, ingest_body, ingest_undecodable, ingest_unread, ingest_updates
from trackway.journal.commit import GroupCommit
from trackway.journal.entry import Endpoint
from trackway.limits import RETRY_AFTER_STORAGE_S
from trackway.projects.directory import ProjectDirectory
from trackway.projects.project import Project
from trackway.residency import wrong_region
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
        self._journal = journal
        self.admission = Admission(endpoint, settings, directory, access, rates)
        self._in_flight = in_flight
        self._locator = locator
        self._trusted = networks(settings.trusted_proxies)
        self._redirect_hosts: Sequence[str] = settings.redirect_hosts
        self._path = endpoint.path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        held = 0
        try:
            caller, parameters = await self.admission.caller(scope), query_parameters(scope["query_string"])
            project = self.admission.project_named(caller, parameters)
            if project is None or not self.admission.is_elsewhere(scope, project):
                check_length(scope, self._settings.body_bytes_max)
                body = await read_body(receive, self._settings.body_bytes_max, self._in_flight)
                held = len(body)
                await self.admission.still_granted(scope, project, parameters)
                if caller is not None and project is None:
                    project = self.admission.project_of(caller, self._parameters_with_body(scope, body))
            if project is not None and self.admission.is_elsewhere(scope, project):
                self._reject_unread(scope, project, answered.set_result)
            else:
                self.answer(scope, body, answered.set_result, project)
            reply = await answered
        except ClientGone:
            metrics.request(self._path, CLIENT_GONE)
            return
        except RequestError as error:
            reply = self.refusal(error, self.flags_of_query(scope))
        finally:
            self._in_flight.give(held)
        await send_reply(scope, send, reply)

    def answer(
        self,
        scope: Scope,
        body: bytes,
        done: Callable[[Reply], None],
        project: Project | None = None,
        *,
        counted: bool = False,
    ) -> None:
        """Everything between the body and the answer, which `done` gets: now, or when the data is durable.

        `project`: the one an `/import` is for. `counted`: the records count towards its limits already.
        """
        received_us = time.time_ns() // 1000
        flags, text = NO_FLAGS, body
        try:
            parameters = query_parameters(scope["query_string"])
            flags = read_flags(parameters, self._redirect_hosts)
            try:
                decoded = self._decode(scope, body)
                if not counted:
                    self.admission.refuse_early(decoded.text)
                text, parameters = decoded.text, decoded.parameters
                flags = read_flags(parameters, self._redirect_hosts)
                arrival = self._arrival(scope, parameters, flags, received_us, project)
                ingested = self._ingest(decoded, arrival)
                if not counted:
                    self.admission.count_records(ingested, len(text))
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

    def _reject_unread(self, scope: Scope, project: Project, done: Callable[[Reply], None]) -> None:
        """Refuse an `/import` for another region, and show it to its project; nothing of it is read."""
        received_us, flags = time.time_ns() // 1000, self.flags_of_query(scope)
        reason = wrong_region(project.region, self._settings.region, header(scope, b"host"))
        ingested = ingest_unread(Rejected("", reason, keep=False), self.arrival(received_us, None, project=project))

        def committed(result: int | Exception) -> None:
            if isinstance(result, Exception):
                done(self.not_durable(result, flags))
                return
            self._count(ingested, HTTPStatus.FORBIDDEN)
            done(replies.error_reply(RequestError(403, reason), flags))

        self._journal.submit(ingested.payload, committed)

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
            host=header(scope, b"host"),
            misled=self.admission.is_misled(scope),
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
            return read_flags(query_parameters(scope["query_string"]), self._redirect_hosts)
        except RequestError:
            return NO_FLAGS
