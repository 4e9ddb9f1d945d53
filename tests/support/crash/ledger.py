"""What the clients sent and what they were told: the side of the story that only they know.

A `Sent` is one request, the same bytes each time it is tried. An attempt ends acknowledged, refused (503: nothing of it
is durable), or broken (no reply: it may be durable or not).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from trackway.domain.endpoint import Endpoint


class Kind(Enum):
    """What is to become of a record. A repeat has the very bytes of an event that was sent before; an update, of a
    profile, counts each time it arrives. One that is counted names no project: nothing is kept of it but a count, at
    most."""

    EVENT = "event"
    UPDATE = "update"
    REPEAT = "repeat"
    IGNORED = "ignored"
    INVALID = "invalid"
    COUNTED = "counted"


class Record(NamedTuple):
    """One record: its bytes, what they say, and a sequence number that no other event or update has."""

    kind: Kind
    sequence: int
    project_id: int
    raw: bytes
    said: dict[str, Any]
    reason: str = ""


class Share(NamedTuple):
    """What one request makes durable for one project; compared with the journal, which must hold exactly this."""

    project_id: int
    accepted: tuple[int, ...]
    ignored: int
    rejected: tuple[tuple[int, str, bytes], ...]


Signature = tuple[Endpoint, frozenset[Share]]
"""All that one request makes durable. Equal requests have equal ones."""


@dataclass
class Sent:
    """A request and the ends of its attempts."""

    endpoint: Endpoint
    records: list[Record]
    acknowledged: int = 0
    refused: int = 0
    broken: int = 0

    @property
    def signature(self) -> Signature:
        projects = {record.project_id for record in self.records if record.kind is not Kind.COUNTED}
        return self.endpoint, frozenset(self._share(project_id) for project_id in projects)

    def _share(self, project_id: int) -> Share:
        mine = [(index, each) for index, each in enumerate(self.records) if each.project_id == project_id]
        return Share(
            project_id,
            tuple(each.sequence for _, each in mine if each.kind in (Kind.EVENT, Kind.REPEAT, Kind.UPDATE)),
            sum(each.kind is Kind.IGNORED for _, each in mine),
            tuple((index, each.reason, each.raw) for index, each in mine if each.kind is Kind.INVALID),
        )

    @property
    def valid(self) -> int:
        return len(self.records) - len(self.invalid)

    @property
    def invalid(self) -> list[int]:
        """Indexes of the records that are to be rejected."""
        return [index for index, each in enumerate(self.records) if each.kind in (Kind.INVALID, Kind.COUNTED)]


@dataclass
class Ledger:
    """Every request that was sent."""

    sent: list[Sent] = field(default_factory=list)

    def acknowledged(self) -> Counter[Signature]:
        """How often each request must be durable at least."""
        return self._count(lambda each: each.acknowledged)

    def possible(self) -> Counter[Signature]:
        """How often each request may be durable at most."""
        return self._count(lambda each: each.acknowledged + each.broken)

    def _count(self, number: Callable[[Sent], int]) -> Counter[Signature]:
        total = Counter[Signature]()
        for each in self.sent:
            if each.signature[1]:
                total[each.signature] += number(each)
        return +total

    @property
    def broken(self) -> int:
        """Attempts of which nobody knows how they ended."""
        return sum(each.broken for each in self.sent)

    @property
    def refused(self) -> int:
        return sum(each.refused for each in self.sent)

    def events(self, *, acknowledged: bool) -> dict[int, Record]:
        """Events by sequence: those acknowledged at least once, or all that may have arrived."""
        return {
            record.sequence: record
            for each in self.sent
            if each.acknowledged or (each.broken and not acknowledged)
            for record in each.records
            if record.kind in (Kind.EVENT, Kind.REPEAT)
        }

    def updates(self) -> Iterator[tuple[Record, int, int]]:
        """Profile updates: how often each must, and may, have been applied."""
        for each in self.sent:
            for record in each.records:
                if record.kind is Kind.UPDATE:
                    yield record, each.acknowledged, each.acknowledged + each.broken

    def copies(self, kind: Kind, *, acknowledged: bool) -> int:
        """Records of a kind, counted once an attempt: those acknowledged, or all that may have arrived."""
        return sum(
            (each.acknowledged + (0 if acknowledged else each.broken))
            * sum(record.kind is kind for record in each.records)
            for each in self.sent
        )

    def rejected(self) -> dict[bytes, tuple[int, int]]:
        """Original bytes of each rejected record: how often it must, and may, have been kept."""
        return {
            record.raw: (each.acknowledged, each.acknowledged + each.broken)
            for each in self.sent
            for record in each.records
            if record.kind is Kind.INVALID
        }
