"""A request's JSON text into its records. Bytes go in; a list of event records, or a bad-data error, comes out.

The usual case is one call of a typed decoder over the whole body, which parses no property. Only when that fails is
the body taken apart record by record (`ingest.scan`), so that one bad record does not spoil the others and the reply
can say where the text is broken. A text with far more members than records are allowed to have is taken apart the same
way, so that a bomb of tiny records is refused before it becomes a million objects.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from trackway.errors import RequestError
from trackway.ingest.events import EventRecord
from trackway.ingest.outcome import DATA_MISSING, Rejected
from trackway.ingest.scan import (
    WHITESPACE,
    MalformedBody,
    Piece,
    elements,
    lines,
    too_many_records,
    why_undecodable,
)
from trackway.limits import EVENT_BYTES_MAX, JSON_MEMBERS_PLAIN_MAX, RECORDS_PER_REQUEST_MAX

__all__ = ["MalformedBody", "Records", "decode_record", "single_record", "split_json", "split_lines"]


class Records(NamedTuple):
    """The records of a body in order, and how to get the bytes one was made from (only rejected ones need them).

    `text` is the JSON of all of them, or nothing where they were taken apart.
    """

    records: list[EventRecord | Rejected]
    original: Callable[[int], bytes]
    text: bytes


decode_record = msgspec.json.Decoder(EventRecord).decode
_decode_list = msgspec.json.Decoder(list[EventRecord]).decode
_decode_lines = msgspec.json.Decoder(EventRecord).decode_lines
_decode_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode


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
    text = body.lstrip(WHITESPACE)
    at = len(body) - len(text)
    text = text.rstrip(WHITESPACE)
    if text[:1] not in (b"[", b"{"):
        raise MalformedBody("data, must be a JSON object or array: found none at byte 0")
    if text[:1] == b"{":
        return Records([_record(Piece(text, at))], lambda _index: text, text)
    if _is_plain(text):
        try:
            records = _decode_list(text)
        except (msgspec.MsgspecError, RecursionError):
            pass  # one of the records is not what it should be: find out which
        else:
            return _checked(Records(list(records), _Originals(text).original, text))
    return _one_by_one(list(elements(text, at)))


def single_record(body: bytes) -> EventRecord | None:
    """The record of a body that is one JSON object, None when it is anything else. Raises RequestError 413."""
    text = body.strip(WHITESPACE)
    record = _record(Piece(text, 0)) if text.startswith(b"{") else None
    return record if isinstance(record, EventRecord) else None


def split_lines(body: bytes) -> Records:
    """The records of newline-delimited JSON (`application/x-ndjson`); blank lines are passed over.

    Raises as `split_json`.
    """
    pieces = lines(body)
    if not pieces:
        raise MalformedBody(DATA_MISSING)
    if _is_plain(body):
        try:
            records = _decode_lines(body)
        except (msgspec.MsgspecError, RecursionError):
            pass
        else:
            if len(records) == len(pieces):  # else some record is spread over lines, or shares one
                return _checked(Records(list(records), lambda index: pieces[index].text, body))
    return _one_by_one(pieces)


def _is_plain(text: bytes) -> bool:
    """Whether the typed decoder may have the whole text: UTF-8 (it does not look) and not a bomb of objects."""
    few = len(text) < 3 * JSON_MEMBERS_PLAIN_MAX or text.count(b"{") + text.count(b":") <= JSON_MEMBERS_PLAIN_MAX
    return few and _is_utf8(text)


def _is_utf8(text: bytes) -> bool:
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
                raise _too_large_record()
    return records


def _too_large_record() -> RequestError:
    return RequestError(413, f"request exceeds max limit of {EVENT_BYTES_MAX} bytes an event")


def _one_by_one(pieces: list[Piece]) -> Records:
    return Records([_record(piece) for piece in pieces], lambda index: pieces[index].text, b"")


def _record(piece: Piece) -> EventRecord | Rejected:
    if len(piece.text) > EVENT_BYTES_MAX:
        raise _too_large_record()
    if _is_utf8(piece.text):
        try:
            return decode_record(piece.text)
        except (msgspec.MsgspecError, RecursionError):
            pass
    return why_undecodable(piece)
