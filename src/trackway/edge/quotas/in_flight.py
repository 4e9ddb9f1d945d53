"""The bodies of requests that one process holds at once, within bounds.

A quarter of the room is reserved for small bodies, and a quarter for bodies with credentials. Large bodies without
credentials have one half. Where room is short, the client that holds the most loses a body (`runtime.fairness`): one
that is still arriving is cut off with a 503. A body that is complete is never cut off.
"""

import time
from collections.abc import Callable, MutableMapping
from types import TracebackType
from typing import Any, Self

from trackway.domain.errors import RequestError
from trackway.domain.limits import RETRY_AFTER_BUSY_S, SMALL_BODY_BYTES_MAX
from trackway.edge.access.peers import Peer, Peers
from trackway.edge.limits import SILENT_BODY_S
from trackway.edge.wire.asgi import ClientGone, Receive, Scope
from trackway.edge.wire.decode import body_too_large
from trackway.http.protocol import CUT
from trackway.runtime.fairness import gives_way
from trackway.telemetry import metrics

_UNAVAILABLE = 503


class _Pot:
    """Bytes that some of the bodies hold together, those that are still coming in apart."""

    def __init__(self, bytes_max: int):
        self.bytes_max = bytes_max
        self.bytes = 0
        self.reading: set[Claim] = set()


class Claim:
    """The bytes that one body holds. `known`: its sender's credentials were verified. As a context it releases them at
    the end."""

    def __init__(self, in_flight: "InFlight", owner: Peer, *, known: bool, cut: Callable[[int], None]):
        self._in_flight = in_flight
        self._cut = cut
        self.owner = owner
        self.known = known
        self.size = 0
        self.heard_s = 0.0
        self.pots: list[_Pot] = []
        self.was_cut_off = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def take(self, size: int) -> None:
        """Hold so many bytes more. Raises RequestError 503 when there is no room, ClientGone after `cut_off`."""
        if self.was_cut_off:
            raise ClientGone
        self._in_flight.take(self, size)

    def complete(self) -> None:
        """The body is whole: it is not cut off any more."""
        for pot in self.pots:
            pot.reading.discard(self)

    def release(self) -> None:
        for pot in self.pots:
            pot.bytes -= self.size
            pot.reading.discard(self)
        self.pots, self.size = [], 0

    def cut_off(self) -> None:
        """End the request with a 503. The reader of the body gets ClientGone."""
        self.release()
        self.was_cut_off = True
        self._cut(_UNAVAILABLE)
        metrics.cut_off("room")


class InFlight:
    """`bytes_max`: of all bodies together; `body_bytes_max`: of the largest one, which always fits where nothing else
    is held."""

    def __init__(
        self,
        bytes_max: int,
        body_bytes_max: int,
        peers: Peers | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ):
        self._peers = peers or Peers()
        self._clock_s = clock_s
        self._all = _Pot(bytes_max)
        self._anonymous = _Pot(max(bytes_max * 3 // 4, body_bytes_max))
        self._large = _Pot(max(bytes_max * 3 // 4, body_bytes_max))
        self._large_anonymous = _Pot(max(bytes_max // 2, body_bytes_max))

    @property
    def bytes(self) -> int:
        """What is held now."""
        return self._all.bytes

    def claim(self, scope: Scope, *, known: bool) -> Claim:
        """For the body of this request."""
        return Claim(self, self._peers.of(scope), known=known, cut=scope.get(CUT) or _cannot_be_cut)

    def take_whole(self, scope: Scope, size: int) -> None:
        """Hold a small body without credentials that came whole, until `give_whole`. Raises RequestError 503."""
        every, anonymous = self._all, self._anonymous
        if every.bytes + size > every.bytes_max or anonymous.bytes + size > anonymous.bytes_max:
            for pot in (every, anonymous):
                self._make_room(pot, self.claim(scope, known=False), size)
        every.bytes += size
        anonymous.bytes += size

    def give_whole(self, size: int) -> None:
        """Give back what one body holds, or several together."""
        self._all.bytes -= size
        self._anonymous.bytes -= size

    def take(self, claim: Claim, size: int) -> None:
        """As `Claim.take`."""
        claim.heard_s = self._clock_s()
        pots = self._pots(claim, claim.size + size)
        for pot in pots:
            self._make_room(pot, claim, size if pot in claim.pots else claim.size + size)
        for pot in pots:
            pot.bytes += size if pot in claim.pots else claim.size + size
            pot.reading.add(claim)
        claim.pots = pots
        claim.size += size

    def _pots(self, claim: Claim, size: int) -> list[_Pot]:
        pots = [self._all] if claim.known else [self._all, self._anonymous]
        if size > SMALL_BODY_BYTES_MAX:
            pots += [self._large] if claim.known else [self._large, self._large_anonymous]
        return pots

    def _make_room(self, pot: _Pot, claim: Claim, size: int) -> None:
        while pot.bytes + size > pot.bytes_max:
            others = pot.reading - {claim}
            silent_before_s = self._clock_s() - SILENT_BODY_S
            victim = gives_way(others, claim.owner, self._held(pot, claim.owner) + size, silent_before_s)
            if victim is None:
                raise RequestError(_UNAVAILABLE, "too many requests in flight", retry_after_s=RETRY_AFTER_BUSY_S)
            victim.cut_off()

    def _held(self, pot: _Pot, owner: Peer) -> int:
        return sum(each.size for each in pot.reading if each.owner == owner)


def _cannot_be_cut(_status: int) -> None:
    """Of a request that came whole."""


async def read_body(receive: Receive, bytes_max: int, claim: Claim) -> bytes:
    """The whole body, which `claim` holds until it is released.

    Raises RequestError 413 as soon as more than `bytes_max` came in, 503 where there is no room for it, ClientGone when
    the client went away or was cut off.
    """
    message = await receive()
    if not message.get("more_body", False) and message["type"] == "http.request":
        body = message.get("body", b"")
        if len(body) > bytes_max:
            raise body_too_large(bytes_max)
        claim.take(len(body))
        claim.complete()
        return body  # type: ignore[no-any-return]  # ASGI: bytes
    return await _read_parts(message, receive, bytes_max, claim)


async def _read_parts(message: MutableMapping[str, Any], receive: Receive, bytes_max: int, claim: Claim) -> bytes:
    parts: list[bytes] = []
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        part = message.get("body", b"")
        if claim.size + len(part) > bytes_max:
            raise body_too_large(bytes_max)
        claim.take(len(part))
        parts.append(part)
        if not message.get("more_body", False):
            claim.complete()
            return b"".join(parts)
        message = await receive()
