"""How often strangers may look in a minute: as often as a client may visit, and try tokens that are not known. All
clients together have a bound of such tokens, too. What a provider sent back is such a token.

Clients are counted by the keyed hashes of `edge.access.peers`, never by an address. Each edge process counts for
itself, so a client may look as often at each.
"""

import time
from collections import Counter
from collections.abc import Callable

from trackway.domain.errors import RequestError
from trackway.edge.access.peers import Peer
from trackway.web.limits import (
    SHARED_CLIENTS_COUNTED_MAX,
    SHARED_GUESSES_OF_ALL_PER_MINUTE,
    SHARED_GUESSES_PER_MINUTE,
    SHARED_VISITS_PER_MINUTE,
)

_MINUTE_S = 60


class VisitLimits:
    """For one event loop."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic):
        self._clock_s = clock_s
        self._minute = 0
        self._visits: Counter[Peer] = Counter()
        self._guesses: Counter[Peer] = Counter()
        """Of clients that visit, so no more of them are counted than of those."""
        self._guesses_of_all = 0

    def visit(self, peer: Peer) -> None:
        """Count a visit. Raises RequestError 429 beyond the client's bound, and when too many clients are counted."""
        self._turn()
        if peer not in self._visits and len(self._visits) >= SHARED_CLIENTS_COUNTED_MAX:
            raise self._refusal()
        if self._visits[peer] >= SHARED_VISITS_PER_MINUTE:
            raise self._refusal()
        self._visits[peer] += 1

    def guess(self, peer: Peer) -> None:
        """Count a look-up of a token that is not known to open anything, by a client whose visit was counted. Raises
        RequestError 429 beyond the client's bound, and beyond that of all clients."""
        self._turn()
        if self._guesses[peer] >= SHARED_GUESSES_PER_MINUTE or self._guesses_of_all >= SHARED_GUESSES_OF_ALL_PER_MINUTE:
            raise self._refusal()
        self._guesses[peer] += 1
        self._guesses_of_all += 1

    def _turn(self) -> None:
        minute = int(self._clock_s() // _MINUTE_S)
        if minute != self._minute:
            self._minute, self._guesses_of_all = minute, 0
            self._visits.clear()
            self._guesses.clear()

    def _refusal(self) -> RequestError:
        left_s = _MINUTE_S - self._clock_s() % _MINUTE_S
        return RequestError(429, "too many visits in a minute", retry_after_s=int(left_s) + 1)
