"""Records of files in each format, whatever the pieces in which the bytes come."""

import gzip
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from tests.support.examples import examples
from trackway.domain.errors import StateError
from trackway.transfer import readers
from trackway.transfer.readers import Block, Unreadable, csv_blocks, json_blocks, line_blocks, parquet_blocks
from trackway.transfer.sources import Source, opened, sources_of

Read = Callable[[io.BytesIO], Iterator[Block]]
VALUES = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8) | st.sampled_from(['"', "\\", "}", '{"[']),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


def records(read: Read, text: bytes) -> list[bytes | Unreadable]:
    return [each for block in read(io.BytesIO(text)) for each in block]


def parquet_rows(source: Source) -> Iterator[Block]:
    with opened(source) as file:
        yield from parquet_blocks(source, file)


@pytest.fixture(params=[7, 1024 * 1024], autouse=True)
def piece_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "READ_BYTES", request.param)


@settings(max_examples=examples(60))
@given(
    length=st.sampled_from([3, 50, 4096]),
    wanted=st.lists(VALUES, max_size=5),
    indent=st.sampled_from([None, 2]),
    as_array=st.booleans(),
)
def test_objects_of_an_array_or_one_after_another_are_found(
    length: int, wanted: list[dict[str, Any]], indent: int | None, as_array: bool
) -> None:
    text = (
        json.dumps(wanted, indent=indent) if as_array else "\n".join(json.dumps(each, indent=indent) for each in wanted)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readers, "READ_BYTES", length)
        found = records(json_blocks, text.encode())
    assert [json.loads(each) for each in found if isinstance(each, bytes)] == wanted


@pytest.mark.parametrize(
    "text", [b'[{"a":1}]\n[{"b":2},\n{"c":3}] ', b' [{"a":1},{"b":2}] {"c":3}', b'{"a":1}[{"b":2}],[],[{"c":3}]']
)
def test_several_arrays_are_read_to_the_last_one(text: bytes) -> None:
    assert records(json_blocks, text) == [b'{"a":1}', b'{"b":2}', b'{"c":3}']


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'[{"a":1}] x', "record 2 is no JSON object: it begins with b'x"),
        (b'[{"a":1}]]', "record 2 is no JSON object: it begins with b']"),
        (b'[{"a":1}][[', "record 2 is no JSON object: it begins with b'\\["),
        (b'[{"a":1},', "ends within record 2"),
        (b'[{"a":1}', "ends within record 2"),
        (b'[{"a":1},{"b":"x', "ends within record 2"),
        (b'[{"a":1}, 7]', "record 2 is no JSON object: it begins with b'7"),
        (b'{"a":1}\nx', "record 2 is no JSON object"),
    ],
)
def test_an_array_that_breaks_off_gives_what_came_before(text: bytes, reason: str) -> None:
    found: list[bytes | Unreadable] = []
    with pytest.raises(StateError, match=reason.replace("(", r"\(")):
        for block in json_blocks(io.BytesIO(text)):
            found += block
    assert found == [b'{"a":1}']


def test_lines_keep_their_numbers() -> None:
    text = b'\xef\xbb\xbf{"a":1}\n\n{"a":2}\r\n{"a":3}'
    assert records(line_blocks, text) == [b'{"a":1}', b"", b'{"a":2}\r', b'{"a":3}']


def test_a_line_that_is_too_long_is_one_unreadable_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "RECORD_BYTES_MAX", 3000)
    long = b"x" * 10_000
    for text, at in ((b"a\n" + long + b"\nb", 1), (b"a\n" + long, 1), (long + b"\nb\n", 0)):
        found = records(line_blocks, text)
        if isinstance(found[at], Unreadable):
            rest = [each for each in found if not isinstance(each, Unreadable)]
            assert rest == [each for each in (b"a", b"b") if each in text.split(b"\n")]
        else:  # one piece holds it whole; the batch refuses it by its size
            assert found == [each for each in text.split(b"\n") if each]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_rows_of_a_csv_are_objects_of_strings(delimiter: str) -> None:
    text = 'n,"the ""city"""\n1,"a\nb"\n,\n2\n\nü,x\n'.replace(",", delimiter)
    found = records(csv_blocks, b"\xef\xbb\xbf" + text.encode())
    assert [json.loads(each) if isinstance(each, bytes) and each else each for each in found] == [
        {"n": "1", 'the "city"': "a\nb"},
        {},
        Unreadable("1 fields, where the first row has 2", b"2"),
        b"",
        {"n": "ü", 'the "city"': "x"},
    ]


def test_a_row_that_is_not_utf8_is_unreadable_alone() -> None:
    found = records(csv_blocks, b"a,b\n\xff,1\nx,2\n")
    assert found == [Unreadable("no UTF-8", b"\xff,1"), b'{"a":"x","b":"2"}']


