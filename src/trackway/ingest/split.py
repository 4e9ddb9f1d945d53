"""The JSON text of a request into its records: bytes go in, a list of records or a bad-data error comes out.

A `Form` says what a record is: an event or a profile update. Usually one call of a typed decoder over the whole body is
enough; it parses no property. If that fails, `ingest.lenient_split` splits the body record by record, so one bad record
does not spoil the others and the reply can say where the text is broken. A text with far more members than the records
may have is split in the same way: a bomb of tiny records is refused before it becomes a million objects.
"""

from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

import msgspec
import numpy as np

from trackway.domain.errors import RequestError
from trackway.domain.limits import EVENT_BYTES_MAX, RECORDS_PER_REQUEST_MAX, SINGLE_BYTES_MAX
from trackway.ingest.lenient_split import (
    WHITESPACE,
    Fault,
    MalformedBody,
    Piece,
    elements,
    event_fault,
    lines,
    too_many_records,
    update_fault,
    why_undecodable,
)
from trackway.ingest.limits import JSON_MEMBERS_PLAIN_MAX, PROFILE_UPDATE_BYTES_MAX
from trackway.ingest.outcome import DATA_MISSING, Rejected
from trackway.ingest.raw_fields import EventRecord, Members

__all__ = [
    "MalformedBody",
    "Records",
    "event_texts",
    "require_records",
    "single_text",
    "split_json",
    "split_lines",
    "split_updates",
    "update_texts",
]

R = TypeVar("R")
Texts = Sequence[msgspec.Raw | bytes]
"""The JSON text of each record of a body."""


class Records(NamedTuple, Generic[R]):
    """The records of a body in order. `original` returns the bytes of one record, which only rejected ones need.

    `text` is the JSON of all records, or empty if they were split one by one.
    """

    records: list[R | Rejected]
    original: Callable[[int], bytes]
    text: bytes


class Form(NamedTuple, Generic[R]):
    """A kind of record: its decoders, its largest size, its name, and the fault of a JSON object that is none."""

    decode: Callable[[bytes], R]
    decode_list: Callable[[bytes], list[R]]
    decode_lines: Callable[[bytes], list[R]]
    bytes_max: int
    one: str
    many: str
    fault: Fault


_event = msgspec.json.Decoder(EventRecord)
_update = msgspec.json.Decoder(Members)
EVENT = Form(
    _event.decode,
    msgspec.json.Decoder(list[EventRecord]).decode,
    _event.decode_lines,
    EVENT_BYTES_MAX,
    "an event",
    "events",
    event_fault,
)
UPDATE = Form(
    _update.decode,
    msgspec.json.Decoder(list[Members]).decode,
    _update.decode_lines,
    PROFILE_UPDATE_BYTES_MAX,
    "a profile update",
    "profile updates",
    update_fault,
)
_decode_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode


class _Originals:
    """The bytes of each record of a JSON array, split on the first request for one."""

    def __init__(self, text: bytes):
        self._text = text
        self._texts: Sequence[msgspec.Raw | bytes] = []

    def original(self, index: int) -> bytes:
        self._texts = self._texts or self._split()
        return bytes(self._texts[index])

    def _split(self) -> Sequence[msgspec.Raw | bytes]:
        try:
            return _decode_raws(self._text)
        except RecursionError:  # deeper in the stack than the decoder that passed the text
            return [piece.text for piece in elements(self._text, 0, "records")]


def split_json(body: bytes) -> Records[EventRecord]:
    """The events of a JSON array, or of a single object.

    Raises MalformedBody, and RequestError 413 for too many records or too large a one.
    """
    return _split_json(body, EVENT)


def split_lines(body: bytes) -> Records[EventRecord]:
    """The events of newline-delimited JSON (`application/x-ndjson`); blank lines are skipped.

    Raises as `split_json`.
    """
    return _split_lines(body, EVENT)


def split_updates(body: bytes, *, lines: bool) -> Records[Members]:
    """The profile updates of either. Raises as `split_json`."""
    return _split_lines(body, UPDATE) if lines else _split_json(body, UPDATE)


def _split_json(body: bytes, form: Form[R]) -> Records[R]:
    text = body.lstrip(WHITESPACE)
    at = len(body) - len(text)
    text = text.rstrip(WHITESPACE)
    if text[:1] not in (b"[", b"{"):
        raise MalformedBody("data, must be a JSON object or array: found none at byte 0")
    if text[:1] == b"{":
        alone = _record(Piece(text, at), form)
        return Records([alone], lambda _index: text, text)
    records = _at_once(text, form) if _is_plain(text) else None
    if records is None:
        return _one_by_one(list(elements(text, at, form.many)), form)
    return _checked(Records(records, _Originals(text).original, text), form)


def _at_once(text: bytes, form: Form[R]) -> list[R | Rejected] | None:
    """The records of an array; None if one of them is no record."""
    try:
        return list(form.decode_list(text))
    except (msgspec.MsgspecError, RecursionError):
        return None


