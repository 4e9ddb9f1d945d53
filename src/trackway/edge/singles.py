"""`/track` with one event a request, the way many SDKs send: requests that arrive together are taken together.

What has come in by the end of the sync that is going on is ingested as one and becomes one journal record; each
request still gets its reply after its sync. The interpreter then runs one small loop over many events instead of
everything for each, and journal and loader see batches (100 against 200 µs of two busy cores a request, with 64
connections). A request that is anything but one event that breaks no rule goes on by itself, as if it had come alone.
"""

import asyncio
import time
from functools import partial
from typing import NamedTuple

from trackway import logs, metrics
from trackway.edge import replies
from trackway.edge.decode import body_too_large, bounded_query, decode_request
from trackway.edge.events import RecordsEndpoint
from trackway.edge.http import InFlight, Scope, header, reply_headers
from trackway.edge.replies import NO_FLAGS, Flags, Reply, read_flags
from trackway.errors import RequestError
from trackway.geo.place import Place
from trackway.http_protocol import Respond
from trackway.ingest.events import EventRecord
from trackway.ingest.records import MalformedBody, single_record
from trackway.ingest.request import Singles, ingest_singles
from trackway.journal.commit import GroupCommit
from trackway.journal.entry import Endpoint
from trackway.settings import Settings

_log = logs.get("edge")
_PATH = Endpoint.TRACK.path


class _Request(NamedTuple):
    """One that waits for its answer."""

    scope: Scope
    body: bytes
    respond: Respond


class _Single(NamedTuple):
    """A request with one event, and how it wants to be answered."""

    request: _Request
    record: EventRecord
    flags: Flags


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
            payload, singles, alone = self._ingest(waiting)
        except Exception as failure:  # what is wrong with one of them is found out, and answered, when it is alone
            if not isinstance(failure, RecursionError):  # nesting that passed the parser only just
                _log.exception("requests cannot be taken together")
            payload, singles, alone = b"", [], waiting
        if payload:
            self._journal.submit(payload, partial(self._committed, singles))
        for request in alone:
            self._answer_alone(request)

    def _ingest(self, waiting: list[_Request]) -> tuple[bytes, list[_Single], list[_Request]]:
        """The payload, the requests whose events are in it, and all others."""
        places: dict[Place | None, list[_Single]] = {}
        alone = [request for request in waiting if not self._put_to_its_place(request, places)]
        groups = list(places.values())
        received_us = time.time_ns() // 1000
        arrivals = [self._endpoint.arrival(received_us, place) for place in places]
        records = [[each.record for each in group] for group in groups]
        payload, left_out = ingest_singles(list(map(Singles, arrivals, records)))
        for group, out in zip(groups, left_out, strict=True):
            alone += [group.pop(index).request for index in reversed(out)]
        return payload, [each for group in groups for each in group], alone

    def _put_to_its_place(self, request: _Request, places: dict[Place | None, list[_Single]]) -> bool:
        """With the others from there, since the request's place is part of what is said of its event.

        False for a request that is not one event, and for one that does not want `1` for an answer.
        """
        scope, body, _ = request
        content_type, content_encoding = header(scope, b"content-type"), header(scope, b"content-encoding")
        try:
            query = bounded_query(scope["query_string"])
            decoded = decode_request(query, content_type, content_encoding, body, self._settings.body_bytes_max)
            record = None if decoded.lines else single_record(decoded.text)
        except (MalformedBody, RequestError):
            record = None
        flags = NO_FLAGS if record is None else read_flags(decoded.parameters, self._settings.redirect_hosts)
        if record is None or flags.redirect:
            return False
        place = self._endpoint.place_of_request(scope, decoded.parameters)
        places.setdefault(place, []).append(_Single(request, record, flags))
        return True

    def _answer_alone(self, request: _Request) -> None:
        try:
            self._endpoint.answer(request.scope, request.body, partial(self._reply, request))
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
    request.respond(reply.status, reply_headers(request.scope, reply), reply.body)
