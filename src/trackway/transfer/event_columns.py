"""The columns of exported events, with their types; and files of them as NDJSON, CSV and Parquet.

A row is one object of `/api/app/loaded-events?format=rows`. Files are written group by group, so memory is bounded.
"""

import csv
import gzip
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO, cast

import orjson

Row = dict[str, Any]
GZIP_LEVEL: Final = 5
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class FileFormat(Enum):
    """The formats of exported files, each by its ending."""

    LINES = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"


class Kind(Enum):
    """The types of columns."""

    TEXT = "text"
    TIME_MS = "milliseconds"
    TIME_US = "microseconds"
    NUMBER = "number"
    BOOLEAN = "boolean"


class Column(NamedTuple):
    """A column of a file, and the member of a row that it holds; `of_properties`: a member of its properties."""

    name: str
    member: str
    kind: Kind
    of_properties: bool = False


COLUMNS: Final = (
    Column("event", "event", Kind.TEXT),
    Column("time", "time_ms", Kind.TIME_MS),
    Column("distinct_id", "distinct_id", Kind.TEXT),
    Column("distinct_id_before_identity", "distinct_id_before_identity", Kind.TEXT),
    Column("device_id", "device_id", Kind.TEXT),
    Column("user_id", "user_id", Kind.TEXT),
    Column("insert_id", "insert_id", Kind.TEXT),
    Column("endpoint", "endpoint", Kind.TEXT),
    Column("received", "received_us", Kind.TIME_US),
    Column("loaded", "loaded_ms", Kind.TIME_MS),
    Column("properties", "properties", Kind.TEXT),
)
"""Those of every file; `properties` is JSON text."""


class EventFile(ABC):
    """A file that is being written."""

    @abstractmethod
    def write(self, rows: Sequence[Row]) -> None:
        """Add some rows."""

    @abstractmethod
    def close(self) -> None:
        """Write the end."""


def open_file(format_: FileFormat, path: Path, columns: Sequence[Column], *, packed: bool) -> EventFile:
    """A new file. `packed`: lines and CSV go through gzip; Parquet is always compressed, by zstd."""
    if format_ is FileFormat.PARQUET:
        return ParquetFile(path, columns)
    return CsvFile(path, columns, packed=packed)


def open_text(path: Path, *, packed: bool) -> TextIO:
    """A new file for text in UTF-8, whose line ends stay as they are written."""
    if packed:
        return cast(TextIO, gzip.open(path, "wt", GZIP_LEVEL, "utf-8", newline=""))
    return path.open("w", encoding="utf-8", newline="")


def value_of(row: Row, properties: Row, column: Column) -> Any:
    """The value of a column, as its type has it; None where there is none or another type."""
    value: Any = properties.get(column.member) if column.of_properties else row[column.member]
    if column.kind is Kind.TIME_MS:
        return _EPOCH + timedelta(milliseconds=int(value))
    if column.kind is Kind.TIME_US:
        return _EPOCH + timedelta(microseconds=int(value))
    if not column.of_properties or value is None:
        return value
    if column.kind is Kind.NUMBER:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if column.kind is Kind.BOOLEAN:
        return value if isinstance(value, bool) else None
    return value if isinstance(value, str) else orjson.dumps(value).decode()


class CsvFile(EventFile):
    """A CSV with a row of names, as RFC 4180 has it. Times are ISO 8601 in UTC."""

    def __init__(self, path: Path, columns: Sequence[Column], *, packed: bool):
        self._columns = columns
        self._file = open_text(path, packed=packed)
        self._writer = csv.writer(self._file)
        self._writer.writerow([column.name for column in columns])

    def write(self, rows: Sequence[Row]) -> None:
        for row, properties in _with_properties(rows, self._columns):
            self._writer.writerow([_spelled(value_of(row, properties, column)) for column in self._columns])

    def close(self) -> None:
        self._file.close()


def _spelled(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value


class ParquetFile(EventFile):
    """A Parquet file with explicit types: strings, timestamps in UTC, float64, boolean."""

    def __init__(self, path: Path, columns: Sequence[Column]):
        import pyarrow as pa  # noqa: PLC0415  a tenth of a second
        from pyarrow import parquet  # noqa: PLC0415

        self._pa = pa
        self._columns = columns
        types = {
            Kind.TEXT: pa.string(),
            Kind.TIME_MS: pa.timestamp("ms", "UTC"),
            Kind.TIME_US: pa.timestamp("us", "UTC"),
            Kind.NUMBER: pa.float64(),
            Kind.BOOLEAN: pa.bool_(),
        }
        self._schema = pa.schema(
            [pa.field(each.name, types[each.kind], nullable=each.of_properties) for each in columns]
        )
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        pairs = _with_properties(rows, self._columns)
        arrays = [
            self._pa.array([value_of(row, properties, column) for row, properties in pairs], field.type)
            for column, field in zip(self._columns, self._schema, strict=True)
        ]
        self._writer.write_table(self._pa.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


def _with_properties(rows: Sequence[Row], columns: Sequence[Column]) -> list[tuple[Row, Row]]:
    """Rows with their properties, which are read only where a column is one of them."""
    if not any(column.of_properties for column in columns):
        return [(row, {}) for row in rows]
    return [(row, orjson.loads(row["properties"])) for row in rows]
