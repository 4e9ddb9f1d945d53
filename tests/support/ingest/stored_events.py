"""Reads back what the edge wrote for the store: a payload's bytes in, plain events out.

Written from ClickHouse's description of strings in its binary formats, not from the code that writes them.
"""

import copy
import functools
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from trackway.domain.entry import Entry, decode_entries
from trackway.domain.link import Link


@dataclass(frozen=True)
class StoredEvent:
    """One event. `properties` is parsed JSON, `text` its bytes, `key` the 16 bytes that deduplicate it; `links` are
    those the event asked for, where that is known."""

    project_id: int
    received_us: int
    endpoint: int
    time_ms: int
    event: str
    distinct_id: str
    insert_id: str
    device_id: str
    user_id: str
    properties: dict[str, Any]
    text: bytes
    key: bytes
    links: tuple[Link, ...] = ()


def read_events(payload: bytes) -> list[StoredEvent]:
    """Every accepted event of a payload, entry by entry in the order of the request."""
    return [event for entry in decode_entries(payload) for event in entry_events(entry)]


def entry_events(entry: Entry) -> list[StoredEvent]:
    """The events of one entry; every column must have as many values as there are events."""
    events = entry.events
    assert len(events.keys) == 16 * events.number
    times_ms = [time_ms for (time_ms,) in struct.iter_unpack("<q", events.times_ms)]
    keys = [events.keys[at : at + 16] for at in range(0, len(events.keys), 16)]
    columns = [list(strings(column)) for column in events.strings]
    return [
        StoredEvent(
            entry.project_id,
            entry.received_us,
            entry.endpoint,
            time_ms,
            name.decode(),
            distinct_id.decode(),
            insert_id.decode(),
            device_id.decode(),
            user_id.decode(),
            copy.copy(_parsed(text)),
            text,
            key,
        )
        for time_ms, key, name, distinct_id, insert_id, device_id, user_id, text in zip(
            times_ms, keys, *columns, strict=True
        )
    ]


@functools.lru_cache(maxsize=1024)
def _parsed(text: bytes) -> Any:
    """The tests store the same events again and again."""
    return json.loads(text)


def strings(column: bytes) -> Iterator[bytes]:
    """The strings of a column: each has its length before it, seven bits a byte, the lowest first."""
    at = 0
    while at < len(column):
        length = shift = 0
        while (byte := column[at]) >= 0x80:
            length |= (byte & 0x7F) << shift
            shift += 7
            at += 1
        length |= byte << shift
        at += 1
        assert at + length <= len(column), "a column ends too early"
        yield column[at : at + length]
        at += length
