"""The bytes of a segment: what a segment header and a record look like, and how to read them back.

Payloads come in and framed bytes go out, or the reverse. Nothing here opens a file or looks at a clock. Each record's
checksum covers the place where it stands, so that a stale, moved or foreign record is never taken for a record.
`docs/journal-format.md` is the document of this format; the names below are the names used there.
"""

import struct
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from isal import isal_zlib

from trackway import limits
from trackway.errors import StorageError

MAGIC = b"TRKWYJ\r\n"
VERSION = 1
MARKER = 0x52C7F89D
MARKER_BYTES = MARKER.to_bytes(4, "little")
FRAME_BYTES = 16
HEADER_BYTES = 32

_HEADER = struct.Struct("<8sIIQII")
_FRAME = struct.Struct("<IIII")
_PLACE = struct.Struct("<IIII")
_crc32 = isal_zlib.crc32


def position_of(segment: int, offset: int) -> int:
    """A place in the journal as one number: segment << 32 | offset."""
    return segment << 32 | offset


def segment_of(position: int) -> int:
    return position >> 32


def offset_of(position: int) -> int:
    return position & 0xFFFFFFFF


def distance_bytes(position: int, end: int) -> int:
    """Journal bytes from one position to another: exact within a segment, else to the size of a segment."""
    segments = segment_of(end) - segment_of(position)
    return max(segments * limits.JOURNAL_SEGMENT_BYTES + offset_of(end) - offset_of(position), 0)


class Record(NamedTuple):
    """One payload and where its record begins. The payload is a view into the buffer that was read."""

    position: int
    payload: memoryview


class Damage(NamedTuple):
    """A range that should hold acknowledged records and cannot be read. `records` is an estimate."""

    position: int
    bytes: int
    records: int
    reason: str


class Header(NamedTuple):
    """What a segment says about itself. `previous_end` is the offset where the segment before it ends for good."""

    segment: int
    created_ms: int
    previous_end: int


class Stop(Enum):
    """Why `parse` went no further."""

    SHORT = "the buffer ends within a record, or exactly after one"
    SEAL = "the segment was closed here"
    BAD = "no valid record stands here"


class Parsed(NamedTuple):
    """What `parse` found: whole records, how many bytes they take (a seal included), and why it stopped.

    `wanted` is how long the buffer must be to hold the next record (SHORT only). `synced` is the highest offset that
    any record, or the seal, said was durable when it was written.
    """

    records: list[Record]
    length: int
    stop: Stop
    wanted: int
    synced: int


def encode_header(header: Header) -> bytes:
    body = _HEADER.pack(MAGIC, VERSION, header.segment, header.created_ms, header.previous_end, 0)[:-4]
    return body + _crc32(body).to_bytes(4, "little")


def decode_header(content: bytes, segment: int) -> Header | None:
    """The header of that segment, or None when these bytes are not a valid one.

    StorageError when a valid header names a version not known here: its segment must not be touched.
    """
    if len(content) < HEADER_BYTES:
        return None
    magic, version, number, created_ms, previous_end, crc = _HEADER.unpack_from(content)
    if magic != MAGIC or crc != _crc32(content[: HEADER_BYTES - 4]):
        return None
    if version != VERSION:
        raise StorageError(f"journal segment {segment} has format version {version}, known is {VERSION}")
    if number != segment:
        return None
    return Header(number, created_ms, previous_end)


def framed_bytes(payloads: Sequence[bytes]) -> int:
    """How many bytes `encode` makes of these payloads, without the mark after the last."""
    return sum(map(len, payloads)) + FRAME_BYTES * len(payloads)


def encode(segment: int, offset: int, synced: int, payloads: Sequence[bytes]) -> tuple[bytes, list[int]]:
    """Records to be written at that place, and the position of each.

    Four zero bytes follow the last record: what an interrupted writer may have left behind it is thereby cut off.
    """
    parts: list[bytes] = []
    positions: list[int] = []
    for payload in payloads:
        length = len(payload)
        assert 0 < length <= limits.JOURNAL_PAYLOAD_BYTES_MAX, f"payload of {length} bytes"
        crc = _crc32(payload, _crc32(_PLACE.pack(segment, offset, length, synced)))
        parts.append(_FRAME.pack(MARKER, length, synced, crc))
        parts.append(payload)
        positions.append(segment << 32 | offset)
        offset += FRAME_BYTES + length
    parts.append(bytes(4))
    return b"".join(parts), positions


def encode_seal(segment: int, offset: int, synced: int) -> bytes:
    """The record without payload that closes a segment."""
    return _FRAME.pack(MARKER, 0, synced, _crc32(_PLACE.pack(segment, offset, 0, synced)))


def parse(buffer: memoryview, segment: int, offset: int) -> Parsed:
    """Read records from `buffer`, whose first byte stands at `offset` of that segment."""
    records: list[Record] = []
    at, size, durable, stop, wanted = 0, len(buffer), 0, Stop.SHORT, 0
    while True:
        body = at + FRAME_BYTES
        if body > size:
            wanted = body
            break
        marker, length, synced, crc = _FRAME.unpack_from(buffer, at)
        if marker != MARKER:
            stop = Stop.BAD
            break
        end = body + length
        if end > size:
            wanted = end
            break
        payload = buffer[body:end]
        if crc != _crc32(payload, _crc32(_PLACE.pack(segment, offset + at, length, synced))):
            stop = Stop.BAD
            break
        durable = max(durable, synced)
        if length == 0:
            at, stop = end, Stop.SEAL
            break
        records.append(Record(segment << 32 | (offset + at), payload))
        at = end
    return Parsed(records, at, stop, wanted, durable)


def find_record(buffer: bytes, segment: int, offset: int, start: int) -> int:
    """Index in `buffer` of the first valid record or seal at or after index `start`, or -1."""
    view = memoryview(buffer)
    at = buffer.find(MARKER_BYTES, start)
    while at >= 0:
        if at + FRAME_BYTES <= len(buffer):
            _, length, synced, crc = _FRAME.unpack_from(buffer, at)
            body, end = at + FRAME_BYTES, at + FRAME_BYTES + length
            plausible = end <= len(buffer) and synced <= offset + at
            if plausible and crc == _crc32(view[body:end], _crc32(_PLACE.pack(segment, offset + at, length, synced))):
                return at
        at = buffer.find(MARKER_BYTES, at + 1)
    return -1
