"""Consecutive journal records as one batch for the store: its new events, rows and counts.

Pure, except for the query `known` to the store. The decisions do not depend on the cut into batches, nor on how often
the records are loaded. An event is a duplicate if, and only if, the last *stored* event with its key, at an earlier
position in the journal, arrived less than 24 hours before it.
"""

import struct
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from trackway.domain.entry import KEY_BYTES, Entry, decode_entries
from trackway.domain.native import string
from trackway.domain.position import sub_positions
from trackway.journal.log import Record
from trackway.loader.duplicates import Known, duplicates
from trackway.loader.event_block import without
from trackway.loader.placed import Placed
from trackway.loader.seen_keys import Keys, Mask, Window

MINUTE_US = 60_000_000
NOT_STORABLE = "the store cannot hold it"

KEY_ROW = np.dtype([("key", f"V{KEY_BYTES}"), ("received", "<i8"), ("position", "<u8")])
"""A row of event_keys in RowBinary."""

Outcome = Literal["stored", "duplicate", "ignored", "rejected"]


class Count(NamedTuple):
    """The labels by which the records of a batch are counted."""

    project_id: int
    minute_us: int
    endpoint: int
    outcome: Outcome
    reason: str


class Batch(NamedTuple):
    """The rows for journal records from `from_position` up to, not including, `to_position`. `events` are entries
    without duplicates, each at the position of its record. All are of one `partition` of the journal."""

    from_position: int
    to_position: int
    events: list[Placed]
    key_rows: bytes
    new_keys: Keys
    newest_us: int
    rejected: bytes
    counts: Counter[Count]
    placed: list[Placed]
    partition: int = 0

    def without_rows(self) -> "Batch":
        """The batch after its rows are in the store: only its counts are left."""
        no_keys = self.new_keys[:0].copy()  # a slice would keep all of them in memory
        return self._replace(events=[], key_rows=b"", new_keys=no_keys, rejected=b"", placed=[])


def read_entries(records: Sequence[Record]) -> list[Placed]:
    """The entries of journal records. Raises ValueError for a payload that this version does not know."""
    return [
        Placed(record.position, entry, room)
        for record in records
        for room in (sub_positions(record.position, len(record.payload)),)
        for entry in decode_entries(record.payload)
    ]


def make_batch(placed: list[Placed], from_position: int, to_position: int, window: Window, known: Known) -> Batch:
    """Decide each event and lay out the rows. The window stays unchanged."""
    sizes = [each.entry.events.number for each in placed]
    keys = np.frombuffer(b"".join(each.entry.events.keys for each in placed), dtype=np.uint64).reshape(-1, 2)
    received = np.repeat(np.array([each.entry.received_us for each in placed], dtype=np.int64), sizes)
    positions = np.repeat(np.array([each.position for each in placed], dtype=np.uint64), sizes)
    keyed: Mask = (keys != 0).any(axis=1)
    duplicate = duplicates(keys, keyed, received, from_position, window, known)

    new = keyed & ~duplicate
    key_rows = np.empty(int(new.sum()), dtype=KEY_ROW)
    key_rows["key"] = keys[new].view(f"V{KEY_BYTES}").reshape(-1)
    key_rows["received"] = received[new]
    key_rows["position"] = positions[new]

    events: list[Placed] = []
    counts: Counter[Count] = Counter()
    some, at = bool(duplicate.any()), 0
    for each, size in zip(placed, sizes, strict=True):
        entry = each.entry
        doubled = int(np.count_nonzero(duplicate[at : at + size])) if some else 0
        if size > doubled:
            events.append(each._replace(entry=without(entry, duplicate[at : at + size])) if doubled else each)
        _count(counts, entry, size - doubled + len(entry.updates), doubled)
        at += size
    return Batch(
        from_position,
        to_position,
        events,
        key_rows.tobytes(),
        keys[new],
        max((each.entry.received_us for each in placed), default=0),
        b"".join(_rejected_rows(each) for each in placed if each.entry.rejections),
        counts,
        placed,
    )


def _count(counts: Counter[Count], entry: Entry, stored: int, doubled: int) -> None:
    minute_us = entry.received_us - entry.received_us % MINUTE_US
    if stored or entry.links:  # a link alone is no record, and its project is loaded so far, too
        counts[Count(entry.project_id, minute_us, entry.endpoint, "stored", "")] += stored
    if doubled:
        counts[Count(entry.project_id, minute_us, entry.endpoint, "duplicate", "")] += doubled
    if entry.ignored:
        counts[Count(entry.project_id, minute_us, entry.endpoint, "ignored", "")] += entry.ignored
    for rejection in entry.rejections:
        counts[Count(entry.project_id, minute_us, entry.endpoint, "rejected", rejection.reason)] += 1
    for reason, number in entry.counted:
        counts[Count(entry.project_id, minute_us, entry.endpoint, "rejected", reason)] += number


_REJECTED_HEAD = struct.Struct("<IqQIB")


def _rejected_rows(placed: Placed) -> bytes:
    """Rows of rejected_records in RowBinary."""
    position, entry, _ = placed
    return b"".join(
        _REJECTED_HEAD.pack(entry.project_id, entry.received_us, position, rejection.index, entry.endpoint)
        + string(rejection.reason.encode())
        + string(rejection.field.encode())
        + string(rejection.insert_id.encode())
        + string(rejection.original)
        for rejection in entry.rejections
    )