def event_texts(body: bytes, *, lines: bool) -> Texts | None:
    """The JSON text of each event of a body, or None for a body that is not plain, such as one to refuse.

    A text may still be no event, or no JSON.
    """
    return _texts(body, EVENT.bytes_max, lines)


def update_texts(body: bytes, *, lines: bool) -> Texts | None:
    """As `event_texts`, of each profile update."""
    return _texts(body, UPDATE.bytes_max, lines)


def _texts(body: bytes, bytes_max: int, lines: bool) -> Texts | None:
    if not _is_plain(body) or (len(body) > JSON_MEMBERS_PLAIN_MAX and _is_bomb_of_elements(body, lines)):
        return None
    text = body.strip(WHITESPACE)
    try:
        texts = _line_texts(body) if lines else [text] if text[:1] == b"{" else _decode_raws(text)
    except (msgspec.MsgspecError, RecursionError, RequestError):
        return None
    if len(texts) > RECORDS_PER_REQUEST_MAX:
        return None
    return texts if len(body) <= bytes_max or max(map(len, texts)) <= bytes_max else None


def _is_bomb_of_elements(body: bytes, lines: bool) -> bool:
    """Whether an array may have far too many elements; lines are counted while they are split."""
    return not lines and _count(body, ",") > JSON_MEMBERS_PLAIN_MAX


def _line_texts(body: bytes) -> Sequence[bytes]:
    """The lines that are not blank. Where these may be few among millions, they are counted one by one. To read lines
    takes a third of the time of `split`."""
    read = list(islice(BytesIO(body), 2 * RECORDS_PER_REQUEST_MAX + 1))
    if len(read) > 2 * RECORDS_PER_REQUEST_MAX:
        return [piece.text for piece in lines(body, EVENT.many)]
    return [text for line in read if (text := line.strip(WHITESPACE))]


def require_records(records: Records[R]) -> Records[R]:
    """The same records. Raises MalformedBody when there are none."""
    if not records.records:
        raise MalformedBody(DATA_MISSING)
    return records


def single_text(body: bytes) -> bytes | None:
    """The JSON text of a body that may be one event, without the white space around it.

    None for any other body, and for one too large to be ingested together with others. The text may still be no event.
    """
    text = body if body.endswith(b"}") else body.rstrip(WHITESPACE)
    if not text.startswith(b"{"):
        text = text.lstrip(WHITESPACE)
    if not text.startswith(b"{") or len(text) > SINGLE_BYTES_MAX:
        return None
    return text if text.isascii() or _is_utf8(text) else None


def _split_lines(body: bytes, form: Form[R]) -> Records[R]:
    pieces = lines(body, form.many)
    if not pieces:
        raise MalformedBody(DATA_MISSING)
    if _is_plain(body):
        try:
            records = form.decode_lines(body)
        except (msgspec.MsgspecError, RecursionError):
            pass
        else:
            if len(records) == len(pieces):  # else some record is spread over lines, or shares one
                return _checked(Records(list(records), lambda index: pieces[index].text, body), form)
    return _one_by_one(pieces, form)


def _is_plain(text: bytes) -> bool:
    """Whether the typed decoder may get the whole text: it is UTF-8, which the decoder does not check, and no bomb."""
    few = len(text) < 3 * JSON_MEMBERS_PLAIN_MAX or _count(text, "{") + _count(text, ":") <= JSON_MEMBERS_PLAIN_MAX
    return few and _is_utf8(text)


def _count(text: bytes, character: str) -> int:
    """How often a text has an ASCII character; ten times as fast as `bytes.count` for a frequent one."""
    return int(np.count_nonzero(np.frombuffer(text, dtype=np.uint8) == ord(character)))


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _checked(records: Records[R], form: Form[R]) -> Records[R]:
    """The same records, if they are within the limits of a request (protocol §9, [M]). Raises RequestError 413."""
    if len(records.records) > RECORDS_PER_REQUEST_MAX:
        raise too_many_records(form.many)
    if len(records.text) > form.bytes_max:
        for index in range(len(records.records)):
            if len(records.original(index)) > form.bytes_max:
                raise _too_large_record(form)
    return records


def _too_large_record(form: Form[R]) -> RequestError:
    return RequestError(413, f"request exceeds max limit of {form.bytes_max} bytes {form.one}")


def _one_by_one(pieces: list[Piece], form: Form[R]) -> Records[R]:
    records: list[R | Rejected] = []
    for piece in pieces:
        record = _record(piece, form)
        records.append(record)
    return Records(records, lambda index: pieces[index].text, b"")


def _record(piece: Piece, form: Form[R]) -> R | Rejected:
    if len(piece.text) > form.bytes_max:
        raise _too_large_record(form)
    if _is_utf8(piece.text):
        try:
            return form.decode(piece.text)
        except (msgspec.MsgspecError, RecursionError):
            pass
    return why_undecodable(piece, form.fault)
