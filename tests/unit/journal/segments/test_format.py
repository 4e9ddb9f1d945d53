import re
from pathlib import Path

import pytest

from tests.support.journal.worked_example import CREATED_MS, PREVIOUS_END, SEGMENT, example
from trackway.domain.errors import StorageError
from trackway.journal.segments import format
from trackway.journal.segments.format import HEADER_BYTES, Header, Stop

DOCUMENT = Path(__file__).parents[4] / "docs" / "journal-format.md"


def parsed_example(content: bytes, segment: int = SEGMENT, offset: int = HEADER_BYTES) -> format.Parsed:
    return format.parse(memoryview(content)[HEADER_BYTES:], segment, offset)


def test_document_shows_the_bytes_that_the_code_writes() -> None:
    lines = re.findall(r"^[0-9a-f]{4}  ((?:[0-9a-f]{2} ?)+)$", DOCUMENT.read_text(), re.MULTILINE)
    assert bytes.fromhex("".join(lines)) == example()


def test_worked_example_reads_back() -> None:
    parsed = parsed_example(example())
    assert [(record.position & 0xFFFFFFFF, bytes(record.payload)) for record in parsed.records] == [
        (32, b"first"),
        (53, b"second"),
        (75, b"third"),
    ]
    assert {record.position >> 32 for record in parsed.records} == {SEGMENT}
    assert (parsed.stop, parsed.length, parsed.synced) == (Stop.SEAL, len(example()) - HEADER_BYTES, 96)


def test_header_reads_back() -> None:
    assert format.decode_header(example(), SEGMENT) == Header(SEGMENT, CREATED_MS, PREVIOUS_END)


def test_header_of_another_segment_is_not_valid() -> None:
    assert format.decode_header(example(), SEGMENT + 1) is None


def test_header_with_any_byte_changed_is_not_valid() -> None:
    for index in range(HEADER_BYTES):
        content = bytearray(example())
        content[index] ^= 0x10
        assert format.decode_header(bytes(content), SEGMENT) is None


def test_header_of_a_later_version_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(format, "VERSION", 2)
        content = format.encode_header(Header(SEGMENT, 0, 0))
    with pytest.raises(StorageError, match="segment 7 has format version 2, known is 1"):
        format.decode_header(content, SEGMENT)


def test_parse_stops_short_at_every_cut_and_tells_what_it_wants() -> None:
    content = example()
    ends = {32: 0, 53: 1, 75: 2, 96: 3}
    for cut in range(HEADER_BYTES, len(content)):
        parsed = parsed_example(content[:cut])
        whole = max(end for end in ends if end <= cut)
        assert (parsed.stop, len(parsed.records), parsed.length) == (Stop.SHORT, ends[whole], whole - HEADER_BYTES)
        assert cut - HEADER_BYTES < parsed.wanted <= len(content) - HEADER_BYTES


def test_any_changed_byte_of_a_record_makes_it_invalid() -> None:
    for index in range(53, 75):
        content = bytearray(example())
        content[index] ^= 0x01
        assert len(parsed_example(bytes(content)).records) == 1


def test_records_of_another_place_are_not_valid() -> None:
    assert parsed_example(example(), segment=SEGMENT + 1).stop is Stop.BAD
    assert parsed_example(example(), offset=HEADER_BYTES + 1).stop is Stop.BAD


def test_find_record_passes_false_markers() -> None:
    false = format.MARKER_BYTES + b"\x05\0\0\0" + bytes(20) + format.MARKER_BYTES
    content = example()[:32] + false
    real, _ = format.encode(SEGMENT, len(content), 32, [b"real"])
    assert format.find_record(content + real, SEGMENT, 0, 32) == len(content)
    assert format.find_record(content, SEGMENT, 0, 32) == -1


def test_find_record_finds_a_seal() -> None:
    assert format.find_record(example(), SEGMENT, 0, 76) == 96


def test_empty_payload_is_a_programmers_error() -> None:
    with pytest.raises(AssertionError):
        format.encode(1, 32, 32, [b""])
