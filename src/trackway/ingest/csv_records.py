"""CSV (RFC 4180) from pieces of bytes into records, each a list of fields, with a bound on what is held at once.

Python's own reader takes a stray quote for the beginning of an endless field; here a record ends at a line break
outside of quotes or at the bound, and whatever is not RFC 4180 is told in its place among the others. Lines end in LF
or CRLF. A line with nothing in it is passed over and is no record. Pure: no I/O.
"""

import codecs
import re
from collections.abc import Iterable, Iterator

from trackway.limits import LOOKUP_ROW_CHARACTERS_MAX

NOT_RFC_4180 = "invalid row: a quote or carriage return stands where RFC 4180 allows none"
TOO_LONG = f"invalid row: must not have more than {LOOKUP_ROW_CHARACTERS_MAX} characters"

Record = list[str] | str
"""A record's fields, or what is wrong with it. Bytes that are not UTF-8 stand in fields as lone surrogates."""

_BYTE_ORDER_MARK = "\ufeff"
_FIELD = r'(?:"(?:[^"]++|"")*+"|[^",\r\n]*+)'
_FIELDS = re.compile(f"(?:^|,)({_FIELD})")


def read_records(pieces: Iterable[bytes]) -> Iterator[Record]:
    """The records of a CSV that comes in pieces cut anywhere; the header is the first of them."""
    for text in _Splitter().split(pieces):
        if text is None:
            yield TOO_LONG
        elif text := text.removesuffix("\r"):
            yield _fields(text)


def _fields(text: str) -> Record:
    if '"' not in text:
        return NOT_RFC_4180 if "\r" in text else text.split(",")
    fields: list[str] = _FIELDS.findall(text)
    if sum(map(len, fields)) + len(fields) - 1 != len(text):  # some characters are part of no field
        return NOT_RFC_4180
    return [field[1:-1].replace('""', '"') if field[:1] == '"' else field for field in fields]


class _Splitter:
    """The texts of records, None for one that is too long. It is open as long as it has an odd number of quotes; one
    that is too long ends with its line, since its quotes cannot be trusted."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0
        self._is_open = False
        self._is_passed_over = False

    def split(self, pieces: Iterable[bytes]) -> Iterator[str | None]:
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        rest: list[str] = []  # parts of a line that has not ended: joined once, however many they are
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
        """The record that ends with this line, if one does."""
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
        """Pass over the rest of a line, which is told once."""
        if not self._is_passed_over:
            self._forget()
            self._is_passed_over = True
            yield None

    def _forget(self) -> None:
        self._lines, self._size, self._is_open = [], 0, False
