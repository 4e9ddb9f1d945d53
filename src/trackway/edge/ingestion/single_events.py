"""`/track` with one event a request, as many SDKs send: requests that arrive together are ingested together.

All requests that arrive during one sync of the journal become one journal record. Each still gets its reply after its
sync. The interpreter then runs one small loop over many events instead of every step for each, and journal and loader
get batches (100 instead of 200 µs of two busy cores a request, with 64 connections). A request that is anything but one
event without a fault goes on by itself, as if it had arrived alone.
"""

import asyncio
import time
from functools import lru_cache, partial
from typing import NamedTuple

import msgspec

from trackway.domain.endpoint import Endpoint
from trackway.domain.errors import RequestError
from trackway.domain.limits import SINGLE_BYTES_MAX
from trackway.edge.ingestion.records_endpoint import RecordsEndpoint
from trackway.edge.limits import REPLIES_REMEMBERED
from trackway.edge.quotas.in_flight import InFlight
from trackway.edge.wire import replies
from trackway.edge.wire.asgi import Scope, content_headers, cors_headers, header
from trackway.edge.wire.decode import body_too_large, decode_request, read_query
from trackway.edge.wire.parameter_tables import TRACK
from trackway.edge.wire.replies import NO_FLAGS, Flags, Reply, read_flags
from trackway.geo.place import Place
from trackway.http.protocol import Respond, header_lines
from trackway.ingest.coalesce import IngestedSingles, Singles, ingest_singles
from trackway.ingest.split import MalformedBody, single_text
from trackway.journal.log import Appender
from trackway.settings.table import Settings
from trackway.telemetry import logs, metrics

_log = logs.get("edge")
_PATH = Endpoint.TRACK.path


class _Request(msgspec.Struct):
    """A request that waits for its reply. `counted`: its event counts towards the limits of its project already."""

    scope: Scope
    body: bytes
    respond: Respond
    counted: bool = False


class _Single(NamedTuple):
    """A request with one event, and the flags for its reply."""

    request: _Request
    text: bytes
    flags: Flags


class _Refused(NamedTuple):
    """A request with one event whose project is over a limit."""

    request: _Request
    flags: Flags
    error: RequestError


_Places = dict[Place | None, list[_Single]]
"""Requests by the place of their client."""


class SinglesEndpoint:
    """The short way (`http.protocol.Direct`) of `/track`. `endpoint` handles the requests that do not fit."""

    def __init__(
        self,
        settings: Settings,
        journal: Appender,
        in_flight: InFlight,
        endpoint: RecordsEndpoint,
    ):
        self._settings = settings
        self._journal = journal
        self._in_flight = in_flight
        self._endpoint = endpoint
        self._waiting: list[_Request] = []
        self._loop = asyncio.get_running_loop()

    def direct(self, scope: Scope, body: bytes, respond: Respond) -> None:
        """Accept a request. It is ingested with all others that arrive until the journal is free."""
        request = _Request(scope, body, respond)
        try:
            if len(body) > self._settings.body_bytes_max:
                raise body_too_large(self._settings.body_bytes_max)
            self._in_flight.take_whole(scope, len(body))
        except RequestError as error:
            _send(request, self._endpoint.refusal(error, self._endpoint.request(scope).flags))
            return
        self._waiting.append(request)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._journal.call_when_free, self._take_waiting)

    def _take_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            ingested, singles, alone, refused = self._ingest(waiting)
        except Exception as failure:  # the faulty one is found, and answered, when it is ingested alone
            if not isinstance(failure, RecursionError):  # nesting that passed the parser only just
                _log.exception("requests cannot be taken together")
            ingested, singles, alone, refused = IngestedSingles(b"", [], 0), [], waiting, []
        if ingested.payload:
            self._journal.submit(ingested.payload, partial(self._committed, singles, ingested.on_fast_path))
        for request, flags, error in refused:
            self._reply(request, self._endpoint.refusal(error, flags))
        for request in alone:
            self._answer_alone(request)

    def _ingest(self, waiting: list[_Request]) -> tuple[IngestedSingles, list[_Single], list[_Request], list[_Refused]]:
        """The outcome, the requests whose events it holds, those that go on by themselves, and those over a limit."""
        places: _Places = {}
        refused: list[_Refused] = []
        alone = [request for request in waiting if not self._put_to_its_place(request, places, refused)]
        groups = list(places.values())
        received_us = time.time_ns() // 1000
        arrivals = [self._endpoint.arrival(received_us, place) for place in places]
        texts = [[each.text for each in group] for group in groups]
        ingested = ingest_singles(list(map(Singles, arrivals, texts)), self._endpoint.learned)
        for group, out in zip(groups, ingested.left_out, strict=True):
            alone += [group.pop(index).request for index in reversed(out)]
        return ingested, [each for group in groups for each in group], alone, refused

    def _put_to_its_place(self, request: _Request, places: _Places, refused: list[_Refused]) -> bool:
        """Group the request with the others of its place, which becomes part of the event.

        False for a request that is not one event, and for one whose reply is a redirect.
        """
        scope, body = request.scope, request.body
        content_type, content_encoding = header(scope, b"content-type"), header(scope, b"content-encoding")
        try:
            query = read_query(scope["query_string"])
            decoded = decode_request(query, content_type, content_encoding, body, SINGLE_BYTES_MAX)
            text = None if decoded.lines else single_text(decoded.text)
        except (MalformedBody, RequestError):
            text = None
        flags = NO_FLAGS if text is None else read_flags(decoded.parameters, self._settings.redirect_hosts)
        if text is None or flags.redirect or self._endpoint.admission.is_misled(scope):
            return False
        try:
            if self._endpoint.admission.admit_single(text):
                request.counted = True
        except RequestError as error:
            refused.append(_Refused(request, flags, error))
            return True
        TRACK.count_unknown(decoded.parameters)
        place = self._endpoint.place_of_request(scope, decoded.parameters)
        places.setdefault(place, []).append(_Single(request, text, flags))
        return True

    def _answer_alone(self, request: _Request) -> None:
        try:
            done = partial(self._reply, request)
            self._endpoint.answer(self._endpoint.request(request.scope), request.body, done, counted=request.counted)
        except Exception:  # the outermost place: whatever failed, this request gets a reply
            _log.exception("a request failed")
            self._reply(request, self._endpoint.refusal(RequestError(500, "internal error"), NO_FLAGS))

    def _committed(self, singles: list[_Single], on_fast_path: int, result: int | Exception) -> None:
        """Durable first, then the replies."""
        if isinstance(result, Exception):
            for request, _, flags in singles:
                self._reply(request, self._endpoint.not_durable(result, flags))
            return
        metrics.request(_PATH, 200, len(singles))
        metrics.records(_PATH, "accepted", len(singles))
        metrics.events_by_path(_PATH, on_fast_path, len(singles))
        for request, _, flags in singles:
            self._reply(request, replies.accepted_reply(flags))

    def _reply(self, request: _Request, reply: Reply) -> None:
        self._in_flight.give_whole(len(request.body))
        _send(request, reply)


def _send(request: _Request, reply: Reply) -> None:
    lines, more = _lines_of(reply.content_type, len(reply.body)), (*reply.headers, *cors_headers(request.scope))
    request.respond(reply.status, lines + header_lines(more) if more else lines, reply.body)


@lru_cache(REPLIES_REMEMBERED)
def _lines_of(content_type: bytes, size: int) -> bytes:
    return header_lines(content_headers(content_type, size))
