"""A table's rows and failures: what is taken, what is refused, and which rows are named (protocol §13)."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.domain.errors import RequestError
from trackway.lookup import csv_table
from trackway.lookup.csv_records import NOT_RFC_4180
from trackway.lookup.csv_table import BLANK_KEY, NOT_UTF8, WRONG_COUNT, InvalidTable, LookupReader

HEAD = b"HEAD"
BY_COMMAS = "invalid header: columns must be separated by a comma, not by "


def repeated(earlier: int, later: int) -> str:
    return f"invalid row: row indexes {earlier} and {later} have the same primary key"


def read(text: bytes) -> tuple[list[str], list[tuple[str, list[bytes]]]]:
    """The columns, and each row as it would be read back."""
    reader = LookupReader([text], 7)
    rows = [parsed(row.removeprefix(HEAD)) for row in reader.rows(HEAD)]
    assert reader.row_count == len(rows)
    return reader.columns, rows


def parsed(row: bytes) -> tuple[str, list[bytes]]:
    texts, at = [], 0
    key, at = _string(row, at)
    count, at = _varint(row, at)
    for _ in range(count):
        text, at = _string(row, at)
        texts.append(text)
    assert at == len(row)
    return key.decode(), texts


def _string(row: bytes, at: int) -> tuple[bytes, int]:
    size, at = _varint(row, at)
    return row[at : at + size], at + size


def _varint(row: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        number |= (row[at] & 127) << shift
        if row[at] < 128:
            return number, at + 1
        at, shift = at + 1, shift + 7


def failures(text: bytes) -> list[tuple[int, str]]:
    with pytest.raises(InvalidTable) as refused:
        read(text)
    return [(failure.row, failure.message) for failure in refused.value.failures]


VALUE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(-1e300, 1e300)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.lists(st.text(st.characters(exclude_categories=["Cs"])))
)


def field(value: Any) -> str:
    """A typed value as a spreadsheet writes it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.20f}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def same(value: Any, raw: bytes) -> bool:
    read_back = json.loads(raw) if raw else None
    if isinstance(value, float):
        return bool(read_back == float(f"{value:.20f}"))
    if isinstance(value, str):  # may look like a value of another type, then it is one
        return value == "" or read_back == value or json.loads(raw) is not None
    return type(read_back) is type(value) and read_back == value


@given(
    rows=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])).filter(str.strip), st.lists(VALUE, min_size=3, max_size=3)
    ),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_typed_rows_come_back(rows: dict[str, list[Any]], line_end: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "a", "b", "c"])
    writer.writerows([key, *map(field, values)] for key, values in rows.items())
    columns, found = read(out.getvalue().encode())
    assert columns == ["a", "b", "c"]
    assert [key for key, _ in found] == list(rows)
    for values, (_, raws) in zip(rows.values(), found, strict=True):
        assert all(map(same, values, raws))


def test_repeated_values_are_the_same_as_at_first() -> None:
    _, rows = read(b"id,a,b\n" + b"".join(b"%d,x,%d\n" % (number, number % 3) for number in range(9)))
    assert rows == [(str(number), [b'"x"', b"%d" % (number % 3)]) for number in range(9)]


def test_a_key_is_text_whatever_it_looks_like() -> None:
    _, rows = read(b"id,a\n1,x\n01,x\n1.0,x\ntrue,x\n[],x\n 1,x\n")
    assert [key for key, _ in rows] == ["1", "01", "1.0", "true", "[]", " 1"]


def test_what_spreadsheets_write_is_read_as_it_stands() -> None:
    text = b'\xef\xbb\xbfzip,city,n\r\n01234,"A, ""B""",007\r\n1234,C,7\r\n'
    expected = [("01234", [b'"A, \\"B\\""', b'"007"']), ("1234", [b'"C"', b"7"])]
    assert read(text) == (["city", "n"], expected)
    assert read(b"k,v\na,1\nA,2\n")[1] == [("a", [b"1"]), ("A", [b"2"])]


