"""The bytes of a segment: encode and parse headers, records and seals. Pure: no file, no clock.

A record's checksum covers its segment and offset, so a stale, moved or foreign record is never valid.
`docs/journal-format.md` defines the format; the names here are the names there.
"""

import struct
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from isal import isal_zlib

from trackway.domain.errors import StorageError
from trackway.journal.limits import JOURNAL_PAYLOAD_BYTES_MAX
from trackway.journal.log import Record

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
    """The position in generation 0 (`domain.position`) of an offset in a segment."""
    return segment << 32 | offset


def segment_of(position: int) -> int:
    return position >> 32


def offset_of(position: int) -> int:
    return position & 0xFFFFFFFF


class Header(NamedTuple):
    """A segment's header. `previous_end`: the final end of the segment before it, as an offset."""

    segment: int
    created_ms: int
    previous_end: int


class Stop(Enum):
    """Why `parse` stopped."""

    SHORT = "the buffer ends within a record, or exactly after one"
    SEAL = "the segment was closed here"
    BAD = "no valid record begins here"


class Parsed(NamedTuple):
    """The result of `parse`: whole records, their bytes (with the seal), and why it stopped.

    `wanted`: the length of a buffer that would hold the next record (SHORT only). `synced`: the highest `synced` of the
    records and the seal.
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
    """The header of that segment; None if the bytes are not a valid one.

    Raises StorageError for a valid header of an unknown version: its segment must not be changed.
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
    """Length of the encoded payloads, without the zeros after the last."""
    return sum(map(len, payloads)) + FRAME_BYTES * len(payloads)


def encode(segment: int, offset: int, synced: int, payloads: Sequence[bytes]) -> tuple[bytes, list[int]]:
    """The bytes of records at that offset, and the position of each record.

    Four zero bytes follow the last record. They cut off what an interrupted writer may have left there.
    """
    parts: list[bytes] = []
    positions: list[int] = []
    for payload in payloads:
        length = len(payload)
        assert 0 < length <= JOURNAL_PAYLOAD_BYTES_MAX, f"payload of {length} bytes"
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
    """Parse the records in `buffer`, which begins at `offset` of that segment."""
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
