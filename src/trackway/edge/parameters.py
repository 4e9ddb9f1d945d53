"""The parameters of exports and queries: text by name, from the query string and from a form or a JSON object.

What a body names counts as if it stood in the query string, which wins. Readers of single values raise RequestError
400 naming the parameter; an empty value is none.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from trackway.edge.decode import bounded_query, gunzip, parse_query
from trackway.errors import RequestError
from trackway.ingest.records import MalformedBody
from trackway.limits import QUERY_BODY_BYTES_MAX
from trackway.query.expressions import Expression, ExpressionError, parse

Parameters = Mapping[str, str]


def read_parameters(query_string: bytes, content_encoding: bytes = b"", body: bytes = b"") -> Parameters:
    """The parameters of a request. Raises RequestError 400 when they cannot be read, 413 when they are too large."""
    try:
        own = _texts(parse_query(bounded_query(query_string)))
        return {**_body_parameters(content_encoding.strip().lower(), body), **own} if body else own
    except MalformedBody as fault:
        raise RequestError(400, str(fault)) from fault


def _body_parameters(content_encoding: bytes, body: bytes) -> Parameters:
    if content_encoding in (b"gzip", b"x-gzip"):
        body = gunzip(body, QUERY_BODY_BYTES_MAX)
    elif content_encoding not in (b"", b"identity"):
        raise RequestError(400, f"content-encoding must be gzip, not '{content_encoding.decode('latin-1')[:40]}'")
    if body.lstrip()[:1] in (b"{", b"["):
        return _json_parameters(body)
    return _texts(parse_query(body))


def _json_parameters(body: bytes) -> Parameters:
    """The members of an object: a text as it is, null not at all, anything else as JSON text."""
    try:
        members = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RequestError(400, f"body must be a form or a JSON object: {error}") from error
    values = {name: value for name, value in members.items() if value is not None}
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode() for name, value in values.items()
    }


def _texts(raw: Parameters) -> Parameters:
    try:
        return {name: value.encode("latin-1").decode() for name, value in raw.items()}
    except UnicodeDecodeError as error:
        raise RequestError(400, "query string must be valid utf8") from error


def where(parameters: Parameters) -> Expression | None:
    """The segmentation expression of `where`."""
    text = parameters.get("where", "")
    if not text.strip():
        return None
    try:
        return parse(text)
    except ExpressionError as error:
        raise bad_where(error) from error


def bad_where(error: ExpressionError) -> RequestError:
    """What a client is told of a `where` that cannot be asked."""
    return RequestError(400, f"where: {error.message}")


def switch(parameters: Parameters, name: str, *, default: bool) -> bool:
    """A boolean: `true`, `1`, `false`, `0`, in either case."""
    text = parameters.get(name, "").lower()
    if text in ("", "true", "1", "false", "0"):
        return default if text == "" else text in ("true", "1")
    raise RequestError(400, f"{name} must be true or false")


def whole_number(parameters: Parameters, name: str, lowest: int, highest: int) -> int | None:
    """A number without a sign, within bounds."""
    text = parameters.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > len(str(highest)) or not lowest <= int(text) <= highest:
        raise RequestError(400, f"{name} must be a whole number from {lowest} to {highest}")
    return int(text)


def strings(parameters: Parameters, name: str) -> list[str] | None:
    """A JSON array of strings."""
    text = parameters.get(name, "")
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=list[str])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RequestError(400, f"{name} must be a JSON array of strings: {error}") from error
