"""The three counts that must agree, else the figures beside them mean nothing."""

from typing import NamedTuple


class Count(NamedTuple):
    """Events of one measurement: sent by the client, acknowledged by a 200, and found in the export afterwards.

    `cut_max`: requests that may have been in flight when the load generator hung up. They count as sent and may
    have been acknowledged to nobody.
    """

    what: str
    sent: int
    acknowledged: int
    stored: int
    cut_max: int = 0

    def check(self) -> "Count":
        """Itself. Raises RuntimeError when an event was lost or doubled."""
        if self.stored != self.acknowledged or not 0 <= self.acknowledged - self.sent <= self.cut_max:
            raise RuntimeError(f"events were lost or doubled: {self}")
        return self
