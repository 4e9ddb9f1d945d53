import random
import struct

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from trackway.journal.limits import JOURNAL_PAYLOAD_BYTES_MAX, STREAM_CHUNKS_MAX, STREAM_MESSAGE_BYTES_MAX
from trackway.journal.stream import chunks
from trackway.journal.stream.chunks import FRAME_BYTES, Unreadable, join, parse, split


@given(st.binary(min_size=1, max_size=20_000))
def test_a_payload_comes_back_from_its_messages(payload: bytes) -> None:
    assert join([parse(message) for message in split(payload)]) == payload


@pytest.mark.parametrize("size", [1, 899_980, 899_981, 3_000_000])
def test_a_payload_that_does_not_shrink_is_cut_into_chunks_of_bounded_length(size: int) -> None:
    payload = random.Random(size).randbytes(size)
    messages = split(payload)
    assert len(messages) == -(-size // (STREAM_MESSAGE_BYTES_MAX - FRAME_BYTES))
    assert all(len(message) <= STREAM_MESSAGE_BYTES_MAX for message in messages)
    found = [parse(message) for message in messages]
    assert [(each.number, each.of, each.payload_bytes) for each in found] == [
        (number, len(messages), size) for number in range(len(messages))
    ]
    assert join(found) == payload


def test_a_payload_that_repeats_is_compressed() -> None:
    payload = b'{"event":"a"}' * 100_000
    [message] = split(payload)
    assert len(message) < len(payload) / 100 and join([parse(message)]) == payload


def test_a_payload_of_too_many_chunks_is_refused() -> None:
    assert STREAM_CHUNKS_MAX * STREAM_MESSAGE_BYTES_MAX < JOURNAL_PAYLOAD_BYTES_MAX, "a payload may be too long"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "STREAM_PACKED_FROM_BYTES", JOURNAL_PAYLOAD_BYTES_MAX)
        patch.setattr(chunks, "_ROOM", 10)
        assert len(split(bytes(10 * STREAM_CHUNKS_MAX))) == STREAM_CHUNKS_MAX
        with pytest.raises(Unreadable, match="more than 1000 messages"):
            split(bytes(10 * STREAM_CHUNKS_MAX + 1))


def test_any_change_of_a_byte_is_seen() -> None:
    [message] = split(b"payload" * 20)
    for at in range(len(message)):
        altered = bytearray(message)
        altered[at] ^= 1
        with pytest.raises(Unreadable):
            parse(bytes(altered))


@pytest.mark.parametrize("message", [b"", b"x", b"TWJ" + bytes(17), b"another program's message, long enough"])
def test_what_another_program_publishes_is_no_record(message: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(message)


def test_a_record_never_grows_beyond_the_length_that_it_names() -> None:
    """Its memory is bounded before it is decompressed."""
    content = zstd.compress(bytes(50_000_000), 1)
    head = struct.pack("<3sBBxHHxxI", b"TWJ", 1, 1, 0, 1, 1000)
    message = head + chunks._checksum(head, content).to_bytes(4, "little") + content
    assert len(join([parse(message)])) == 1000


def test_a_record_that_is_shorter_than_it_says_is_unreadable() -> None:
    head = struct.pack("<3sBBxHHxxI", b"TWJ", 1, 0, 0, 1, 1000)
    message = head + chunks._checksum(head, b"short").to_bytes(4, "little") + b"short"
    with pytest.raises(Unreadable, match="1000 bytes"):
        join([parse(message)])
