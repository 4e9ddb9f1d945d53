"""What is left of entries without the persons that are erased.

An erasure holds for all that came under its ids until its end, whenever the journal is read: at first, again after a
crash, or again for a damaged table. So only hashes of the ids are needed, and a record that was dropped once is dropped
each time. An event belongs to its distinct_id, an update to its profile, a link to both of its ids, and a rejected
record to the ids that it names. A device may be claimed by others. An event that asked for a dropped link goes with it.
Dropped records count as ignored.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

import msgspec
import numpy as np

from trackway.domain.entry import NO_EVENTS, Entry, Rejection
from trackway.domain.erased_id import WHOLE_PROJECT, erased_id_hash
from trackway.domain.link import Link, LinkKind
from trackway.domain.named_ids import named_ids
from trackway.loader.batch import MINUTE_US, Count
from trackway.loader.event_block import taken_apart, without
from trackway.loader.limits import ERASED_HASHES_REMEMBERED
from trackway.loader.placed import Placed
from trackway.store.client import Store

ERASED = "erased"
"""The reason of the records that are ignored."""
_READ = "SELECT project_id, hex(hash), max(toUnixTimestamp64Micro(until)) FROM erasures GROUP BY project_id, hash"
_LINKING = (b"$create_alias", b"$identify", b"$merge")

Untils = Mapping[int, Mapping[bytes, int]]
"""By project and hash, the end of the erasure in microseconds since the epoch."""


class Without(NamedTuple):
    """An entry without erased persons, and how many records it lost."""

    entry: Entry
    dropped: int


class Erased:
    """The erasures of a store. Threads may add some while the loader asks; it sees them from its next batch on."""

    def __init__(self, key: bytes):
        self.changes = 0
        """Grows with each call of `add`: by which the loader knows that rows were, or will be, deleted."""
        self._untils: Untils = {}
        self._last: dict[int, int] = {}
        self._lock = threading.Lock()
        self._hash = lru_cache(ERASED_HASHES_REMEMBERED)(lambda project_id, id: erased_id_hash(key, project_id, id))

    def read(self, store: Store) -> None:
        """Read all erasures of the store, which has all migrations. Raises StorageError."""
        rows = store.query(_READ)
        self.add((int(project_id), bytes.fromhex(hashed), int(until_us)) for project_id, hashed, until_us in rows)

    def add(self, erasures: Iterable[tuple[int, bytes, int]]) -> None:
        """Add erasures: project, hash and end. Of two ends of one hash the later one counts."""
        with self._lock:
            untils = {project_id: dict(each) for project_id, each in self._untils.items()}
            for project_id, hashed, until_us in erasures:
                of_project = untils.setdefault(project_id, {})
                of_project[hashed] = max(of_project.get(hashed, 0), until_us)
            self._last = {project_id: max(each.values()) for project_id, each in untils.items()}
            self._untils = untils
            self.changes += 1

    def without(self, placed: list[Placed]) -> tuple[list[Placed], Counter[Count]]:
        """The same entries without erased persons, and how many records that were. Raises DataRefused where an entry's
        columns cannot be split."""
        counts: Counter[Count] = Counter()
        untils = self._untils
        if not untils:
            return placed, counts
        return [self._without(each, untils, counts) for each in placed], counts

    def _without(self, placed: Placed, untils: Untils, counts: Counter[Count]) -> Placed:
        entry = placed.entry
        project_id, received_us = entry.project_id, entry.received_us
        of_project = untils.get(project_id)
        if of_project is None or received_us > self._last.get(project_id, -1):
            return placed
        if of_project.get(self._hash(project_id, WHOLE_PROJECT), -1) >= received_us:
            return placed._replace(entry=Entry(entry.version, project_id, received_us, entry.endpoint))
        left = without_erased(entry, lambda id: of_project.get(self._hash(project_id, id), -1) >= received_us)
        if left.dropped:
            minute_us = received_us - received_us % MINUTE_US
            counts[Count(project_id, minute_us, entry.endpoint, "ignored", ERASED)] += left.dropped
        return placed if left.entry is entry else placed._replace(entry=left.entry)


def without_erased(entry: Entry, is_erased: Callable[[bytes], bool]) -> Without:
    """The entry without the records of erased ids. Links are no records."""
    links = [link for link in entry.links if not _is_erased_link(link, is_erased)]
    asked_by = {link.insert_id.encode() for link in entry.links if link not in links and link.insert_id}
    events, lost = _events(entry, is_erased, asked_by)
    rejections = [each for each in entry.rejections if not is_of_erased(each, is_erased)]
    updates = [each for each in entry.updates if each.group_key or not is_erased(each.profile_id.encode())]
    dropped = lost + len(entry.rejections) - len(rejections) + len(entry.updates) - len(updates)
    if not dropped and len(links) == len(entry.links):
        return Without(entry, 0)
    return Without(msgspec.structs.replace(events, links=links, rejections=rejections, updates=updates), dropped)


def is_of_erased(rejection: Rejection, is_erased: Callable[[bytes], bool]) -> bool:
    """Whether a rejected record names an erased id."""
    return any(is_erased(id.encode("utf-8", "surrogatepass")) for id in named_ids(rejection.original))


def _is_erased_link(link: Link, is_erased: Callable[[bytes], bool]) -> bool:
    """A device of the person may be claimed by others."""
    if link.to and is_erased(link.to.encode()):
        return True
    return link.kind is not LinkKind.DEVICE and is_erased(link.id.encode())


def _events(entry: Entry, is_erased: Callable[[bytes], bool], asked_by: set[bytes]) -> tuple[Entry, int]:
    """The entry with its other events alone, and how many it lost."""
    if not entry.events.number:
        return entry, 0
    names, ids, insert_ids, *_ = taken_apart(entry.events)
    lost = np.zeros(entry.events.number, dtype=np.bool_)
    for at, (name, id, insert_id) in enumerate(zip(names, ids, insert_ids, strict=True)):
        lost[at] = is_erased(_text(id)) or (_text(insert_id) in asked_by and _text(name) in _LINKING)
    number = int(lost.sum())
    if not number:
        return entry, 0
    if number == entry.events.number:
        return msgspec.structs.replace(entry, events=NO_EVENTS), number
    return without(entry, lost), number


def _text(piece: bytes) -> bytes:
    """A string without the length before it."""
    at = 0
    while piece[at] > 0x7F:
        at += 1
    return piece[at + 1 :]