def test_a_table_may_have_no_rows_or_no_columns() -> None:
    assert read(b"id,a\n") == (["a"], [])
    assert read(b"id\n1\n2\n") == ([], [("1", []), ("2", [])])
    assert read(b"id,a;b\n1;2,x\n") == (["a;b"], [("1;2", [b'"x"'])])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", [(0, "invalid header: must not be missing")]),
        (b"id,a,a\n", [(0, "invalid header: name of column 3 must be unique: 'a' stands there twice")]),
        (b"id,a,\n", [(0, "invalid header: name of column 3 must not be blank")]),
        ("k,v\n1,ü\n".encode("utf-16"), [(0, "invalid header: name of column 1 must be valid utf8")]),
        ("k,v\n1,ü\n".encode("latin-1"), [(1, NOT_UTF8)]),
        (b"k,v\r1,X\r2,Y\r", [(0, NOT_RFC_4180)]),
        (b"zip;city;n\r\n01234;Bonn;1\r\n", [(0, BY_COMMAS + "';'")]),
        (b"zip\tcity\n1\tBonn\n", [(0, BY_COMMAS + "a tab")]),
        (b'\xef\xbb\xbf"zip;city"\n1\n', [(0, BY_COMMAS + "';'")]),
        (b" ,a\n", [(0, "invalid header: name of column 1 must not be blank")]),
        (b"id,\xff\n", [(0, "invalid header: name of column 2 must be valid utf8")]),
        (b"id," + b"a" * 256, [(0, "invalid header: name of column 2 must not have more than 255 characters")]),
        (b"," * 1000, [(0, "invalid header: must not have more than 1000 columns")]),
        (b'i"d\n', [(0, "invalid row: a quote or carriage return stands where RFC 4180 allows none")]),
        (b"id,a\n,x\n1,x\n  ,x\n", [(1, BLANK_KEY), (3, BLANK_KEY)]),
        (b"id,a\n1\n2,x\n3,x,y\n", [(1, WRONG_COUNT), (3, WRONG_COUNT)]),
        (b"id,a\n1,x\n1,y\n", [(2, repeated(1, 2))]),
        (b"id,a\n1,x\n2,x\n1,y\n2,y\n1,z\n", [(3, repeated(1, 3)), (4, repeated(2, 4)), (5, repeated(3, 5))]),
        (b"id,a\n\n1,x\n\n\n1,y\n", [(2, repeated(1, 2))]),
        (b"id,a\n1,x\n2\n1,y\n,z\n", [(2, WRONG_COUNT), (3, repeated(1, 3)), (4, BLANK_KEY)]),
        (b"id,a\n1,\xff\n\xfe,x\n", [(1, NOT_UTF8), (2, NOT_UTF8)]),
    ],
)
def test_failures_of(text: bytes, expected: list[tuple[int, str]]) -> None:
    assert failures(text) == expected


def test_the_first_ten_failures_are_named() -> None:
    rows = b"".join(b"%d\n" % number for number in range(20))
    assert failures(b"id,a\n" + rows) == [(row, WRONG_COUNT) for row in range(1, 11)]
    rows = b"".join(b"%d,x\n" % (number % 20) for number in range(40))
    assert failures(b"id,a\n" + rows) == [(row, repeated(row - 20, row)) for row in range(21, 31)]


def test_nothing_is_given_behind_a_failure() -> None:
    rows = LookupReader([b"id,a\n1,x\n2\n3,x\n"], 7).rows(HEAD)
    assert parsed(next(rows).removeprefix(HEAD)) == ("1", [b'"x"'])
    with pytest.raises(InvalidTable):
        next(rows)


def test_reading_stops_at_the_tenth_failure() -> None:
    def pieces() -> Any:
        yield b"id,a\n" + b"1\n" * 10
        raise AssertionError("read on")

    with pytest.raises(InvalidTable):
        list(LookupReader(pieces(), 7).rows(HEAD))


def test_too_many_rows_are_refused_while_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_table, "LOOKUP_ROWS_MAX", 3)
    assert len(read(b"id\n1\n2\n3\n")[1]) == 3
    with pytest.raises(RequestError, match="request exceeds max limit of 3 rows") as refused:
        read(b"id\n1\n2\n3\n4\n")
    assert refused.value.status == 413


@given(keys=st.lists(st.sampled_from("abcdef"), max_size=30))
def test_repeated_keys_are_found_as_a_dictionary_finds_them(keys: Sequence[str]) -> None:
    last: dict[str, int] = {}
    expected = []
    for row, key in enumerate(keys, 1):
        if key in last:
            expected.append((row, repeated(last[key], row)))
        last[key] = row
    text = "\n".join(["id", *keys]).encode()
    if expected:
        assert failures(text) == expected[:10]
    else:
        assert [key for key, _ in read(text)[1]] == list(keys)
