"""A payload as messages of a stream: compressed where that helps, cut into chunks where it is long, and back.

Pure. Each message begins with a frame: magic, version, packing, number of the chunk, number of all, length of the
whole payload, and a checksum over all else (`docs/journal-format.md`). A chunk that is altered, or that another program
has published, is recognised.
"""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from backports import zstd
from isal import isal_zlib

from trackway.journal.limits import (
    JOURNAL_PAYLOAD_BYTES_MAX,
    STREAM_CHUNKS_MAX,
    STREAM_MESSAGE_BYTES_MAX,
    STREAM_PACKED_FROM_BYTES,
)

MAGIC: Final = b"TWJ"
VERSION: Final = 1
_FRAME: Final = struct.Struct("<3sBBxHHxxII")
FRAME_BYTES: Final = _FRAME.size
_ROOM: Final = STREAM_MESSAGE_BYTES_MAX - FRAME_BYTES
_PLAIN, _ZSTD = 0, 1
_LEVEL: Final = 1


class Unreadable(Exception):
    """Messages that are no payload. The text says what is wrong."""


class Chunk(NamedTuple):
    """One message: chunk `number`, from 0, of `of` chunks of a payload of `payload_bytes` bytes."""

    number: int
    of: int
    payload_bytes: int
    packing: int
    content: memoryview


def split(payload: bytes) -> list[bytes]:
    """The messages of a payload. Raises Unreadable when it is too long."""
    assert 0 < len(payload) <= JOURNAL_PAYLOAD_BYTES_MAX, f"payload of {len(payload)} bytes"
    packing, content = _packed(payload)
    pieces = [content[at : at + _ROOM] for at in range(0, len(content), _ROOM)]
    if len(pieces) > STREAM_CHUNKS_MAX:
        raise Unreadable(f"payload of {len(payload)} bytes needs more than {STREAM_CHUNKS_MAX} messages")
    return [_message(packing, number, len(pieces), len(payload), piece) for number, piece in enumerate(pieces)]


def parse(message: bytes) -> Chunk:
    """The chunk in a message. Raises Unreadable."""
    if len(message) <= FRAME_BYTES:
        raise Unreadable(f"a message of {len(message)} bytes is no record")
    magic, version, packing, number, of, payload_bytes, crc = _FRAME.unpack_from(message)
    content = memoryview(message)[FRAME_BYTES:]
    if magic != MAGIC or crc != _checksum(message[: FRAME_BYTES - 4], content):
        raise Unreadable("a message is altered, or no record")
    if version != VERSION or packing not in (_PLAIN, _ZSTD):
        raise Unreadable(f"a record has format version {version} and packing {packing}, which are not known")
    if not number < of <= STREAM_CHUNKS_MAX or not 0 < payload_bytes <= JOURNAL_PAYLOAD_BYTES_MAX:
        raise Unreadable("a record has impossible lengths")
    return Chunk(number, of, payload_bytes, packing, content)


def join(chunks: Sequence[Chunk]) -> bytes:
    """The payload of all its chunks, in order. Raises Unreadable."""
    first = chunks[0]
    content = b"".join(chunk.content for chunk in chunks)
    if first.packing == _ZSTD:
        unpacking = zstd.ZstdDecompressor()
        try:
            content = unpacking.decompress(content, first.payload_bytes)
        except zstd.ZstdError as error:
            raise Unreadable(f"a record cannot be decompressed: {error}") from error
    if len(content) != first.payload_bytes:
        raise Unreadable(f"a record has not the {first.payload_bytes} bytes that it names")
    return content


def _packed(payload: bytes) -> tuple[int, bytes]:
    if len(payload) >= STREAM_PACKED_FROM_BYTES:
        packed = zstd.compress(payload, _LEVEL)
        if len(packed) < len(payload):
            return _ZSTD, packed
    return _PLAIN, payload


def _message(packing: int, number: int, of: int, payload_bytes: int, piece: bytes) -> bytes:
    head = _FRAME.pack(MAGIC, VERSION, packing, number, of, payload_bytes, 0)[:-4]
    return b"".join((head, _checksum(head, piece).to_bytes(4, "little"), piece))


def _checksum(head: bytes, content: bytes | memoryview) -> int:
    return isal_zlib.crc32(content, isal_zlib.crc32(head))
