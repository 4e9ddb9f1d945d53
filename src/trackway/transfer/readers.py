"""Records of a file, as JSON texts in order: lines, an array, rows of CSV, rows of Parquet.

Each record is the bytes of one JSON object, or why it cannot be read. Its number is its place: the line of a file of
lines, and for all others 1 for the first record. Memory is bounded by the longest record.
"""

import csv
import io
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import BufferedIOBase, TextIOBase
from typing import IO, Any, Final, NamedTuple

import orjson

from trackway.domain.errors import StateError
from trackway.transfer.formats import Format
from trackway.transfer.limits import READ_BYTES, RECORD_BYTES_MAX, TABLE_ROWS
from trackway.transfer.sources import Opened, Source


class Unreadable(NamedTuple):
    """A record that is no JSON object: why, and its first bytes."""

    reason: str
    text: bytes


Block = list["bytes | Unreadable"]
"""Some records; an empty one is a blank line, which has a number and is no record."""
TOO_LONG: Final = f"longer than {RECORD_BYTES_MAX} bytes"
_MARK: Final = b"\xef\xbb\xbf"
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["{}\[\]]', re.DOTALL)
_BETWEEN: Final = re.compile(rb"[ \t\r\n,]*")


def read_blocks(format_: Format, file: Opened, source: Source) -> Iterator[Block]:
    """The records of an opened file, block by block. Raises StateError where the rest of the file cannot be read."""
    if format_ is Format.PARQUET:
        return parquet_blocks(source, file)
    return {Format.LINES: line_blocks, Format.JSON: json_blocks, Format.CSV: csv_blocks}[format_](file.file)


def line_blocks(file: BufferedIOBase) -> Iterator[Block]:
    """The lines of a file."""
    for piece in line_pieces(file):
        yield [piece] if isinstance(piece, Unreadable) else list(piece.split(b"\n"))


def line_pieces(file: BufferedIOBase) -> Iterator[bytes | Unreadable]:
    """The lines of a file, as many in one piece as were read at once, without the end of the last one. A line that is
    too long is a piece of its own."""
    rest, is_first, too_long = b"", True, False
    while piece := file.read1(READ_BYTES):
        if is_first:
            piece, is_first = piece.removeprefix(_MARK), False
        end = piece.rfind(b"\n")
        if end < 0:
            rest += piece
        else:
            begin = 0
            if too_long:
                yield Unreadable(TOO_LONG, rest)
                rest, too_long, begin = b"", False, piece.find(b"\n") + 1
            if begin <= end:
                yield b"".join((rest, memoryview(piece)[begin:end]))
            rest = piece[end + 1 :]
        if len(rest) > RECORD_BYTES_MAX:
            rest, too_long = rest[:READ_BYTES], True
    if rest:
        yield Unreadable(TOO_LONG, rest) if too_long else rest


def json_blocks(file: BufferedIOBase) -> Iterator[Block]:
    """The objects of arrays, or objects one after another."""
    buffer = file.read1(READ_BYTES).removeprefix(_MARK)
    is_array, at, number, is_end = False, 0, 0, False
    while True:
        block: Block = []
        while (end := _object_end(buffer, at := _next(buffer, at))) > 0:
            block.append(buffer[at:end])
            at = end
        number += len(block)
        if block:
            yield block
        begin = buffer[at : at + 1]
        if begin == (b"]" if is_array else b"["):
            is_array, at = not is_array, at + 1
            continue
        if begin not in (b"{", b""):
            raise StateError(f"record {number + 1} is no JSON object: it begins with {buffer[at : at + 20]!r}")
        if is_end:
            if begin or is_array:
                raise StateError(f"the file ends within record {number + 1}")
            return
        if len(buffer) - at > RECORD_BYTES_MAX:
            raise StateError(f"record {number + 1} is {TOO_LONG}, or no JSON")
        more = file.read1(READ_BYTES)
        is_end = not more
        buffer, at = buffer[at:] + more, 0


def _next(buffer: bytes, at: int) -> int:
    found = _BETWEEN.match(buffer, at)
    return found.end() if found else at


def _object_end(buffer: bytes, at: int) -> int:
    """The end of the object that begins at `at`; 0 where there is none, or its end is not in the buffer."""
    if buffer[at : at + 1] != b"{":
        return 0
    depth = 0
    for token in _TOKEN.finditer(buffer, at):
        first = token[0]
        if first in (b"{", b"["):
            depth += 1
        elif first in (b"}", b"]"):
            depth -= 1
            if not depth:
                return token.end()
        elif first == b'"':
            return 0
    return 0


def csv_blocks(file: BufferedIOBase) -> Iterator[Block]:
    """The rows of a CSV as objects of strings, by the names of its first row. An empty field is no member."""
    csv.field_size_limit(RECORD_BYTES_MAX)
    text = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")  # type: ignore[type-var]
    try:
        first = text.readline(RECORD_BYTES_MAX)
        rows = csv.reader(_lines(first, text), delimiter=_delimiter(first))
        names = [name.strip() for name in next(rows, [])]
        if len(set(names)) != len(names) or (names and not all(names)):
            raise StateError("the first row of a CSV must name each column, and no two alike")
        block: Block = []
        for row in rows:
            block.append(_object(names, row))
            if len(block) == TABLE_ROWS:
                yield block
                block = []
        if block:
            yield block
    except csv.Error as error:
        raise StateError(f"the CSV cannot be read on: {error}") from error
    finally:
        text.detach()


def _lines(first: str, text: TextIOBase) -> Iterator[str]:
    yield first
    while line := text.readline(RECORD_BYTES_MAX):
        yield line


def _delimiter(first: str) -> str:
    return max(",;\t", key=first.count)


def _object(names: list[str], row: list[str]) -> bytes | Unreadable:
    if not row:
        return b""
    if len(row) != len(names):
        return Unreadable(f"{len(row)} fields, where the first row has {len(names)}", _shown(row))
    try:
        return orjson.dumps({name: value for name, value in zip(names, row, strict=True) if value})
    except TypeError:
        return Unreadable("no UTF-8", _shown(row))


def _shown(row: list[str]) -> bytes:
    return ",".join(row).encode(errors="surrogateescape")


def parquet_blocks(source: Source, opened: Opened) -> Iterator[Block]:
    """The rows of a Parquet file as objects; nulls are no members. A packed file is unpacked to a temporary one first,
    since Parquet is read from its end."""
    import pyarrow as pa  # noqa: PLC0415  a tenth of a second
    from pyarrow import parquet  # noqa: PLC0415

    if source.is_stream:
        raise StateError("Parquet cannot be read from standard input: give a file")
    with _unpacked_copy(opened.file) if opened.is_packed else source.open_raw() as file:
        try:
            table = parquet.ParquetFile(file)
            _refuse_unreadable_columns(table, pa)
            for batch in table.iter_batches(TABLE_ROWS):
                yield _row_texts(_with_short_times(batch, pa))
        except pa.ArrowException as error:
            raise StateError(f"{source.shown} cannot be read: {str(error)[:300]}") from error


@contextmanager
def _unpacked_copy(file: BufferedIOBase) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy, READ_BYTES)
        copy.seek(0)
        yield copy


