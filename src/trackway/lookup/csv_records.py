"""From pieces of CSV (RFC 4180) to records, each a list of fields, in bounded memory.

Python's own reader treats a stray quote as the beginning of an endless field. Here a record ends at a line break
outside quotes or at the bound, and a record that breaks RFC 4180 becomes its fault, in its place among the others.
Lines end with LF or CRLF. Empty lines are skipped and are no records. Pure: no I/O.
"""

import codecs
import re
from collections.abc import Iterable, Iterator

from trackway.lookup.limits import LOOKUP_ROW_CHARACTERS_MAX

NOT_RFC_4180 = "invalid row: a quote or carriage return stands where RFC 4180 allows none"
TOO_LONG = f"invalid row: must not have more than {LOOKUP_ROW_CHARACTERS_MAX} characters"

Record = list[str] | str
"""A record's fields, or its fault. Bytes that are not UTF-8 become lone surrogates in fields."""

_BYTE_ORDER_MARK = "\ufeff"
_FIELD = r'(?:"(?:[^"]++|"")*+"|[^",\r\n]*+)'
_FIELDS = re.compile(f"(?:^|,)({_FIELD})")


def read_records(pieces: Iterable[bytes]) -> Iterator[Record]:
    """The records of a CSV in pieces, cut anywhere; the header is the first record."""
    for text in _Splitter().split(pieces):
        if text is None:
            yield TOO_LONG
        elif text := text.removesuffix("\r"):
            yield _fields(text)


def _fields(text: str) -> Record:
    if '"' not in text:
        return NOT_RFC_4180 if "\r" in text else text.split(",")
    fields: list[str] = _FIELDS.findall(text)
    if sum(map(len, fields)) + len(fields) - 1 != len(text):  # some characters belong to no field
        return NOT_RFC_4180
    return [field[1:-1].replace('""', '"') if field[:1] == '"' else field for field in fields]


class _Splitter:
    """The texts of records, None for a record that is too long. A record is open while it has an odd number of quotes.
    A record that is too long ends with its line, since its quotes cannot be trusted."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0
        self._is_open = False
        self._is_passed_over = False

    def split(self, pieces: Iterable[bytes]) -> Iterator[str | None]:
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        rest: list[str] = []  # parts of an open line, joined once
        rest_size, begun = 0, False
        for piece in pieces:
            text = decoder.decode(piece)
            if not begun and text:
                text, begun = text.removeprefix(_BYTE_ORDER_MARK), True
            *lines, last = text.split("\n")
            if lines:
                lines[0] = "".join((*rest, lines[0]))
                rest, rest_size = [], 0
            rest.append(last)
            rest_size += len(last)
            for line in lines:
                if self._is_open or '"' in line or self._is_passed_over:
                    yield from self._complete(line)
                else:
                    yield line if len(line) <= LOOKUP_ROW_CHARACTERS_MAX else None
            if self._size + rest_size > LOOKUP_ROW_CHARACTERS_MAX or self._is_passed_over:
                yield from self._pass_over()
                rest, rest_size = [], 0
        if not self._is_passed_over:
            self._lines.append("".join((*rest, decoder.decode(b"", final=True))))
            yield "\n".join(self._lines)

    def _complete(self, line: str) -> Iterator[str | None]:
        """The record that ends with this line, if any."""
        if self._is_passed_over:
            self._is_passed_over = False
            return
        self._lines.append(line)
        self._size += len(line) + 1
        self._is_open ^= line.count('"') % 2 == 1
        if self._size > LOOKUP_ROW_CHARACTERS_MAX + 1:
            self._forget()
            yield None
        elif not self._is_open:
            yield "\n".join(self._lines)
            self._forget()

    def _pass_over(self) -> Iterator[None]:
        """Skip the rest of a line, which is reported once."""
        if not self._is_passed_over:
            self._forget()
            self._is_passed_over = True
            yield None

    def _forget(self) -> None:
        self._lines, self._size, self._is_open = [], 0, False
