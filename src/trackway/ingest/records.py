"""A request's JSON text into its records. Bytes go in; a list of event records, or a bad-data error, comes out.

The usual case is one call of a typed decoder over the whole body, which parses no property. Only when that fails is
the body taken apart record by record, so that one bad record does not spoil the others and the reply can say where
the text is broken. A text with far more brackets than records are allowed is taken apart the same way, so that a bomb
of tiny records is refused before it becomes a million objects.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from trackway.errors import RequestError
from trackway.ingest.events import EventRecord
from trackway.ingest.outcome import NOT_UTF8, Rejected, invalid
from trackway.limits import EVENT_BYTES_MAX, JSON_MEMBERS_PLAIN_MAX, RECORDS_PER_REQUEST_MAX


class MalformedBody(Exception):
    """The text is not JSON (or not the expected JSON) as a whole; the message says what is wrong and at which byte."""


class Records(NamedTuple):
    """The records of a body in order, and how to get the bytes one was made from (only rejected ones need them)."""

    records: list[EventRecord | Rejected]
    original: Callable[[int], bytes]
    text: bytes


decode_record = msgspec.json.Decoder(EventRecord).decode
_decode_list = msgspec.json.Decoder(list[EventRecord]).decode
_decode_lines = msgspec.json.Decoder(EventRecord).decode_lines
_decode_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_WHITESPACE = b" \t\r\n"


class _Originals:
    """The bytes of each record of a JSON array, looked for only when one is asked for."""

    def __init__(self, text: bytes):
        self._text = text
        self._raws: list[msgspec.Raw] = []

    def original(self, index: int) -> bytes:
        self._raws = self._raws or _decode_raws(self._text)
        return bytes(self._raws[index])


def split_json(body: bytes) -> Records:
    """The records of a JSON array, or of a single object.

    Raises MalformedBody, and RequestError 413 for too many records or too large a one.
    """
    text = body.strip(_WHITESPACE)
    if text[:1] not in (b"[", b"{"):
        raise MalformedBody("data, must be a JSON object or array: found none at byte 0")
    if text[:1] == b"{":
        return _checked(Records([_one(text)], lambda _index: text, text))
    if _is_plain(text):
        try:
            records = _decode_list(text)
        except (msgspec.MsgspecError, RecursionError):
            pass  # one of the records is not what it should be: find out which
        else:
            return _checked(Records(list(records), _Originals(text).original, text))
    return _one_by_one(list(_elements(text)))


def split_lines(body: bytes) -> Records:
    """The records of newline-delimited JSON (`application/x-ndjson`); blank lines are passed over."""
    lines = [line for line in body.split(b"\n", 8 * RECORDS_PER_REQUEST_MAX) if line.strip(_WHITESPACE)]
    if not lines:
        raise MalformedBody("data, missing or empty")
    if _is_plain(body):
        try:
            return _checked(Records(list(_decode_lines(body)), lambda index: lines[index].strip(_WHITESPACE), body))
        except (msgspec.MsgspecError, RecursionError):
            pass
    return _one_by_one([line.strip(_WHITESPACE) for line in lines])


def _is_plain(text: bytes) -> bool:
    """Whether the typed decoder may have the whole text: UTF-8 (it does not look) and not a bomb of objects."""
    few = len(text) < 3 * JSON_MEMBERS_PLAIN_MAX or text.count(b"{") + text.count(b":") <= JSON_MEMBERS_PLAIN_MAX
    return few and is_utf8(text)


def is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _checked(records: Records) -> Records:
    """Refuse what is over the limits of a request (protocol §9, [M])."""
    if len(records.records) > RECORDS_PER_REQUEST_MAX:
        raise too_many_records()
    if len(records.text) > EVENT_BYTES_MAX:
        for index in range(len(records.records)):
            if len(records.original(index)) > EVENT_BYTES_MAX:
                raise too_large_record()
    return records


def too_many_records() -> RequestError:
    return RequestError(413, f"request exceeds max limit of {RECORDS_PER_REQUEST_MAX} events")


def too_large_record() -> RequestError:
    return RequestError(413, f"request exceeds max limit of {EVENT_BYTES_MAX} bytes an event")


def _one_by_one(originals: list[bytes]) -> Records:
    if len(originals) > RECORDS_PER_REQUEST_MAX:
        raise too_many_records()
    return Records([_one(original) for original in originals], originals.__getitem__, b"null")


def _one(original: bytes) -> EventRecord | Rejected:
    if len(original) > EVENT_BYTES_MAX:
        raise too_large_record()
    if is_utf8(original):
        try:
            return decode_record(original)
        except msgspec.ValidationError:
            return Rejected("", "data, must be a JSON object")
        except (msgspec.DecodeError, RecursionError):
            pass
    return _why_undecodable(original)


def _why_undecodable(original: bytes) -> Rejected:
    """Name the property whose text is not UTF-8 or holds half a surrogate pair; else the text is not JSON."""
    try:
        value = json.loads(original.decode("utf-8", "surrogateescape"), parse_constant=_refuse_constant)
    except ValueError as error:
        raise MalformedBody(f"data, not valid JSON: {_position(error)}") from error
    except RecursionError as error:
        raise MalformedBody("data, not valid JSON: nested too deep") from error
    if not isinstance(value, dict):
        return Rejected("", "data, must be a JSON object")
    if not _encodable(value.get("event", "")):
        return invalid("event", NOT_UTF8)
    properties = value.get("properties")
    for name, member in properties.items() if isinstance(properties, dict) else ():
        if not _encodable(name) or not _encodable(member):
            shown = name.encode("utf-8", "replace").decode()
            return invalid(f"properties.{shown}", NOT_UTF8)
    return invalid("data", NOT_UTF8)


def _encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _position(error: ValueError) -> str:
    """Where and why parsing stopped, in bytes as far as the parser knows."""
    if isinstance(error, json.JSONDecodeError):
        offset = len(error.doc[: error.pos].encode("utf-8", "surrogateescape"))
        return f"{error.msg[:1].lower()}{error.msg[1:]} at byte {offset}"
    return str(error)


def _elements(text: bytes) -> Iterator[bytes]:
    """The bytes of each element of a JSON array, one at a time; stops with a 413 at the first one too many."""
    source = text.decode("utf-8", "surrogateescape")
    scan = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode
    at, found = _skip_space(source, 1), 0
    if source[at : at + 1] == "]":
        at = _skip_space(source, at + 1)
    else:
        while True:
            end = _scan_element(scan, source, at)
            found += 1
            if found > RECORDS_PER_REQUEST_MAX:
                raise too_many_records()
            yield source[at:end].encode("utf-8", "surrogateescape")
            at = _skip_space(source, end)
            separator = source[at : at + 1]
            at = _skip_space(source, at + 1)
            if separator == "]":
                break
            if separator != ",":
                raise MalformedBody(f"data, not valid JSON: ',' or ']' expected at byte {_byte(source, at)}")
    if at != len(source):
        raise MalformedBody(f"data, not valid JSON: extra data at byte {_byte(source, at)}")


def _scan_element(scan: Callable[[str, int], tuple[Any, int]], source: str, at: int) -> int:
    try:
        return scan(source, at)[1]
    except ValueError as error:
        raise MalformedBody(f"data, not valid JSON: {_position(error)}") from error
    except RecursionError as error:
        raise MalformedBody(f"data, not valid JSON: nested too deep at byte {_byte(source, at)}") from error


def _byte(source: str, at: int) -> int:
    return len(source[:at].encode("utf-8", "surrogateescape"))


def _skip_space(source: str, at: int) -> int:
    while at < len(source) and source[at] in " \t\r\n":
        at += 1
    return at
