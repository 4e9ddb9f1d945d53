"""Rows of the events table in ClickHouse's RowBinary format: fixed-width integers and length-prefixed strings.

Made once at the edge; journal, loader and store pass the bytes on (`journal.entry.EVENT_COLUMNS`).
"""

import struct

import xxhash

from trackway.ingest.events import Accepted

_HEAD = struct.Struct("<IqB")
_pack_i64 = struct.Struct("<q").pack


def varint(number: int) -> bytes:
    """LEB128, as ClickHouse writes a string's length."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


VARINTS = [varint(number) for number in range(4096)]


def row_head(project_id: int, received_us: int, endpoint: int) -> bytes:
    """What all rows of one request and project begin with."""
    return _HEAD.pack(project_id, received_us, endpoint)


def string(text: bytes) -> bytes:
    """A string in RowBinary: its length in bytes, then the bytes."""
    return (VARINTS[len(text)] if len(text) < 4096 else varint(len(text))) + text


def event_row(head: bytes, event: Accepted) -> tuple[bytes, bytes]:
    """One row, and the part of it that deduplication compares: event, distinct_id and insert_id."""
    distinct_id, device_id, user_id = event.identity
    identity = string(event.event.encode()) + string(distinct_id.encode()) + string(event.insert_id.encode())
    row = b"".join(
        (
            head,
            _pack_i64(event.time_ms),
            identity,
            string(device_id.encode()),
            string(user_id.encode()),
            string(event.properties),
        )
    )
    return row, identity


def deduplication_key(project_id: int, identity: bytes) -> bytes:
    """16 bytes that are equal for events which deduplicate each other within the window (protocol §4).

    128 bits of XXH3 are treated as exact: at a billion events in the window the chance of any collision is below
    1e-20. The project is the seed, so that projects never meet.
    """
    return xxhash.xxh3_128_digest(identity, project_id)
