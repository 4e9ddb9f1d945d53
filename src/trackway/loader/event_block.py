"""The events of entries, taken over as they are: as one block in ClickHouse's Native format, and without duplicates.

A block is a head and then column after column. What an entry holds of a column goes into it as it is; the three columns
that are the same for all events of an entry are written here. The store takes a block for two thirds of what the same
events cost it as rows: it copies whole columns instead of reading value by value.
"""

from collections.abc import Sequence
from itertools import compress

import msgspec
import numpy as np
from numpy.typing import NDArray

from trackway.journal.columns import pieces, string, varint
from trackway.journal.entry import KEY_BYTES, Entry, Events

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
}
"""Name and type of each column of a block; the store casts where its table has another type."""
_TIME_BYTES = 8


def event_block(entries: Sequence[Entry]) -> list[bytes]:
    """All events of the entries, of which each has some; the bytes are to be joined."""
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
    ]
    block = [varint(len(EVENT_COLUMNS)) + varint(sum(numbers))]
    for (name, type_), column in zip(EVENT_COLUMNS.items(), columns, strict=True):
        block += [string(name.encode()) + string(type_.encode()), *column]
    return block


def without(entry: Entry, duplicate: NDArray[np.bool_]) -> Entry:
    """The entry less the duplicates among its events."""
    kept, events = (~duplicate).tolist(), entry.events
    strings = [b"".join(compress(pieces(column), kept)) for column in events.strings]
    keys, times_ms = _chosen(events.keys, KEY_BYTES, duplicate), _chosen(events.times_ms, _TIME_BYTES, duplicate)
    return msgspec.structs.replace(entry, events=Events(sum(kept), keys, times_ms, *strings))


def _chosen(values: bytes, size: int, duplicate: NDArray[np.bool_]) -> bytes:
    return np.frombuffer(values, dtype=f"V{size}")[~duplicate].tobytes()


def each_alone(events: Events) -> list[bytes]:
    """What an entry holds of each event; where its columns cannot be taken apart, all of it stands with the first."""
    times_ms = [events.times_ms[at : at + _TIME_BYTES] for at in range(0, len(events.times_ms), _TIME_BYTES)]
    try:
        rows = zip(range(events.number), times_ms, *map(pieces, events.strings), strict=True)
        return [b"".join(row) for _, *row in rows]
    except ValueError:
        return [b"".join((events.times_ms, *events.strings)), *[b""] * (events.number - 1)]
