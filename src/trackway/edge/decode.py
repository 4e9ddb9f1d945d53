"""From the bytes of a request to its JSON text: every encoding that Mixpanel's SDKs use (protocol §2).

Pure: query string, body and two headers go in; the parameters and the JSON text come out. Content types are hardly
looked at, since SDKs send wrong ones: the first byte tells JSON from a form, and a form's `data` tells JSON from
base64. Everything is bounded by `bytes_max`, while unpacking and not after.
"""

import binascii
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from trackway.edge.surrogates import joined_surrogates
from trackway.errors import RequestError
from trackway.ingest.outcome import DATA_MISSING
from trackway.ingest.records import MalformedBody
from trackway.limits import FORM_FIELDS_MAX, QUERY_STRING_BYTES_MAX

LINES_TYPES = (b"application/x-ndjson", b"application/ndjson", b"application/jsonl", b"application/x-jsonlines")
_IsalError: type[Exception] = isal_zlib.IsalError  # type: ignore[assignment]  # the stub calls it an instance
_JSON_TYPE = b"application/json"
_GZIP_MAGIC = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ENCODING_BYTES_MAX = 8
_PIECE_BYTES = 256 * 1024
_WORTH_BYTES = 4 * 1024
"""Below this, the standard library's way to undo percent-encoding is the quicker one."""
_HEX = np.full(256, 0xFF, dtype=np.uint8)
_HEX[np.frombuffer(b"0123456789abcdefABCDEF", dtype=np.uint8)] = [*range(16), *range(10, 16)]
GZIP_MEMBERS_MAX = 1000
"""Members of a gzip body; each costs some microseconds, however little it holds."""
_URL_SAFE = bytes.maketrans(b"-_ ", b"+/+")
_WHITESPACE = b" \t\r\n"


class Decoded(NamedTuple):
    """A request's JSON text (`lines`: one record a line) and its parameters, query before form."""

    text: bytes
    lines: bool
    parameters: Mapping[str, str]


def decode_request(query: bytes, content_type: bytes, content_encoding: bytes, body: bytes, bytes_max: int) -> Decoded:
    """Undo whatever the client did to its JSON.

    Raises MalformedBody (the bytes are not what they claim), RequestError 413 (larger than `bytes_max` unpacked).
    """
    parameters = parse_query(query)
    if not content_encoding and content_type == _JSON_TYPE and body[:1] in (b"{", b"["):
        return Decoded(body, False, parameters)  # what most SDKs send
    content_encoding = content_encoding.strip().lower()
    if content_encoding in (b"gzip", b"x-gzip") or body[:2] == _GZIP_MAGIC:
        body = gunzip(body, bytes_max)
    elif content_encoding not in (b"", b"identity"):
        raise MalformedBody(f"data, content-encoding must be gzip{_not_this(content_encoding)}")
    lines = content_type.partition(b";")[0].strip().lower() in LINES_TYPES
    body = body.removeprefix(_BYTE_ORDER_MARK)
    if not body.strip(_WHITESPACE):
        return Decoded(_data_text(parameters.get("data", "").encode("latin-1")), False, parameters)
    if lines or body.lstrip(_WHITESPACE)[:1] in (b"{", b"["):
        return Decoded(body, lines, parameters)
    form = _parse_fields(body)
    return Decoded(_data_text(form.get("data", "").encode("latin-1")), False, {**form, **parameters})


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
    return _parse_short_query(query) if len(query) <= 128 else _parse_fields(query)


def query_parameters(query: bytes) -> Mapping[str, str]:
    """The parameters as far as they can be read without the body. Raises RequestError 413 as `bounded_query`."""
    try:
        return parse_query(bounded_query(query))
    except MalformedBody:
        return {}


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
    value = value.strip(_WHITESPACE)
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
    return text if text.isascii() else joined_surrogates(text)


def _base64_fault(standard: bytes, error: binascii.Error) -> str:
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    offset = len(standard) - len(standard.lstrip(alphabet))
    if offset < len(standard):
        return f"unexpected character at byte {offset}"
    return str(error).lower()


def gunzip(packed: bytes, bytes_max: int) -> bytes:
    """Unpack gzip (one or more members), never holding more than `bytes_max` + 1 bytes of result."""
    parts: list[bytes] = []
    size, at = 0, 0
    for _ in range(GZIP_MEMBERS_MAX):
        if at == len(packed):
            break
        part, at = _unpack_member(packed, at, bytes_max - size)
        parts.append(part)
        size += len(part)
        if size > bytes_max:
            raise body_too_large(bytes_max)
        if not packed.startswith(_GZIP_MAGIC, at):
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
