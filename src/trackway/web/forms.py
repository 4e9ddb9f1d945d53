"""What a form brings: a bounded body as fields, and the proof that it was one of our own pages that sent it.

Two things must hold for any POST: the browser says that a page of this server made it, and it carries the token that
only pages of this session know. Either alone would do; together, one may have a hole.
"""

import hmac
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from trackway.edge.http import InFlight, check_length, read_body
from trackway.errors import RequestError
from trackway.limits import WEB_FORM_FIELDS_MAX

CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "x-csrf-token"
_FORM: Final = "application/x-www-form-urlencoded"
_AGAIN: Final = "open the page again, and send it there"


async def read_form(request: Request, bytes_max: int, in_flight: InFlight) -> FormData:
    """The fields of a body. Raises RequestError 413 when it is too large, 415 or 400 when it is no form."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise RequestError(415, f"content-type must be {_FORM}")
    check_length(request.scope, bytes_max)
    body = await read_body(request.receive, bytes_max, in_flight)
    try:
        pairs: list[tuple[str, str | UploadFile]] = []
        pairs += parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=WEB_FORM_FIELDS_MAX)
        return FormData(pairs)
    except ValueError as error:  # UnicodeDecodeError, and too many fields
        raise RequestError(400, f"form must be utf8, of {WEB_FORM_FIELDS_MAX} fields at most") from error
    finally:
        in_flight.give(len(body))


def text(form: FormData, name: str) -> str:
    """A field's text, its lines ended by a newline alone; empty when it is not there."""
    value = form.get(name, "")
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""


def check_origin(request: Request) -> None:
    """Raise RequestError 403 unless the browser says that a page of this server sent the request.

    `Sec-Fetch-Site`, where there is one, holds behind any proxy; else the `Origin` must be the host that was asked.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    own = origin.partition("://")[2].lower() == request.headers.get("host", "").lower() != ""
    if not (own if site is None else site == "same-origin"):
        raise RequestError(403, f"this form was not sent from a page of this server: {_AGAIN}")


def check_csrf(request: Request, form: FormData, csrf: str) -> None:
    """Raise RequestError 403 unless the form, or the request's header, carries the session's token."""
    given = request.headers.get(CSRF_HEADER) or text(form, CSRF_FIELD)
    if not hmac.compare_digest(given.encode(), csrf.encode()):
        raise RequestError(403, f"this form is of another session: {_AGAIN}")
