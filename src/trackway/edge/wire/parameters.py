"""The parameters of exports and queries: text by name, from the query string and from a form or a JSON object.

A parameter of the body counts like one of the query string, which takes precedence. Readers of single values raise
RequestError 400 naming the parameter. An empty value counts as absent.
"""

import re
import time
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import msgspec

from trackway.domain.errors import RequestError
from trackway.edge.limits import QUERY_BODY_BYTES_MAX
from trackway.edge.wire.decode import (
    BYTE_ORDER_MARK,
    GZIP_NAMES,
    bounded_query,
    form_fields,
    gunzip,
    is_packed,
    parse_query,
)
from trackway.ingest.split import MalformedBody
from trackway.query.expressions import Expression, ExpressionError, parse

Parameters = Mapping[str, str]

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read_parameters(query_string: bytes, content_encoding: bytes = b"", body: bytes = b"") -> Parameters:
    """The parameters of a request. Raises RequestError 400 when they cannot be read, 413 when they are too large."""
    try:
        own = _texts(parse_query(bounded_query(query_string)))
        return {**_body_parameters(content_encoding.strip().lower(), body), **own} if body else own
    except MalformedBody as fault:
        raise RequestError(400, str(fault)) from fault


def _body_parameters(content_encoding: bytes, body: bytes) -> Parameters:
    if is_packed(content_encoding, body):
        body = gunzip(body, QUERY_BODY_BYTES_MAX)
    elif content_encoding not in (*GZIP_NAMES, b"", b"identity"):
        raise RequestError(400, f"content-encoding must be gzip, not '{content_encoding.decode('latin-1')[:40]}'")
    body = body.removeprefix(BYTE_ORDER_MARK)
    if body.lstrip()[:1] in (b"{", b"["):
        return _json_parameters(body)
    return _texts(form_fields(body))


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
        return parse(text, time.time())
    except ExpressionError as error:
        raise bad_where(error) from error


def bad_where(error: ExpressionError) -> RequestError:
    """The refusal of a `where` that cannot be evaluated."""
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


def spelled_day(text: str) -> date | None:
    """The date that a text spells as yyyy-mm-dd; None for any other text, also for a week, as ISO 8601 writes it."""
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def required_day(parameters: Parameters, name: str, first: date = date.min, last: date = date.max) -> date:
    """A date as yyyy-mm-dd, from the first to the last that is allowed."""
    text = parameters.get(name, "")
    if not text:
        raise RequestError(400, f"{name} is required, as yyyy-mm-dd")
    day = spelled_day(text)
    if day is None or not first <= day <= last:
        raise RequestError(400, f"{name} must be a date as yyyy-mm-dd, not '{text[:40]}'")
    return day


def strings(parameters: Parameters, name: str) -> list[str] | None:
    """A JSON array of strings; a single name, as it is or as a JSON string, is a list of one."""
    text = parameters.get(name, "")
    if not text:
        return None
    opening = text.lstrip()[:1]
    if opening not in ("[", "{", '"'):
        return [text]
    try:
        found = msgspec.json.decode(text, type=list[str] | str)
    except (msgspec.MsgspecError, RecursionError) as error:
        if opening == '"':  # a name that has quotes
            return [text]
        raise RequestError(400, f"{name} must be a JSON array of strings: {error}") from error
    return [found] if isinstance(found, str) else found


def check_format(parameters: Parameters) -> None:
    """Raise RequestError 400 for a `format` that there is not; clients send `json`, which is what there is."""
    if parameters.get("format", "json").lower() not in ("", "json"):
        raise RequestError(400, "format must be json")
