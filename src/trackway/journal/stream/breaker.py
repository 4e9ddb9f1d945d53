"""A circuit breaker: while nothing is acknowledged, records are refused at once, but for one that probes.

Without it each request would wait its whole time in memory, and clients would wait with it. Pure: it knows no clock. It
opens when some records in a row were not acknowledged in their time. From then on one record at a time is let through.
Any answer closes it.
"""

from typing import Final

from trackway.journal.limits import STREAM_REFUSED_IN_A_ROW_MAX

REFUSAL: Final = "the journal acknowledges nothing at present"


class Breaker:
    """Names of records are what the caller likes, each used once."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._probe = ""

    @property
    def is_open(self) -> bool:
        return self._in_a_row >= STREAM_REFUSED_IN_A_ROW_MAX

    @property
    def refusal(self) -> str:
        """Why no record is let through now; '' if one is."""
        return REFUSAL if self.is_open and self._probe else ""

    def let_through(self, name: str) -> None:
        """This record is sent: where the breaker is open, as the probe."""
        if self.is_open:
            self._probe = name

    def answered(self) -> bool:
        """The journal has answered a record. True when this closes the breaker."""
        closes, self._in_a_row, self._probe = self.is_open, 0, ""
        return closes

    def unanswered(self, name: str) -> bool:
        """The journal has not acknowledged this record in its time. True when this opens the breaker."""
        was_open = self.is_open
        self._in_a_row += 1
        if name == self._probe:
            self._probe = ""
        return self.is_open and not was_open