@pytest.mark.parametrize("head", [b"a,a\n1,2\n", b"a,,c\n"])
def test_columns_without_a_name_of_their_own_are_refused(head: bytes) -> None:
    with pytest.raises(StateError, match="must name each column"):
        records(csv_blocks, head)


def test_values_of_parquet_are_those_of_json(tmp_path: Path) -> None:
    moment = datetime(2024, 1, 2, 3, 4, 5, 678000, UTC)
    table = pa.table(
        {
            "ns": pa.array([moment], pa.timestamp("ns", "America/New_York")),
            "naive": pa.array([moment.replace(tzinfo=None)], pa.timestamp("ms")),
            "day": pa.array([date(2024, 1, 2)]),
            "money": pa.array([Decimal("12.30")]),
            "list": pa.array([["a", None]]),
            "struct": pa.array([{"x": 1}]),
            "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
            "raw": pa.array([b"abc"]),
            "none": pa.array([None], pa.string()),
            "large": pa.array([2**63 + 1], pa.uint64()),
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    [source] = sources_of([str(tmp_path / "a.parquet")])
    [block] = parquet_rows(source)
    assert isinstance(block[0], bytes) and json.loads(block[0]) == {
        "ns": "2024-01-02T03:04:05.678000",
        "naive": "2024-01-02T03:04:05.678000",
        "day": "2024-01-02",
        "money": 12.30,
        "list": ["a", None],
        "struct": {"x": 1},
        "map": {"k": 1},
        "raw": "abc",
        "large": 2**63 + 1,
    }


def test_bytes_that_are_no_text_make_a_row_unreadable(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"raw": pa.array([b"\xff", b"a"])}), tmp_path / "a.parquet")
    [source] = sources_of([str(tmp_path / "a.parquet")])
    [[first, second]] = parquet_rows(source)
    assert isinstance(first, Unreadable) and second == b'{"raw":"a"}'


def test_a_time_that_python_lacks_makes_a_row_unreadable(tmp_path: Path) -> None:
    """DuckDB 2.0.1 writes 'infinity' as the largest number of microseconds, and of days."""
    for kind in (pa.timestamp("us"), pa.timestamp("ms", "UTC"), pa.list_(pa.timestamp("us")), pa.date32()):
        most = 2**31 - 1 if pa.types.is_date32(kind) else 2**63 - 1
        values = [[most], [0]] if pa.types.is_list(kind) else [most, 0]
        parquet.write_table(pa.table({"at": pa.array(values, kind), "n": [1, 2]}), tmp_path / "a.parquet")
        [source] = sources_of([str(tmp_path / "a.parquet")])
        [[first, second]] = parquet_rows(source)
        assert isinstance(first, Unreadable) and "years 1 to 9999" in first.reason
        assert isinstance(second, bytes) and json.loads(second)["n"] == 2


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("{'a': 1}::VARIANT", "VARIANT"),
        ("'text'::VARIANT", "VARIANT"),
        ("INTERVAL 1 DAY", "INTERVAL"),
    ],
)
def test_a_column_whose_meaning_is_lost_is_refused(tmp_path: Path, value: str, kind: str) -> None:
    # duckdb 2.0.1 and pyarrow 26.0.1, see findings/variant-in-parquet.sh.
    path = str(tmp_path / "a.parquet")
    duckdb.execute(f"COPY (SELECT 'Order' AS event, {value} AS properties) TO '{path}' (FORMAT parquet)")
    [source] = sources_of([path])
    with pytest.raises(StateError, match=f"'properties.*type {kind}"):
        list(parquet_rows(source))


def test_a_struct_with_members_like_those_of_a_variant_is_one(tmp_path: Path) -> None:
    path = str(tmp_path / "a.parquet")
    duckdb.execute(f"COPY (SELECT {{'metadata': 'm', 'value': 1}} AS properties) TO '{path}' (FORMAT parquet)")
    [source] = sources_of([path])
    [[row]] = parquet_rows(source)
    assert row == b'{"properties":{"metadata":"m","value":1}}'


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_a_packed_parquet_file_is_read(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    parquet.write_table(pa.table({"n": [1, 2]}), tmp_path / "a.parquet")
    (tmp_path / "b.data").write_bytes(pack((tmp_path / "a.parquet").read_bytes()))
    [source] = sources_of([str(tmp_path / "b.data")])
    assert list(parquet_rows(source)) == [[b'{"n":1}', b'{"n":2}']]


def test_a_broken_parquet_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    [source] = sources_of([str(tmp_path / "a.parquet")])
    with pytest.raises(StateError, match="cannot be read"):
        list(parquet_rows(source))
