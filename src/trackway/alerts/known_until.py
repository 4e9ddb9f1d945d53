"""Up to when everything that came in is in the store, by the journal's progress. No I/O but memory that is shared.

Events that are accepted and not loaded yet must not count as missing. So silence is judged only up to the last moment
of which the store holds everything.
"""

from trackway.journal.log import Progress


class KnownUntil:
    """Call `look` at least once a second or so: what it gives is as old as the last marks."""

    def __init__(self, progress: Progress):
        self._progress = progress
        self._known_ms: int | None = None
        self._mark = progress.ends()
        self._marked_ms: int | None = None

    def look(self, now_ms: int) -> int | None:
        """The moment in milliseconds since the epoch; None before the loader has caught up since this process began."""
        if self._marked_ms is None or self._marked_ms > now_ms:  # the first look, or a clock that was set back
            self._mark, self._marked_ms = self._progress.ends(), now_ms
            self._known_ms = None
        if self._progress.has_begun and self._progress.has_loaded(self._mark):
            self._known_ms = self._marked_ms
            self._mark, self._marked_ms = self._progress.ends(), now_ms
            if self._progress.has_loaded(self._mark):
                self._known_ms = now_ms
        return self._known_ms
