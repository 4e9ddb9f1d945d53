"""`/track` with one event a request, the way many SDKs send: requests that arrive together are taken together.

What has come in by the end of the sync that is going on is ingested as one and becomes one journal record; each
request still gets its reply after its sync. The interpreter then runs one small loop over many events instead of
everything for each, and journal and loader see batches (100 against 200 µs of two busy cores a request, with 64
connections). A request that is anything but one event that breaks no rule goes on by itself, as if it had come alone.
"""

import asyncio
import time
from functools import lru_cache, partial
from typing import NamedTuple

import msgspec

from trackway import logs, metrics
from trackway.edge import replies
from trackway.edge.decode import body_too_large, bounded_query, decode_request
from trackway.edge.events import RecordsEndpoint
from trackway.edge.http import InFlight, Scope, content_headers, cors_headers, header
from trackway.edge.replies import NO_FLAGS, Flags, Reply, read_flags
from trackway.errors import RequestError
from trackway.geo.place import Place
from trackway.http_protocol import Respond, header_lines
from trackway.ingest.alike import SinglesReader
from trackway.ingest.records import MalformedBody, single_text
from trackway.ingest.request import Singles, ingest_singles
from trackway.journal.commit import GroupCommit
from trackway.journal.entry import Endpoint
from trackway.limits import REPLIES_REMEMBERED
from trackway.settings import Settings

_log = logs.get("edge")
_PATH = Endpoint.TRACK.path


class _Request(msgspec.Struct):
    """One that waits for its answer. `counted`: its event counts towards the limits of its project already."""

    scope: Scope
    body: bytes
    respond: Respond
    counted: bool = False


class _Single(NamedTuple):
    """A request with one event, and how it wants to be answered."""

    request: _Request
    text: bytes
    flags: Flags


class _Refused(NamedTuple):
    """A request with one event whose project is over a limit."""

    request: _Request
    flags: Flags
    error: RequestError


_Places = dict[Place | None, list[_Single]]
"""Requests by the place they come from."""


class SinglesEndpoint:
    """The short way (`http_protocol.Direct`) of `/track`; `endpoint` takes what does not fit here."""

    def __init__(
        self,
        settings: Settings,
        journal: GroupCommit,
        in_flight: InFlight,
        endpoint: RecordsEndpoint,
    ):
        self._settings = settings
        self._journal = journal
        self._in_flight = in_flight
        self._endpoint = endpoint
        self._reader = SinglesReader()
        self._waiting: list[_Request] = []
        self._loop = asyncio.get_running_loop()

    def direct(self, scope: Scope, body: bytes, respond: Respond) -> None:
        """Take a request. It is looked at with all that come until the journal is free."""
        request = _Request(scope, body, respond)
        try:
            if len(body) > self._settings.body_bytes_max:
                raise body_too_large(self._settings.body_bytes_max)
            self._in_flight.take(len(body))
        except RequestError as error:
            _send(request, self._endpoint.refusal(error, self._endpoint.flags_of_query(scope)))
            return
        self._waiting.append(request)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._journal.call_when_free, self._take_waiting)

    def _take_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            payload, singles, alone, refused = self._ingest(waiting)
        except Exception as failure:  # what is wrong with one of them is found out, and answered, when it is alone
            if not isinstance(failure, RecursionError):  # nesting that passed the parser only just
                _log.exception("requests cannot be taken together")
            payload, singles, alone, refused = b"", [], waiting, []
        if payload:
            self._journal.submit(payload, partial(self._committed, singles))
        for request, flags, error in refused:
            self._reply(request, self._endpoint.refusal(error, flags))
        for request in alone:
            self._answer_alone(request)

    def _ingest(self, waiting: list[_Request]) -> tuple[bytes, list[_Single], list[_Request], list[_Refused]]:
        """The payload, the requests whose events are in it, those that go alone, and those over a limit."""
        places: _Places = {}
        refused: list[_Refused] = []
        alone = [request for request in waiting if not self._put_to_its_place(request, places, refused)]
        groups = list(places.values())
        received_us = time.time_ns() // 1000
        arrivals = [self._endpoint.arrival(received_us, place) for place in places]
        texts = [[each.text for each in group] for group in groups]
        payload, left_out = ingest_singles(list(map(Singles, arrivals, texts)), self._reader)
        for group, out in zip(groups, left_out, strict=True):
            alone += [group.pop(index).request for index in reversed(out)]
        return payload, [each for group in groups for each in group], alone, refused

    def _put_to_its_place(self, request: _Request, places: _Places, refused: list[_Refused]) -> bool:
        """With the others from there, since the request's place is part of what is said of its event.

        False for a request that is not one event, and for one that does not want `1` for an answer.
        """
        scope, body = request.scope, request.body
        content_type, content_encoding = header(scope, b"content-type"), header(scope, b"content-encoding")
        try:
            query = bounded_query(scope["query_string"])
            decoded = decode_request(query, content_type, content_encoding, body, self._settings.body_bytes_max)
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
        place = self._endpoint.place_of_request(scope, decoded.parameters)
        places.setdefault(place, []).append(_Single(request, text, flags))
        return True

    def _answer_alone(self, request: _Request) -> None:
        try:
            done = partial(self._reply, request)
            self._endpoint.answer(request.scope, request.body, done, counted=request.counted)
        except Exception:  # the outermost place there is: whatever failed, this request gets an answer
            _log.exception("a request failed")
            self._reply(request, self._endpoint.refusal(RequestError(500, "internal error"), NO_FLAGS))

    def _committed(self, singles: list[_Single], result: int | Exception) -> None:
        """Durable first, then the answers."""
        if isinstance(result, Exception):
            for request, _, flags in singles:
                self._reply(request, self._endpoint.not_durable(result, flags))
            return
        metrics.request(_PATH, 200, len(singles))
        metrics.records(_PATH, "accepted", len(singles))
        for request, _, flags in singles:
            self._reply(request, replies.accepted_reply(flags))

    def _reply(self, request: _Request, reply: Reply) -> None:
        self._in_flight.give(len(request.body))
        _send(request, reply)


def _send(request: _Request, reply: Reply) -> None:
    lines, more = _lines_of(reply.content_type, len(reply.body)), (*reply.headers, *cors_headers(request.scope))
    request.respond(reply.status, lines + header_lines(more) if more else lines, reply.body)


@lru_cache(REPLIES_REMEMBERED)
def _lines_of(content_type: bytes, size: int) -> bytes:
    return header_lines(content_headers(content_type, size))
