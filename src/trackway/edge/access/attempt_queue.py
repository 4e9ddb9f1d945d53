"""The queue of attempts to sign in: whose secret is compared next, and who is refused when too many wait.

A comparison takes some 50 ms of CPU, so one thread of low priority does them all, and a flood of wrong secrets must not
keep the right ones out. Each attempt is charged to its address, and to the pair of name and address, until it turns out
right. Charges fade. The attempt with the lowest charge is next. Of too many that wait, the one with the highest charge
is refused. So nobody is ever locked out: an attacker only waits behind everybody else. Addresses and names are held as
keyed digests, in memory alone.
"""

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, NamedTuple

from trackway.domain.errors import RequestError
from trackway.domain.limits import RETRY_AFTER_BUSY_S
from trackway.edge.access.peers import network_of
from trackway.edge.limits import (
    ATTEMPTS_FADE_S,
    ATTEMPTS_REMEMBERED,
    VERIFICATIONS_WAITING_MAX,
    VERIFICATIONS_WAITING_OF_ADDRESS_MAX,
    VERIFICATIONS_WAITING_OF_NAME_MAX,
)
from trackway.runtime.thread_priority import lower_priority

_KNOWN_GOOD: Final = -1.0


class Source(NamedTuple):
    """Who tries: an address, and a name as it is asked for from there, both as digests."""

    address: bytes
    name: bytes


class Charges:
    """Attempts of late, by key; each fades to half in ATTEMPTS_FADE_S. The oldest of too many are forgotten."""

    def __init__(self, clock_s: Callable[[], float]):
        self._clock_s = clock_s
        self._charged: dict[bytes, tuple[float, float]] = {}

    def of(self, key: bytes) -> float:
        count, at_s = self._charged.get(key, (0.0, 0.0))
        return count * 0.5 ** ((self._clock_s() - at_s) / ATTEMPTS_FADE_S) if count else 0.0

    def add(self, key: bytes, count: float) -> None:
        charged = max(self.of(key) + count, 0.0)
        self._charged.pop(key, None)
        self._charged[key] = charged, self._clock_s()
        if len(self._charged) > ATTEMPTS_REMEMBERED:
            self._charged.pop(next(iter(self._charged)))


@dataclass(eq=False)
class _Waiting:
    rank: tuple[float, float, int]
    source: Source
    turn: asyncio.Future[None]


class Comparisons:
    """One thread and the queue before it, for one event loop at a time. `clock_s`: any clock that does not go back."""

    def __init__(self, name: str, clock_s: Callable[[], float] = time.monotonic):
        self._executor = ThreadPoolExecutor(1, name, lower_priority)
        self._charges = Charges(clock_s)
        self._key = os.urandom(32)
        self._number = itertools.count()
        self._waiting: list[_Waiting] = []
        self._is_busy = False

    def source(self, address: str, name: str) -> Source:
        network = network_of(address)
        return Source(self._digest(network), self._digest(network + b"\0" + name.encode("utf-8", "surrogatepass")))

    async def run(self, source: Source, compare: Callable[[], bool], *, is_known_good: bool) -> bool:
        """What `compare` returns, called in the thread. Those known to have been right before go first, and are never
        refused. Raises RequestError 503 when too many wait that are charged less."""
        await self._turn(source, is_known_good=is_known_good)
        try:
            right = await asyncio.get_running_loop().run_in_executor(self._executor, compare)
        finally:
            self._next()
        if right and not is_known_good:
            self._charge(source, -1.0)
        return right

    def close(self) -> None:
        """Drops what waits."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, source: Source, *, is_known_good: bool) -> None:
        charged = (self._charges.of(source.name), self._charges.of(source.address))
        rank = (_KNOWN_GOOD, 0.0) if is_known_good else charged
        if not is_known_good:
            self._charge(source, 1.0)
        if not self._is_busy:
            self._is_busy = True
            return
        waiting = _Waiting((*rank, next(self._number)), source, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        of_address = [each for each in self._waiting if each.source.address == source.address]
        of_name = [each for each in of_address if each.source.name == source.name]
        self._refuse_beyond(of_name, VERIFICATIONS_WAITING_OF_NAME_MAX)
        self._refuse_beyond(of_address, VERIFICATIONS_WAITING_OF_ADDRESS_MAX)
        self._refuse_beyond(self._waiting, VERIFICATIONS_WAITING_MAX)
        await waiting.turn

    def _refuse_beyond(self, some: Iterable[_Waiting], waiting_max: int) -> None:
        """Of these that wait, refuse the one that is charged most when there is one too many."""
        found = [each for each in some if each.rank[0] != _KNOWN_GOOD and not each.turn.done()]
        if len(found) > waiting_max:
            refused = max(found, key=lambda each: each.rank)
            self._waiting.remove(refused)
            refused.turn.set_exception(
                RequestError(503, "too many credentials wait to be verified", retry_after_s=RETRY_AFTER_BUSY_S)
            )

    def _next(self) -> None:
        self._waiting = [each for each in self._waiting if not each.turn.done()]
        self._is_busy = bool(self._waiting)
        if self._waiting:
            chosen = min(self._waiting, key=lambda each: each.rank)
            self._waiting.remove(chosen)
            chosen.turn.set_result(None)

    def _charge(self, source: Source, count: float) -> None:
        for key in source:
            self._charges.add(key, count)

    def _digest(self, text: bytes) -> bytes:
        return blake2b(text, key=self._key, digest_size=16).digest()
