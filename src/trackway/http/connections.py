"""The connections of a process, a bound on their number, and which ones are closed when it is reached.

A stalled connection costs its client nothing: two thousand half requests would use every file descriptor. So a process
stops well below its limit. Where it is full, it closes connections that wait for a request or for the rest of one, and
those whose clients do not read their replies: the longest silent of the largest owner first (`runtime.fairness`). Any
other connection with a request is never closed.
"""

import resource
import time
from collections import Counter
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from typing import Any, NamedTuple, Protocol

from trackway.http.limits import CONNECTIONS_CUT_PART, CONNECTIONS_MAX, FILES_KEPT_FREE, NO_ROOM_TOLD_S
from trackway.runtime.fairness import Holding, longest_silent
from trackway.telemetry import logs, metrics

PeerOf = Callable[[MutableMapping[str, Any]], bytes]
"""The owner of a connection, from `client` and `headers` of its last request head, as in an ASGI scope."""

_log = logs.get("edge")


class Connection(Holding, Protocol):
    """A connection that may be closed. `is_waited_for`: its client has not sent a whole request yet, or does not read
    its reply. `is_idle`: it had its replies and may send again."""

    @property
    def is_waited_for(self) -> bool: ...

    @property
    def is_idle(self) -> bool: ...

    def give_way(self) -> None: ...


class Crowd(NamedTuple):
    """The number of connections of this process, and of its largest owner."""

    connections: int
    largest: int


class Connections:
    """The connections of one process. The server fills `held`."""

    def __init__(self, peer_of: PeerOf = lambda _: b"", number_max: int | None = None):
        self.peer_of = peer_of
        self.number_max = number_max or connections_max()
        self.held: set[Any] = set()
        self._told_s = float("-inf")

    def crowd(self) -> Crowd:
        owners = Counter(each.owner for each in self.held)
        return Crowd(owners.total(), max(owners.values(), default=0))

    def make_room(self, handshakes: Iterable[Connection]) -> bool:
        """Close some connections. Returns whether any could be closed."""
        held: Sequence[Connection] = [*self.held, *handshakes]
        waited_for = [each for each in held if each.is_waited_for]
        number = 1 + len(held) // CONNECTIONS_CUT_PART
        closed = longest_silent(waited_for or [each for each in held if each.is_idle], number)
        for each in closed:
            each.give_way()
        metrics.cut_off("connections", len(closed))
        self._tell(len(held))
        return bool(closed)

    def _tell(self, held: int) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= NO_ROOM_TOLD_S:
            self._told_s = now_s
            _log.warning("too many connections, closing the longest stalled", held=held, held_max=self.number_max)


def connections_max() -> int:
    """How many connections this process may hold, with file descriptors left for everything else."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return CONNECTIONS_MAX
    return min(max(files - FILES_KEPT_FREE, files // 2), CONNECTIONS_MAX)


def raise_file_limit() -> None:
    """Raise the limit of file descriptors as far as this user may. The usual limit is 1024, for programs that use
    `select`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
