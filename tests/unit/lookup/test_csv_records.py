"""CSV into records: as RFC 4180 has it, however the bytes are cut, and nothing unbounded on the way."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.lookup import csv_records
from trackway.lookup.csv_records import NOT_RFC_4180, TOO_LONG, read_records

FIELD = st.text(st.sampled_from('ab,"\n\r é😀;\x00'), max_size=6) | st.text(max_size=8)
TABLE = st.lists(st.lists(FIELD, min_size=1, max_size=4), max_size=6)


def cut(text: bytes, size: int) -> list[bytes]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def read(text: bytes, size: int = 1 << 20) -> list[list[str] | str]:
    return list(read_records(cut(text, size)))


def written(rows: Iterable[Sequence[str]], line_end: str, quoting: Literal[0, 1]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator=line_end, quoting=quoting).writerows(rows)
    return out.getvalue().encode()


@given(rows=TABLE, line_end=st.sampled_from(["\n", "\r\n"]), size=st.integers(1, 9), all_quoted=st.booleans())
def test_what_a_writer_wrote_is_read_however_it_is_cut(
    rows: list[list[str]], line_end: str, size: int, all_quoted: bool
) -> None:
    rows = [[field.encode(errors="replace").decode() for field in row] for row in rows]
    if not all_quoted:  # that writer forgets to quote a carriage return
        rows = [[field.replace("\r", "") for field in row] for row in rows]
    text = written(rows, line_end, csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL)
    assert read(text, size) == read(text) == rows


@given(text=st.text(st.sampled_from('ab,"\n\r'), max_size=30), size=st.integers(1, 9))
def test_any_text_gives_the_same_records_however_it_is_cut(text: str, size: int) -> None:
    whole = read(text.encode())
    assert read(text.encode(), size) == whole
    assert all(isinstance(each, list) or each == NOT_RFC_4180 for each in whole)


@given(text=st.text(st.sampled_from('ab,"\n'), max_size=30))
def test_a_record_that_is_taken_is_what_the_standard_reader_makes_of_it(text: str) -> None:
    records = read(text.encode())
    if all(isinstance(each, list) for each in records):
        assert records == [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]


@pytest.mark.parametrize(
    ("text", "records"),
    [
        (b"", []),
        (b"\n\r\n\n", []),
        (b"a,b", [["a", "b"]]),
        (b"\xef\xbb\xbfa,b\n", [["a", "b"]]),
        (b"a,\xef\xbb\xbfb\n", [["a", "\ufeffb"]]),
        (b"a,b\r\n1,2\n\n3,4\r\n", [["a", "b"], ["1", "2"], ["3", "4"]]),
        (b',"",\n', [["", "", ""]]),
        (b'""\n', [[""]]),
        (b'"a\r\nb","say ""hi"""\r\n', [["a\r\nb", 'say "hi"']]),
        (b' "a"\nx\n', [NOT_RFC_4180, ["x"]]),
        (b'"a" \nx\n', [NOT_RFC_4180, ["x"]]),
        (b'"a""\nx\n', [NOT_RFC_4180]),
        (b'a"b\nx\ny"\nz\n', [NOT_RFC_4180, ["z"]]),
        (b"a\rb\nx\n", [NOT_RFC_4180, ["x"]]),
        (b'"a"\rb\nx\n', [NOT_RFC_4180, ["x"]]),
        (b"a\xffb,\xf0\x9f\n", [["a\udcffb", "\udcf0\udc9f"]]),
    ],
)
def test_records_of(text: bytes, records: list[list[str] | str]) -> None:
    assert read(text) == records
    assert read(text, 1) == records


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize(
    ("text", "records"),
    [
        (b"a" * 20 + b"\nb\n", [["a" * 20], ["b"]]),
        (b"a" * 21 + b"\nb\n", [TOO_LONG, ["b"]]),
        (b"a" * 200, [TOO_LONG]),
        (b'"' + b"a" * 18 + b'"\nb\n', [["a" * 18], ["b"]]),
        (b'"' + b"a" * 19 + b'"\nb\n', [TOO_LONG, ["b"]]),
        (b'x,"open\n1\n2\n3\n4\n5\n6\n7\n8\n9\n', [TOO_LONG, ["8"], ["9"]]),
    ],
)
def test_a_row_that_is_too_long_is_told_once(
    monkeypatch: pytest.MonkeyPatch, size: int, text: bytes, records: list[list[str] | str]
) -> None:
    monkeypatch.setattr(csv_records, "LOOKUP_ROW_CHARACTERS_MAX", 20)
    assert read(text, size) == records
