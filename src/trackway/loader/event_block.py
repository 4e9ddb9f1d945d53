"""The events of entries as one block in ClickHouse's Native format, without duplicates.

A block is a head and then column after column. An entry's columns are copied into it as they are. Four columns have
the same value in all events of an entry, and are written here. A block costs the store two thirds of the same events
as rows: it copies whole columns instead of reading value by value.
"""

from collections.abc import Sequence
from itertools import compress

import msgspec
import numpy as np
from numpy.typing import NDArray

from trackway.domain.entry import KEY_BYTES, Entry, Events
from trackway.domain.native import pieces, string, varint
from trackway.loader.placed import Placed
from trackway.store.errors import DataRefused

EVENT_COLUMNS = {
    "project_id": "UInt32",
    "received": "DateTime64(6, 'UTC')",
    "endpoint": "UInt8",
    "time": "DateTime64(3, 'UTC')",
    "event": "String",
    "distinct_id": "String",
    "insert_id": "String",
    "device_id": "String",
    "user_id": "String",
    "properties": "String",
    "position": "UInt64",
}
"""Name and type of each column of a block. The store casts where its table has another type."""
_TIME_BYTES = 8


def event_block(placed: Sequence[Placed]) -> list[bytes]:
    """All events of the entries, as pieces to join. Each entry has at least one event."""
    entries = [each.entry for each in placed]
    numbers = [entry.events.number for entry in entries]

    def same(values: list[int], dtype: str) -> list[bytes]:
        return [np.repeat(np.array(values, dtype=dtype), numbers).tobytes()]

    columns = [
        same([entry.project_id for entry in entries], "<u4"),
        same([entry.received_us for entry in entries], "<i8"),
        same([entry.endpoint for entry in entries], "u1"),
        [entry.events.times_ms for entry in entries],
        [entry.events.names for entry in entries],
        [entry.events.distinct_ids for entry in entries],
        [entry.events.insert_ids for entry in entries],
        [entry.events.device_ids for entry in entries],
        [entry.events.user_ids for entry in entries],
        [entry.events.properties for entry in entries],
        same([each.position for each in placed], "<u8"),
    ]
    block = [varint(len(EVENT_COLUMNS)) + varint(sum(numbers))]
    for (name, type_), column in zip(EVENT_COLUMNS.items(), columns, strict=True):
        block += [string(name.encode()) + string(type_.encode()), *column]
    return block


def without(entry: Entry, duplicate: NDArray[np.bool_]) -> Entry:
    """The entry without its duplicate events."""
    kept, events = (~duplicate).tolist(), entry.events
    strings = [b"".join(compress(column, kept)) for column in taken_apart(events)]
    keys, times_ms = _chosen(events.keys, KEY_BYTES, duplicate), _chosen(events.times_ms, _TIME_BYTES, duplicate)
    return msgspec.structs.replace(entry, events=Events(sum(kept), keys, times_ms, *strings))


def _chosen(values: bytes, size: int, duplicate: NDArray[np.bool_]) -> bytes:
    return np.frombuffer(values, dtype=f"V{size}")[~duplicate].tobytes()


def taken_apart(events: Events) -> list[list[bytes]]:
    """The columns of strings, split into one piece for each event. Raises DataRefused where that fails: the store would
    refuse them, too."""
    try:
        columns = [pieces(column) for column in events.strings]
    except ValueError as error:
        raise DataRefused(f"events: {error}") from error
    if any(len(column) != events.number for column in columns):
        raise DataRefused("events: a column has not one string an event")
    return columns


def each_alone(events: Events) -> list[bytes]:
    """The bytes of each event of an entry. Where the columns cannot be split, the first event has all bytes."""
    times_ms = [events.times_ms[at : at + _TIME_BYTES] for at in range(0, len(events.times_ms), _TIME_BYTES)]
    try:
        return [b"".join(row) for row in zip(times_ms, *taken_apart(events), strict=True)]
    except (DataRefused, ValueError):
        return [b"".join((events.times_ms, *events.strings)), *[b""] * (events.number - 1)]
