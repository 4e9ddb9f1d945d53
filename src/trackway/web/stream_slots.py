"""Slots for pages that stay open, shared fairly: a visitor with many pages does not block another visitor."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from trackway.domain.errors import RequestError
from trackway.domain.limits import RETRY_AFTER_BUSY_S


@dataclass(eq=False)
class Slot:
    """The slot of one open page. After it is revoked, the page must end soon, and the slot no longer counts."""

    visitor: str
    is_revoked: bool = False


class Slots:
    """At most `slots_max` slots. When all are in use, the visitor with most loses the newest to one with fewer."""

    def __init__(self, slots_max: int):
        self._slots_max = slots_max
        self._held: list[Slot] = []

    @contextmanager
    def held(self, visitor: str) -> Iterator[Slot]:
        """A slot for a visitor. Raises RequestError 503 when all are in use, and no visitor has more than this one
        would have."""
        if len(self._held) >= self._slots_max:
            self._revoke_for(visitor)
        slot = Slot(visitor)
        self._held.append(slot)
        try:
            yield slot
        finally:
            if not slot.is_revoked:
                self._held.remove(slot)

    def _revoke_for(self, visitor: str) -> None:
        def count(name: str) -> int:
            return sum(each.visitor == name for each in self._held)

        newest = max(reversed(self._held), key=lambda each: count(each.visitor))
        if count(newest.visitor) <= count(visitor) + 1:
            raise RequestError(503, "too many pages are kept up to date", retry_after_s=RETRY_AFTER_BUSY_S)
        newest.is_revoked = True
        self._held.remove(newest)
