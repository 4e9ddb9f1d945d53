"""From a lookup table's CSV to rows that are ready to store, or to its faults (protocol §13).

Input: records. Output: rows in RowBinary, as they are read. Only the end decides whether the table is valid, so the
rows must not count before. Rows are numbered as in the CSV; the header is row 0. Memory holds the eight-byte hash of
each key, and rows of equal hashes count as equal keys. Among ten million keys two collide by chance in one of four
hundred thousand tables; with another seed they do not collide again. Pure: no I/O.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import xxhash

from trackway.domain.errors import RequestError
from trackway.domain.limits import PROPERTY_NAME_CHARACTERS_MAX
from trackway.domain.native import string, varint
from trackway.lookup.csv_records import read_records
from trackway.lookup.csv_values import json_value
from trackway.lookup.limits import (
    LOOKUP_COLUMNS_MAX,
    LOOKUP_FAILED_ROWS_MAX,
    LOOKUP_ROWS_MAX,
    LOOKUP_VALUE_REMEMBERED_CHARACTERS_MAX,
    LOOKUP_VALUES_REMEMBERED,
)

ROW_COLUMNS = ("key", "values")
"""A row's key, and the JSON text of each further column's value, empty where it is undefined."""

BLANK_KEY = "primary key is required and cannot be blank"
WRONG_COUNT = "invalid row: wrong number of fields"

_OTHER_SEPARATORS = {";": "';'", "\t": "a tab"}
"""Separators of spreadsheets where a comma is the decimal sign, with their names. The table would have one column."""
NOT_UTF8 = "invalid row: must be valid utf8"


class Failure(NamedTuple):
    """The fault of a row, by its number."""

    row: int
    message: str


class InvalidTable(Exception):
    """The table is refused: its first failures, in the order of their rows."""

    def __init__(self, failures: Iterable[Failure]):
        self.failures = sorted(failures)[:LOOKUP_FAILED_ROWS_MAX]
        super().__init__(self.failures[0].message)


class LookupReader:
    """A table while it is read. `columns` are the names after the key's; `row_count` counts the rows read so far.

    `seed`: 64 random bits for the hashes of keys. Raises InvalidTable for the header, and the errors of reading the
    pieces.
    """

    def __init__(self, pieces: Iterable[bytes], seed: int):
        self._records = read_records(pieces)
        self.columns = _columns(next(self._records, ""))
        self.row_count = 0
        self._failures: list[Failure] = []
        self._hashes = array("Q")
        self._seed = seed
        self._known: dict[str, bytes] = {}

    def rows(self, head: bytes) -> Iterator[bytes]:
        """Each row in RowBinary: `head`, then ROW_COLUMNS. Raises InvalidTable at the end, RequestError 413."""
        width = len(self.columns) + 1
        count = varint(width - 1)
        known = self._known
        for record in self._records:
            self.row_count += 1
            if self.row_count > LOOKUP_ROWS_MAX:
                raise RequestError(413, f"request exceeds max limit of {LOOKUP_ROWS_MAX} rows")
            if isinstance(record, str):
                self._fail(record)
            elif len(record) != width:
                self._fail(WRONG_COUNT)
            elif not record[0].strip():
                self._fail(BLANK_KEY)
            else:
                try:
                    key = record[0].encode()
                    values = [known.get(field) or self._value(field) for field in record[1:]]
                except UnicodeEncodeError:
                    self._fail(NOT_UTF8)
                    continue
                self._hashes.append(xxhash.xxh3_64_intdigest(key, self._seed))
                if not self._failures:
                    yield b"".join((head, string(key), count, *values))
        if failures := self._failures + self._repeated():
            raise InvalidTable(failures)

    def _value(self, field: str) -> bytes:
        """A value in RowBinary. Columns repeat values, so short ones are cached, which halves the time."""
        value = string(json_value(field))
        if len(field) <= LOOKUP_VALUE_REMEMBERED_CHARACTERS_MAX:
            if len(self._known) == LOOKUP_VALUES_REMEMBERED:
                self._known.clear()
            self._known[field] = value
        return value

    def _fail(self, message: str) -> None:
        self._failures.append(Failure(self.row_count, message))
        self._hashes.append(self.row_count)  # keeps the index of a hash equal to its row; no key has so small a hash
        if len(self._failures) == LOOKUP_FAILED_ROWS_MAX:
            raise InvalidTable(self._failures + self._repeated())

    def _repeated(self) -> list[Failure]:
        """The first rows whose key an earlier row has."""
        hashes = np.frombuffer(self._hashes, dtype=np.uint64)
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        same = ordered[1:] == ordered[:-1]
        if not same.any():
            return []
        pairs = np.column_stack((order[1:][same], order[:-1][same])) + 1
        first = pairs[np.argsort(pairs[:, 0])][:LOOKUP_FAILED_ROWS_MAX].tolist()
        return [
            Failure(later, f"invalid row: row indexes {earlier} and {later} have the same primary key")
            for later, earlier in first
        ]


def _columns(header: list[str] | str) -> list[str]:
    """The names of the columns after the key's. Raises InvalidTable."""
    if isinstance(header, str):
        raise InvalidTable([Failure(0, header or "invalid header: must not be missing")])
    if len(header) > LOOKUP_COLUMNS_MAX:
        raise InvalidTable([Failure(0, f"invalid header: must not have more than {LOOKUP_COLUMNS_MAX} columns")])
    if len(header) == 1 and (separator := next((each for each in _OTHER_SEPARATORS if each in header[0]), "")):
        name = _OTHER_SEPARATORS[separator]
        raise InvalidTable([Failure(0, f"invalid header: columns must be separated by a comma, not by {name}")])
    seen: set[str] = set()
    for number, name in enumerate(header, 1):
        if fault := _name_fault(name, seen):
            raise InvalidTable([Failure(0, f"invalid header: name of column {number} {fault}")])
        seen.add(name)
    return header[1:]


def _name_fault(name: str, seen: set[str]) -> str | None:
    if not name.strip():
        return "must not be blank"
    if len(name) > PROPERTY_NAME_CHARACTERS_MAX:
        return f"must not have more than {PROPERTY_NAME_CHARACTERS_MAX} characters"
    if name in seen:
        return f"must be unique: '{name}' stands there twice"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "must be valid utf8"
    return None
