"""A run of journal records as one batch for the store: which events are new, the rows of its tables, the counts.

Pure but for one question, `known`, which the store answers. The same journal records give the same decisions however
they are cut into batches and however often they are loaded: an event is a duplicate if, and only if, the last *stored*
event with its key, at an earlier place in the journal, arrived less than 24 hours before it.
"""

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trackway.journal.columns import string
from trackway.journal.entry import KEY_BYTES, Entry, decode_entries
from trackway.journal.format import Record
from trackway.limits import DEDUPLICATION_WINDOW_MS
from trackway.loader.event_block import without
from trackway.loader.window import Keys, Mask, Window

WINDOW_US = DEDUPLICATION_WINDOW_MS * 1000
MINUTE_US = 60_000_000
NOT_STORABLE = "the store cannot hold it"

KEY_ROW = np.dtype([("key", f"V{KEY_BYTES}"), ("received", "<i8"), ("position", "<u8")])
"""A row of event_keys in RowBinary."""

Outcome = Literal["stored", "duplicate", "ignored", "rejected"]

Known = Callable[[Sequence[bytes], int], dict[bytes, int]]
"""(keys, before position) → arrival in microseconds of the last stored event with each key that has one."""


class Count(NamedTuple):
    """What the records of a batch are counted by."""

    project_id: int
    minute_us: int
    endpoint: int
    outcome: Outcome
    reason: str


class Placed(NamedTuple):
    """An entry and the position of its journal record."""

    position: int
    entry: Entry


class Batch(NamedTuple):
    """What is inserted for journal records `from_position` up to, not including, `to_position`; `events` are entries'
    that are not duplicates."""

    from_position: int
    to_position: int
    events: list[Entry]
    key_rows: bytes
    new_keys: Keys
    newest_us: int
    rejected: bytes
    counts: Counter[Count]
    placed: list[Placed]


def read_entries(records: Sequence[Record]) -> list[Placed]:
    """The entries of journal records. Raises ValueError for a payload that this version does not know."""
    return [Placed(record.position, entry) for record in records for entry in decode_entries(record.payload)]


def make_batch(placed: list[Placed], from_position: int, to_position: int, window: Window, known: Known) -> Batch:
    """Decide each event and lay out the rows. The window is asked, not changed."""
    sizes = [each.entry.events.number for each in placed]
    keys = np.frombuffer(b"".join(each.entry.events.keys for each in placed), dtype=np.uint64).reshape(-1, 2)
    received = np.repeat(np.array([each.entry.received_us for each in placed], dtype=np.int64), sizes)
    positions = np.repeat(np.array([each.position for each in placed], dtype=np.uint64), sizes)
    keyed: Mask = (keys != 0).any(axis=1)
    duplicate = _duplicates(keys, keyed, received, from_position, window, known)

    new = keyed & ~duplicate
    key_rows = np.empty(int(new.sum()), dtype=KEY_ROW)
    key_rows["key"] = keys[new].view(f"V{KEY_BYTES}").reshape(-1)
    key_rows["received"] = received[new]
    key_rows["position"] = positions[new]

    events: list[Entry] = []
    counts: Counter[Count] = Counter()
    some, at = bool(duplicate.any()), 0
    for (_, entry), size in zip(placed, sizes, strict=True):
        doubled = int(np.count_nonzero(duplicate[at : at + size])) if some else 0
        if size > doubled:
            events.append(without(entry, duplicate[at : at + size]) if doubled else entry)
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


def _duplicates(
    keys: Keys, keyed: Mask, received: NDArray[np.int64], from_position: int, window: Window, known: Known
) -> Mask:
    """Which events repeat one already stored or earlier in the batch."""
    duplicate = np.zeros(len(keys), dtype=np.bool_)
    suspects = np.flatnonzero(keyed & (window.suspects(keys) | _repeated(keys)))
    if not len(suspects):
        return duplicate
    suspected = [keys[index].tobytes() for index in suspects]
    last_us = known(list(set(suspected)), from_position)
    for index, key in zip(suspects.tolist(), suspected, strict=True):
        arrival_us = int(received[index])
        if key in last_us and arrival_us - last_us[key] < WINDOW_US:
            duplicate[index] = True
        else:
            last_us[key] = arrival_us
    return duplicate


def _repeated(keys: Keys) -> Mask:
    """True where the first half of a key stands in the batch more than once: a cheap necessary test."""
    order = np.argsort(keys[:, 0])
    ordered = keys[order, 0]
    same = np.zeros(len(keys), dtype=np.bool_)
    equal = ordered[1:] == ordered[:-1]
    same[1:] |= equal
    same[:-1] |= equal
    repeated = np.zeros(len(keys), dtype=np.bool_)
    repeated[order] = same
    return repeated


def _count(counts: Counter[Count], entry: Entry, stored: int, doubled: int) -> None:
    minute_us = entry.received_us - entry.received_us % MINUTE_US
    if stored:
        counts[Count(entry.project_id, minute_us, entry.endpoint, "stored", "")] += stored
    if doubled:
        counts[Count(entry.project_id, minute_us, entry.endpoint, "duplicate", "")] += doubled
    if entry.ignored:
        counts[Count(entry.project_id, minute_us, entry.endpoint, "ignored", "")] += entry.ignored
    for rejection in entry.rejections:
        counts[Count(entry.project_id, minute_us, entry.endpoint, "rejected", rejection.reason)] += 1


_REJECTED_HEAD = struct.Struct("<IqQIB")


def _rejected_rows(placed: Placed) -> bytes:
    """Rows of rejected_records in RowBinary."""
    position, entry = placed
    return b"".join(
        _REJECTED_HEAD.pack(entry.project_id, entry.received_us, position, rejection.index, entry.endpoint)
        + string(rejection.reason.encode())
        + string(rejection.field.encode())
        + string(rejection.insert_id.encode())
        + string(rejection.original)
        for rejection in entry.rejections
    )
