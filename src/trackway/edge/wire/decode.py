"""From the bytes of a request to its JSON text: every encoding of Mixpanel's SDKs (protocol §2).

Pure: query string, body and two headers arrive; the parameters and the JSON text leave. Content types hardly count,
since SDKs send wrong ones. The first bytes distinguish JSON from a form, in parts or not, and the form's `data`
distinguishes JSON from base64. `bytes_max` bounds everything, while unpacking and not after.
"""

import binascii
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from trackway.domain.errors import RequestError
from trackway.edge.limits import (
    FORM_FIELDS_MAX,
    GZIP_MEMBERS_MAX,
    QUERY_STRING_BYTES_MAX,
    UNKNOWN_BYTES_MAX,
    UNKNOWN_FORM_BYTES_MAX,
)
from trackway.edge.wire.cesu8 import joined_surrogates
from trackway.edge.wire.multipart import looks_multipart, multipart_fields
from trackway.ingest.outcome import DATA_MISSING
from trackway.ingest.split import MalformedBody

LINES_TYPES = (b"application/x-ndjson", b"application/ndjson", b"application/jsonl", b"application/x-jsonlines")
_IsalError: type[Exception] = isal_zlib.IsalError  # type: ignore[assignment]  # the stub calls it an instance
JSON_TYPE = b"application/json"
GZIP_MAGIC = b"\x1f\x8b"
GZIP_NAMES = (b"gzip", b"x-gzip")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ENCODING_BYTES_MAX = 8
_SHORT_BYTES = 128
"""Query strings up to this length are often the same, and their parameters are remembered."""
_PIECE_BYTES = 256 * 1024
_WORTH_BYTES = 4 * 1024
"""Below this, the standard library's way to undo percent-encoding is the quicker one."""
_HEX = np.full(256, 0xFF, dtype=np.uint8)
_HEX[np.frombuffer(b"0123456789abcdefABCDEF", dtype=np.uint8)] = [*range(16), *range(10, 16)]
_URL_SAFE = bytes.maketrans(b"-_ ", b"+/+")
_WHITESPACE = b" \t\r\n"
_is_plain = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*(?:[{\[]|--|[\w.$%-]{1,64}=)").match
"""The start of JSON, of a form, and of one in parts."""


NamesProject = Callable[[bytes], bool]


class ParsedQuery(NamedTuple):
    """The parameters of a query string. `fault` says why it cannot be read; it has no parameters then."""

    parameters: Mapping[str, str]
    fault: str = ""


class Decoded(NamedTuple):
    """A request's JSON text (`lines`: one record a line) and its parameters, query before form."""

    text: bytes
    lines: bool
    parameters: Mapping[str, str]


def decode_request(
    query: ParsedQuery,
    content_type: bytes,
    content_encoding: bytes,
    body: bytes,
    bytes_max: int,
    names_project: NamesProject | None = None,
) -> Decoded:
    """Undo the client's encoding.

    `names_project`: whether a text names a known project. A body whose first 2 MiB do not is dropped. Raises
    MalformedBody (the bytes are not what they claim), RequestError 413 (larger than `bytes_max` unpacked, or dropped).
    """
    parameters, fault = query
    if fault:
        raise MalformedBody(fault)
    if not content_encoding and content_type == JSON_TYPE and body[:1] in (b"{", b"["):
        _check_named(body, names_project)
        return Decoded(body, False, parameters)  # what most SDKs send
    content_encoding = content_encoding.strip().lower()
    if is_packed(content_encoding, body):
        if names_project is not None and bytes_max > UNKNOWN_BYTES_MAX:
            _check_named(_unpacked(body, UNKNOWN_FORM_BYTES_MAX), names_project)
        body = gunzip(body, bytes_max)
    elif content_encoding not in (*GZIP_NAMES, b"", b"identity"):
        raise MalformedBody(f"data, content-encoding must be gzip{_not_this(content_encoding)}")
    else:
        _check_named(body, names_project)
    lines = content_type.partition(b";")[0].strip().lower() in LINES_TYPES
    body = body.removeprefix(BYTE_ORDER_MARK)
    if not body.strip(_WHITESPACE):
        return Decoded(_data_text(parameters.get("data", "").encode("latin-1")), False, parameters)
    if lines or body.lstrip(_WHITESPACE)[:1] in (b"{", b"["):
        return Decoded(body, lines, parameters)
    form = form_fields(body)
    return Decoded(_data_text(form.get("data", "").encode("latin-1")), False, {**form, **parameters})


def is_packed(content_encoding: bytes, body: bytes) -> bool:
    """Whether a body is gzip: it looks so, or is called so (in lower case) and is neither JSON nor a form.

    Proxies unpack a body and leave the header; some clients pack one and set none.
    """
    return body[:2] == GZIP_MAGIC or (content_encoding in GZIP_NAMES and not _is_plain(body))


def form_fields(body: bytes) -> Mapping[str, str]:
    """The fields of a form, of either kind. Raises MalformedBody."""
    return multipart_fields(body) if looks_multipart(body) else _parse_fields(body)


def _check_named(body: bytes, names_project: NamesProject | None) -> None:
    """Raise RequestError 413 when the start of a long body names no known project, in whichever way it is encoded."""
    if names_project is None or len(body) <= UNKNOWN_BYTES_MAX:
        return
    start = body.removeprefix(BYTE_ORDER_MARK).lstrip(_WHITESPACE)[:UNKNOWN_BYTES_MAX]
    if names_project(start):
        return
    if start[:1] not in (b"{", b"[") and names_project(_start_of_data(body[:UNKNOWN_FORM_BYTES_MAX])):
        return
    raise RequestError(413, f"request exceeds max limit of {UNKNOWN_BYTES_MAX} bytes without a known token")


def _start_of_data(form: bytes) -> bytes:
    """What the start of a form says of its `data`, as JSON; nothing when it is none."""
    value = form_fields(form.removeprefix(BYTE_ORDER_MARK)).get("data", "").encode("latin-1")
    value = value.strip(_WHITESPACE).removeprefix(BYTE_ORDER_MARK)
    if value[:1] in (b"{", b"["):
        return value
    standard = value.translate(_URL_SAFE, b"\r\n\t")
    try:
        return binascii.a2b_base64(standard[: len(standard) // 4 * 4])
    except binascii.Error:
        return b""


def _not_this(content_encoding: bytes) -> str:
    """Names the encoding where it looks like one: the reason is kept, and what a client mixed up must not be."""
    named = len(content_encoding) <= _ENCODING_BYTES_MAX and content_encoding.isalpha()
    return f", not '{content_encoding.decode()}'" if named else ""


def bounded_query(query: bytes) -> bytes:
    """The query string as it is. Raises RequestError 413 when it is too long to be looked at."""
    if len(query) > QUERY_STRING_BYTES_MAX:
        raise RequestError(413, f"query string exceeds max limit of {QUERY_STRING_BYTES_MAX} bytes")
    return query


def parse_query(query: bytes) -> Mapping[str, str]:
    """The parameters of a query string; a value's bytes are kept as latin-1 characters. The first of a name wins."""
    return _parse_short_query(query) if len(query) <= _SHORT_BYTES else _parse_fields(query)


def read_query(query: bytes) -> ParsedQuery:
    """The parameters of a query string, or the fault in it. Raises RequestError 413 as `bounded_query`."""
    return _read_short_query(query) if len(query) <= _SHORT_BYTES else _read_query(bounded_query(query))


def _read_query(query: bytes) -> ParsedQuery:
    try:
        return ParsedQuery(parse_query(query))
    except MalformedBody as error:
        return ParsedQuery({}, str(error))


_read_short_query = lru_cache(maxsize=1024)(_read_query)


@lru_cache(maxsize=1024)
def _parse_short_query(query: bytes) -> Mapping[str, str]:
    return _parse_fields(query)


def _parse_fields(encoded: bytes) -> Mapping[str, str]:
    """`name=value` pairs. Raises MalformedBody for more fields than any client sends."""
    fields: dict[str, str] = {}
    pairs = encoded.split(b"&", FORM_FIELDS_MAX)
    if len(pairs) > FORM_FIELDS_MAX:
        raise MalformedBody(f"data, must not have more than {FORM_FIELDS_MAX} form fields")
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        if name:
            fields.setdefault(_unquote(name).decode("latin-1"), _unquote(value).decode("latin-1"))
    return fields


def _unquote(value: bytes) -> bytes:
    """Undo percent-encoding; what is no escape stays as it is."""
    value = value.replace(b"+", b" ")
    if b"%" not in value:
        return value
    if len(value) <= _WORTH_BYTES:
        return unquote_to_bytes(value)
    parts: list[bytes] = []
    at = 0
    while at < len(value):
        end = at + _PIECE_BYTES
        cut = value.rfind(b"%", end - 2, end)  # an escape is not cut in two
        end = end if cut < 0 else cut
        parts.append(_unquote_piece(np.frombuffer(value[at:end], dtype=np.uint8)))
        at = end
    return b"".join(parts)


def _unquote_piece(text: NDArray[np.uint8]) -> bytes:
    """The same for a large value, all escapes at once: one by one, 30 MB of them take three seconds and 2 GB."""
    at = np.flatnonzero(text[:-2] == ord("%"))
    high, low = _HEX[text[at + 1]], _HEX[text[at + 2]]
    valid = (high < 16) & (low < 16)
    at = at[valid]
    decoded = text.copy()
    decoded[at] = high[valid] << 4 | low[valid]
    kept = np.ones(len(text), dtype=np.bool_)
    kept[at + 1] = kept[at + 2] = False
    return bytes(decoded[kept].data)


def _data_text(value: bytes) -> bytes:
    """The JSON text of a `data` value: raw JSON or base64, standard or URL-safe, padded or not."""
    value = value.strip(_WHITESPACE).removeprefix(BYTE_ORDER_MARK)
    if not value:
        raise MalformedBody(DATA_MISSING)
    if value[:1] in (b"{", b"["):
        return value
    # A '+' that was not percent-encoded has become a blank.
    standard = value.translate(_URL_SAFE, b"\r\n\t").rstrip(b"=")
    if not standard:
        raise MalformedBody(DATA_MISSING)
    try:
        text = binascii.a2b_base64(standard + b"=" * (-len(standard) % 4), strict_mode=True)
    except binascii.Error as error:
        raise MalformedBody(f"data, not valid base64 or JSON: {_base64_fault(standard, error)}") from error
    text = text.removeprefix(BYTE_ORDER_MARK)
    return text if text.isascii() else joined_surrogates(text)


def _base64_fault(standard: bytes, error: binascii.Error) -> str:
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    offset = len(standard) - len(standard.lstrip(alphabet))
    if offset < len(standard):
        return f"unexpected character at byte {offset}"
    return str(error).lower()


def gunzip(packed: bytes, bytes_max: int) -> bytes:
    """Unpack gzip (one or more members), never holding more than `bytes_max` + 1 bytes of result."""
    content = _unpacked(packed, bytes_max)
    if len(content) > bytes_max:
        raise body_too_large(bytes_max)
    return content


def _unpacked(packed: bytes, bytes_max: int) -> bytes:
    """The content, or a bit more than `bytes_max` bytes of it."""
    parts: list[bytes] = []
    size, at = 0, 0
    for _ in range(GZIP_MEMBERS_MAX):
        if at == len(packed):
            break
        part, at = _unpack_member(packed, at, bytes_max - size)
        parts.append(part)
        size += len(part)
        if size > bytes_max:
            break
        if not packed.startswith(GZIP_MAGIC, at):
            break  # padding behind the last member is passed over, as gzip does
    else:
        raise MalformedBody(f"data, must not have more than {GZIP_MEMBERS_MAX} gzip members")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unpack_member(packed: bytes, start: int, bytes_max: int) -> tuple[bytes, int]:
    """The content of the member at `start`, or a bit more than `bytes_max` bytes of it, and the place behind it.

    Fed in pieces, because what lies behind a member is copied: a body of many small ones would take for ever.
    """
    member = isal_zlib.decompressobj(wbits=31)
    parts: list[bytes] = []
    size, at = 0, start
    while not member.eof and size <= bytes_max:
        if at == len(packed):
            raise MalformedBody(f"data, not valid gzip: ends too early at byte {len(packed)}")
        piece = packed[at : at + _PIECE_BYTES]
        try:
            parts.append(member.decompress(piece, bytes_max + 1 - size))
        except _IsalError as error:
            raise MalformedBody(f"data, not valid gzip at byte {start}: {str(error).lower()}") from error
        size += len(parts[-1])
        at += len(piece)
    return parts[0] if len(parts) == 1 else b"".join(parts), at - len(member.unused_data)


def body_too_large(bytes_max: int) -> RequestError:
    return RequestError(413, f"request exceeds max limit of {bytes_max} bytes")
