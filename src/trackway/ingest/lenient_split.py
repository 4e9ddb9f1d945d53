"""Splitting a JSON text record by record, when the fast split failed or might cost too much memory.

Bytes go in. The pieces that hold one record each come out, with their positions, so a fault is reported at the byte of
the client's body. This is Python's own JSON parser because it continues where the strict one stops: at text that is not
UTF-8, or half a surrogate pair. Such text must get another reply than text that is no JSON.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from trackway.domain.errors import RequestError
from trackway.domain.limits import RECORDS_PER_REQUEST_MAX
from trackway.ingest.outcome import NOT_UTF8, Rejected, invalid

NO_OBJECT = Rejected("", "data, must be a JSON object")
WHITESPACE = b" \t\r\n"
_LINE = re.compile(rb"[^ \t\r\n][^\n]*")
_SPACE = re.compile(r"[ \t\r\n]*")
_LENIENT = "surrogateescape"


class MalformedBody(Exception):
    """The text is not JSON (or not the expected JSON) as a whole; the message says what is wrong and at which byte."""


Fault = Callable[[dict[str, Any]], Rejected]
"""What is wrong with a JSON object that was refused as a record."""


class Piece(NamedTuple):
    """The bytes of one record, and the byte of the body at which they begin."""

    text: bytes
    at: int


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


# Numbers are not checked here, and a whole number of thousands of digits must not raise.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=float)


def too_many_records(name: str) -> RequestError:
    """`name`: what the records are, such as `events`."""
    return RequestError(413, f"request exceeds max limit of {RECORDS_PER_REQUEST_MAX} {name}")


def lines(body: bytes, name: str) -> list[Piece]:
    """The lines of newline-delimited JSON that are not blank. Raises RequestError 413 at the first one too many."""
    found: list[Piece] = []
    for match in _LINE.finditer(body):
        if len(found) == RECORDS_PER_REQUEST_MAX:
            raise too_many_records(name)
        found.append(Piece(match.group().rstrip(WHITESPACE), match.start()))
    return found


def elements(text: bytes, at: int, name: str) -> Iterator[Piece]:
    """The elements of the JSON array `text`, which begins at byte `at` of the body.

    Raises MalformedBody, and RequestError 413 at the first element too many.
    """
    source = _Source(text, at)
    source.skip(1)
    count = 0
    if source.here != "]":
        while True:
            begin = source.offset
            piece = source.value()
            count += 1
            if count > RECORDS_PER_REQUEST_MAX:
                raise too_many_records(name)
            yield Piece(piece, begin)
            if source.here == "]":
                break
            if source.here != ",":
                raise MalformedBody(f"data, not valid JSON: ',' or ']' expected at byte {source.offset}")
            source.skip(1)
    source.skip(1)
    if source.here:
        raise MalformedBody(f"data, not valid JSON: extra data at byte {source.offset}")


class _Source:
    """A text and an index in it. `offset` counts bytes of the body, as the client sent them."""

    def __init__(self, text: bytes, at: int):
        self._text = text.decode("utf-8", _LENIENT)
        self._at = 0
        self.offset = at

    @property
    def here(self) -> str:
        return self._text[self._at : self._at + 1]

    def skip(self, characters: int) -> None:
        """Skip a number of characters of one byte each, then white space."""
        begin = self._at
        space = _SPACE.match(self._text, begin + characters)
        self._at = space.end() if space else begin + characters
        self.offset += self._at - begin

    def value(self) -> bytes:
        """The bytes of the JSON value here; afterwards the index is behind it."""
        try:
            end = _DECODER.raw_decode(self._text, self._at)[1]
        except ValueError as error:
            raise malformed(error, self.offset, self._at) from error
        except RecursionError as error:
            raise MalformedBody(f"data, not valid JSON: nested too deep at byte {self.offset}") from error
        value = self._text[self._at : end].encode("utf-8", _LENIENT)
        self._at = end
        self.offset += len(value)
        self.skip(0)
        return value


def malformed(error: ValueError, at: int, begin: int = 0) -> MalformedBody:
    """The parser's error with its offset in bytes; it began at character `begin`, which is byte `at` of the body."""
    if not isinstance(error, json.JSONDecodeError):
        return MalformedBody(f"data, not valid JSON: {error}")
    offset = at + len(error.doc[begin : error.pos].encode("utf-8", _LENIENT))
    return MalformedBody(f"data, not valid JSON: {error.msg[:1].lower()}{error.msg[1:]} at byte {offset}")


def why_undecodable(piece: Piece, fault: Fault) -> Rejected:
    """Why the strict decoder refused a record: no object, or the `fault` of the object.

    Raises MalformedBody when the text is not JSON at all.
    """
    text = piece.text.decode("utf-8", _LENIENT)
    try:
        value = _DECODER.decode(text)
    except ValueError as error:
        raise malformed(error, piece.at) from error
    except RecursionError as error:
        raise MalformedBody(f"data, not valid JSON: nested too deep at byte {piece.at}") from error
    if not isinstance(value, dict):
        return NO_OBJECT
    return fault(value)


def event_fault(value: dict[str, Any]) -> Rejected:
    """What the strict decoder refuses of an event: no object as properties, or text that is not UTF-8."""
    if not _is_text(value.get("event", "")):
        return invalid("event", NOT_UTF8)
    properties = value.get("properties", {})
    if not isinstance(properties, dict):
        return invalid("properties", "must be an object")
    return _not_utf8("properties.", properties) or invalid("data", NOT_UTF8)


def update_fault(value: dict[str, Any]) -> Rejected:
    """What it refuses of a profile update: only text that is not UTF-8."""
    for name, operand in value.items():
        if isinstance(operand, dict) and (found := _not_utf8(f"{name}.", operand)):
            return found
    return _not_utf8("", value) or invalid("data", NOT_UTF8)


def _not_utf8(prefix: str, members: dict[str, Any]) -> Rejected | None:
    """The first member whose name or value is not UTF-8."""
    for name, member in members.items():
        if not _is_text(name) or not _is_text(member):
            return invalid((prefix + name).encode("utf-8", "replace").decode(), NOT_UTF8)
    return None


def _is_text(value: Any) -> bool:
    """Whether all text in a value can be written as UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
