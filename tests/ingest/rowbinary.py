"""Reads back what the edge wrote for the store: a payload's bytes in, plain events and rejections out.

Written from ClickHouse's description of RowBinary and from `EVENT_COLUMNS`, not from the code that writes it.
"""

import json
from dataclasses import dataclass
from typing import Any

from trackway.journal.entry import Entry, Link, decode_entries


@dataclass(frozen=True)
class StoredEvent:
    """One row. `properties` is parsed JSON, `text` its bytes, `key` the 16 bytes that deduplicate it; `links` are those
    the event asked for, where that is known."""

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


class _Bytes:
    def __init__(self, content: bytes):
        self._content = content
        self._at = 0

    def take(self, size: int) -> bytes:
        self._at += size
        assert self._at <= len(self._content), "a row ends too early"
        return self._content[self._at - size : self._at]

    def number(self, size: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "little", signed=signed)

    def string(self) -> bytes:
        length = shift = 0
        while True:
            (byte,) = self.take(1)
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                return self.take(length)
            shift += 7

    def end(self) -> None:
        assert self._at == len(self._content), "a row is longer than its columns"


def read_events(payload: bytes) -> list[StoredEvent]:
    """Every accepted event of a payload, entry by entry in the order of the rows."""
    return [event for entry in decode_entries(payload) for event in entry_events(entry)]


def entry_events(entry: Entry) -> list[StoredEvent]:
    """The events of one entry; its row lengths and keys must fit its rows."""
    lengths = [int.from_bytes(entry.row_lengths[at : at + 4], "little") for at in range(0, len(entry.row_lengths), 4)]
    assert sum(lengths) == len(entry.rows)
    assert len(entry.keys) == 16 * len(lengths)
    events, at = [], 0
    for number, length in enumerate(lengths):
        events.append(_read_row(entry.rows[at : at + length], entry.keys[16 * number : 16 * number + 16]))
        at += length
    return events


def _read_row(row: bytes, key: bytes) -> StoredEvent:
    source = _Bytes(row)
    project_id, received_us = source.number(4), source.number(8, signed=True)
    endpoint, time_ms = source.number(1), source.number(8, signed=True)
    event, distinct_id, insert_id, device_id, user_id = (source.string().decode() for _ in range(5))
    text = source.string()
    source.end()
    return StoredEvent(
        project_id,
        received_us,
        endpoint,
        time_ms,
        event,
        distinct_id,
        insert_id,
        device_id,
        user_id,
        json.loads(text),
        text,
        key,
    )
