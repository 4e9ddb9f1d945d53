"""Forms: a bounded body as fields, and the proof that one of our own pages sent it.

Two conditions hold for every POST. The browser says that a page of this server sent it, and it has the token that only
pages of this session have. Each alone would be enough. Together they protect even if one has a hole.
"""

import hmac
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from trackway.domain.errors import RequestError
from trackway.edge.quotas.in_flight import InFlight, read_body
from trackway.edge.wire.asgi import check_length
from trackway.web.limits import WEB_FORM_FIELDS_MAX

CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "x-csrf-token"
_FORM: Final = "application/x-www-form-urlencoded"
_AGAIN: Final = "open the page again, and send it there"


async def read_form(request: Request, bytes_max: int, in_flight: InFlight) -> FormData:
    """The fields of a body. Raises RequestError 413 for a body that is too large, 415 or 400 for other than a form."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise RequestError(415, f"content-type must be {_FORM}")
    check_length(request.scope, bytes_max)
    with in_flight.claim(request.scope, known=False) as claim:
        body = await read_body(request.receive, bytes_max, claim)
    try:
        pairs: list[tuple[str, str | UploadFile]] = []
        pairs += parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=WEB_FORM_FIELDS_MAX)
        return FormData(pairs)
    except ValueError as error:  # UnicodeDecodeError, and too many fields
        raise RequestError(400, f"form must be utf8, of {WEB_FORM_FIELDS_MAX} fields at most") from error


def text(form: FormData, name: str) -> str:
    """A field's text, with newlines alone as line ends. Empty when the field is missing."""
    value = form.get(name, "")
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""


def check_origin(request: Request) -> None:
    """Raise RequestError 403 unless the browser says that a page of this server sent the request.

    `Sec-Fetch-Site`, where it is present, is right behind any proxy. Else the `Origin` must be the requested host.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    own = origin.partition("://")[2].lower() == request.headers.get("host", "").lower() != ""
    if not (own if site is None else site == "same-origin"):
        raise RequestError(403, f"this form was not sent from a page of this server: {_AGAIN}")


def check_csrf(request: Request, form: FormData, csrf: str) -> None:
    """Raise RequestError 403 unless the form, or the request's header, has the session's token."""
    given = request.headers.get(CSRF_HEADER) or text(form, CSRF_FIELD)
    if not hmac.compare_digest(given.encode(), csrf.encode()):
        raise RequestError(403, f"this form is of another session: {_AGAIN}")