def _refuse_unreadable_columns(table: Any, pa: Any) -> None:
    """Raises StateError for a column that pyarrow gives without its meaning, and without an error."""
    for field in table.schema_arrow:
        if _is_variant(field.type, pa):
            raise _unreadable(field.name, "VARIANT", "JSON or a struct")
    for column in (table.schema.column(at) for at in range(len(table.schema))):
        if column.converted_type == "INTERVAL":
            raise _unreadable(column.path, "INTERVAL", "text or a number")


def _unreadable(name: str, kind: str, instead: str) -> StateError:
    return StateError(f"column {name!r} is of the type {kind}, which cannot be read: write it as {instead}")


def _is_variant(kind: Any, pa: Any) -> bool:
    """Whether a type is what pyarrow 26.0.1 gives for VARIANT (findings/variant-in-parquet.sh): by its fields, since
    pyarrow does not give the name."""
    fields = {field.name: field.type for field in kind} if pa.types.is_struct(kind) else {}
    is_named_so = {"metadata", "value"} <= fields.keys() <= {"metadata", "value", "typed_value"}
    return is_named_so and pa.types.is_binary(fields["metadata"]) and pa.types.is_binary(fields["value"])


def _with_short_times(batch: Any, pa: Any) -> Any:
    """Times in microseconds: Python has none that are finer."""
    columns = [
        column.cast(pa.timestamp("us", column.type.tz), safe=False)
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns"
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _row_texts(batch: Any) -> Block:
    try:
        return [_row_text(row) for row in batch.to_pylist(maps_as_pydicts="lossy")]
    except OverflowError:  # names no row
        if len(batch) == 1:
            return [Unreadable("a date or time that is not within the years 1 to 9999", b"")]
        return [text for at in range(len(batch)) for text in _row_texts(batch.slice(at, 1))]


def _row_text(row: dict[str, Any]) -> bytes | Unreadable:
    present = {name: value for name, value in row.items() if value is not None}
    try:
        return orjson.dumps(present, _plain, orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS)
    except TypeError as error:
        return Unreadable(f"a value that JSON cannot hold: {error}", b"")


def _plain(value: Any) -> Any:
    """A value as JSON has it: times in UTC without a zone, as in other properties."""
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).replace(tzinfo=None).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value)) if value.is_finite() else None
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.decode("utf-8")
    raise TypeError(type(value).__name__)
