"""`/track` with one event a request, as many SDKs send: requests that arrive together are ingested together.

All requests that arrive during one sync of the journal become one journal record. Each still gets its reply after its
sync. The interpreter then runs one small loop over many events instead of every step for each, and journal and loader
get batches (100 instead of 200 µs of two busy cores a request, with 64 connections). A request that is anything but one
event without a fault goes on by itself, as if it had arrived alone.
"""

import asyncio
import time
from functools import partial
from typing import NamedTuple

import msgspec

from trackway.domain.endpoint import Endpoint
from trackway.domain.errors import RequestError
from trackway.domain.limits import SINGLE_BYTES_MAX
from trackway.edge.ingestion.records_endpoint import RecordsEndpoint
from trackway.edge.ingestion.single_heads import Head, Heads, ToSend, accepted, to_send
from trackway.edge.quotas.in_flight import InFlight
from trackway.edge.wire.asgi import Scope
from trackway.edge.wire.decode import Decoded, body_too_large, decode_request
from trackway.edge.wire.parameter_tables import TRACK
from trackway.edge.wire.replies import NO_FLAGS, Flags, Reply
from trackway.geo.place import Place
from trackway.http.protocol import Respond
from trackway.ingest.coalesce import IngestedSingles, Singles, ingest_singles
from trackway.ingest.split import MalformedBody, single_text
from trackway.journal.log import Appender
from trackway.settings.table import Settings
from trackway.telemetry import logs, metrics

_log = logs.get("edge")
_PATH = Endpoint.TRACK.path
_BRACE = b"{"
_NO_REPLY: ToSend = (0, b"", b"")


class _Request(msgspec.Struct):
    """A request that waits for its reply. `counted`: its event counts towards the limits of its project already.

    Of a request with one event: its text, the flags for its reply, and the reply if the event is accepted.
    """

    scope: Scope
    body: bytes
    respond: Respond
    counted: bool = False
    text: bytes = b""
    flags: Flags = NO_FLAGS
    accepted: ToSend = _NO_REPLY


class _Refused(NamedTuple):
    """A request with one event whose project is over a limit."""

    request: _Request
    error: RequestError


_Places = dict[Place | None, list[_Request]]
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
        self._body_bytes_max = settings.body_bytes_max
        self._journal = journal
        self._in_flight = in_flight
        self._endpoint = endpoint
        self._heads = Heads(
            settings.redirect_hosts, endpoint.admission.is_misled, with_host=bool(settings.region_host_names)
        )
        self._waiting: list[_Request] = []
        self._loop = asyncio.get_running_loop()

    def direct(self, scope: Scope, body: bytes, respond: Respond) -> None:
        """Accept a request. It is ingested with all others that arrive until the journal is free."""
        request = _Request(scope, body, respond)
        try:
            if len(body) > self._body_bytes_max:
                raise body_too_large(self._body_bytes_max)
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
        for request, error in refused:
            self._reply(request, self._endpoint.refusal(error, request.flags))
        for request in alone:
            self._answer_alone(request)

    def _ingest(
        self, waiting: list[_Request]
    ) -> tuple[IngestedSingles, list[_Request], list[_Request], list[_Refused]]:
        """The outcome, the requests whose events it holds, those that go on by themselves, and those over a limit."""
        places: _Places = {}
        refused: list[_Refused] = []
        limited = self._endpoint.admission.limits_records
        alone = [
            request for request in waiting if not self._put_to_its_place(request, places, refused, limited=limited)
        ]
        groups = list(places.values())
        received_us = time.time_ns() // 1000
        arrivals = [self._endpoint.arrival(received_us, place) for place in places]
        texts = [[each.text for each in group] for group in groups]
        ingested = ingest_singles(list(map(Singles, arrivals, texts)), self._endpoint.learned)
        for group, out in zip(groups, ingested.left_out, strict=True):
            alone += [group.pop(index) for index in reversed(out)]
        return ingested, [each for group in groups for each in group], alone, refused

    def _put_to_its_place(self, request: _Request, places: _Places, refused: list[_Refused], *, limited: bool) -> bool:
        """Group the request with the others of its place, which becomes part of the event.

        False for a request that is not one event, and for one whose reply is a redirect.
        """
        scope, body = request.scope, request.body
        head, is_forwarded = self._heads.of(scope)
        if head.is_json and body.startswith(_BRACE):
            assert head.query is not None, "its parameters were read"
            text, parameters = single_text(body), head.query.parameters
        else:
            decoded = _decoded(head, body)
            if decoded is None:
                return False
            text, parameters = None if decoded.lines else single_text(decoded.text), decoded.parameters
        if text is None or head.is_misled:
            return False
        request.text = text
        if head.query is not None and parameters is head.query.parameters:
            request.flags, request.accepted = head.flags, head.accepted
        else:
            request.flags = self._heads.flags_of(parameters)
            request.accepted = accepted(request.flags, scope)
        if request.flags.redirect:
            return False
        if limited:
            try:
                request.counted = self._endpoint.admission.admit_single(text)
            except RequestError as error:
                refused.append(_Refused(request, error))
                return True
        if parameters:
            TRACK.count_unknown(parameters)
        place = self._endpoint.place_of_request(scope, parameters, is_forwarded=is_forwarded)
        if place in places:
            places[place].append(request)
        else:
            places[place] = [request]
        return True

    def _answer_alone(self, request: _Request) -> None:
        try:
            done = partial(self._reply, request)
            self._endpoint.answer(self._endpoint.request(request.scope), request.body, done, counted=request.counted)
        except Exception:  # the outermost place: whatever failed, this request gets a reply
            _log.exception("a request failed")
            self._reply(request, self._endpoint.refusal(RequestError(500, "internal error"), NO_FLAGS))

    def _committed(self, singles: list[_Request], on_fast_path: int, result: int | Exception) -> None:
        """Durable first, then the replies."""
        if isinstance(result, Exception):
            for request in singles:
                self._reply(request, self._endpoint.not_durable(result, request.flags))
            return
        metrics.request(_PATH, 200, len(singles))
        metrics.records(_PATH, "accepted", len(singles))
        metrics.events_by_path(_PATH, on_fast_path, len(singles))
        self._in_flight.give_whole(sum([len(request.body) for request in singles]))
        for request in singles:
            request.respond(*request.accepted)

    def _reply(self, request: _Request, reply: Reply) -> None:
        self._in_flight.give_whole(len(request.body))
        _send(request, reply)


def _decoded(head: Head, body: bytes) -> Decoded | None:
    """None for a request that cannot be decoded: its reply says why."""
    if head.query is None:
        return None
    try:
        return decode_request(head.query, head.content_type, head.content_encoding, body, SINGLE_BYTES_MAX)
    except (MalformedBody, RequestError):
        return None


def _send(request: _Request, reply: Reply) -> None:
    request.respond(*to_send(reply, request.scope))
