"""How often strangers may look: a bound by client and minute, and one for tokens that open nothing.

Clients are counted by the keyed hashes of `edge.access.peers`, never by an address. Each edge process counts for
itself, so a client may look as often at each.
"""

import time
from collections import Counter
from collections.abc import Callable

from trackway.domain.errors import RequestError
from trackway.edge.access.peers import Peer
from trackway.web.limits import SHARED_CLIENTS_COUNTED_MAX, SHARED_GUESSES_PER_MINUTE, SHARED_VISITS_PER_MINUTE

_MINUTE_S = 60


class VisitLimits:
    """For one event loop."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic):
        self._clock_s = clock_s
        self._minute = 0
        self._visits: Counter[Peer] = Counter()
        self._guesses = 0

    def visit(self, peer: Peer) -> None:
        """Count a visit. Raises RequestError 429 beyond the client's bound, and when too many clients are counted."""
        self._turn()
        if peer not in self._visits and len(self._visits) >= SHARED_CLIENTS_COUNTED_MAX:
            raise self._refusal()
        if self._visits[peer] >= SHARED_VISITS_PER_MINUTE:
            raise self._refusal()
        self._visits[peer] += 1

    def guess(self) -> None:
        """Count a look-up of a token that is not known to open anything. Raises RequestError 429."""
        self._turn()
        if self._guesses >= SHARED_GUESSES_PER_MINUTE:
            raise self._refusal()
        self._guesses += 1

    def _turn(self) -> None:
        minute = int(self._clock_s() // _MINUTE_S)
        if minute != self._minute:
            self._minute, self._guesses = minute, 0
            self._visits.clear()

    def _refusal(self) -> RequestError:
        left_s = _MINUTE_S - self._clock_s() % _MINUTE_S
        return RequestError(429, "too many visits in a minute", retry_after_s=int(left_s) + 1)
