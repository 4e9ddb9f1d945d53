"""Whether a body arrives fast enough. Pure: from times and sizes to a verdict.

`http/protocol.py` acts on it. It also closes a request that takes longer than REQUEST_READ_S_MAX.
"""

from trackway.domain.limits import SMALL_BODY_BYTES_MAX
from trackway.http.limits import BODY_BYTES_PER_S_MIN, LARGE_BODY_S, SMALL_BODY_S


class Pace:
    """The pace of one connection, checked periodically. Only the last window counts, so a body that came quickly and
    then stalls is slow too."""

    def __init__(self) -> None:
        self._began_s = self._since_s = float("-inf")
        self._had = 0

    def restart(self, now_s: float, began_s: float, size: int) -> None:
        """Begin a new window. `began_s` distinguishes one request from the next; `size`: bytes that have arrived."""
        self._began_s, self._since_s, self._had = began_s, now_s, size

    def is_slow(self, now_s: float, began_s: float, size: int) -> bool:
        if began_s != self._began_s:
            self.restart(now_s, began_s, size)
            return False
        window_s = LARGE_BODY_S if size > SMALL_BODY_BYTES_MAX else SMALL_BODY_S
        if now_s - self._since_s < window_s:
            return False
        slow = size - self._had < window_s * BODY_BYTES_PER_S_MIN
        self.restart(now_s, began_s, size)
        return slow
