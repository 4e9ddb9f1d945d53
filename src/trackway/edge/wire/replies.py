"""The replies. Each is a pure function of (endpoint, flags, outcomes). No other module has the text of one.

Bodies are exact to the byte, keys in this order, no newline (protocol §3).
"""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

import orjson

from trackway.domain.endpoint import Endpoint
from trackway.domain.errors import RequestError
from trackway.ingest.outcome import Failure, Ingested
from trackway.lookup.csv_table import Failure as LookupFailure

Headers = tuple[tuple[bytes, bytes], ...]

TEXT = b"text/plain; charset=utf-8"
JSON = b"application/json"
CSV = b"text/csv; charset=utf-8"
JAVASCRIPT = b"text/javascript; charset=utf-8"
GIF = b"image/gif"

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""A 1×1 transparent GIF."""

_CALLBACK = re.compile(r"[A-Za-z0-9_.$]{1,256}")
_SOME_FAILED = "some data points in the request failed validation"


class Reply(NamedTuple):
    """A whole HTTP reply. `headers` come on top of content-type and content-length."""

    status: int
    content_type: bytes
    body: bytes
    headers: Headers = ()


class Flags(NamedTuple):
    """The form of the reply. `strict` is False where the parameter is absent."""

    verbose: bool = False
    strict: bool = False
    img: bool = False
    callback: str = ""
    redirect: str = ""


NO_FLAGS = Flags()
OK = Reply(200, TEXT, b"1")
BAD = Reply(200, TEXT, b"0")
LOOKUP_DONE = Reply(200, JSON, b'{"code":200,"status":"OK"}')
VERBOSE_OK = Reply(200, JSON, b'{"error":null,"status":1}')


def read_flags(parameters: Mapping[str, str], redirect_hosts: Sequence[str]) -> Flags:
    """The flags of a request. A callback or a redirect that is not allowed is treated as absent."""
    if not parameters:
        return NO_FLAGS
    callback, redirect = parameters.get("callback", ""), parameters.get("redirect", "")
    return Flags(
        verbose=parameters.get("verbose", "0") not in ("", "0"),
        strict=parameters.get("strict", "0") not in ("", "0"),
        img=parameters.get("img", "0") not in ("", "0"),
        callback=callback if _CALLBACK.fullmatch(callback) else "",
        redirect=redirect if redirect and _may_redirect(redirect, redirect_hosts) else "",
    )


def _may_redirect(url: str, hosts: Sequence[str]) -> bool:
    """http or https, to a host the operator allows, and nothing that could end the header."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and parts.hostname in hosts
    except ValueError:
        return False


def records_reply(endpoint: Endpoint, flags: Flags, ingested: Ingested) -> Reply:
    """The reply to a request whose records were judged and made durable."""
    if endpoint is Endpoint.IMPORT or (flags.strict and endpoint.takes_profiles):
        return _dressed(_import_reply(endpoint, flags, ingested), flags)
    if ingested.imported:
        return accepted_reply(flags)
    reason = ingested.failures[0].message
    return _dressed(_json(200, {"error": reason, "status": 0}) if flags.verbose else BAD, flags)


def accepted_reply(flags: Flags) -> Reply:
    """The reply of `/track` when a record was accepted."""
    return _dressed(VERBOSE_OK if flags.verbose else OK, flags)


def _import_reply(endpoint: Endpoint, flags: Flags, ingested: Ingested) -> Reply:
    imported, failed = ingested.imported, bool(ingested.failures)
    if flags.strict and failed:
        return _strict_invalid(ingested)
    if flags.strict and flags.verbose and endpoint.takes_profiles:
        counted = {"num_good_events": imported, "num_records_imported": imported}
        return _json(200, {"code": 200, **counted, "status": "OK"})
    if flags.strict and not flags.verbose:
        return _json(200, {"code": 200, "num_records_imported": imported, "status": "OK"})
    if flags.verbose:
        error = _SOME_FAILED if failed else None
        status = 0 if failed else 1
        return _json(200, {"code": 200, "error": error, "num_records_imported": imported, "status": status})
    return OK if imported else BAD


def _strict_invalid(ingested: Ingested) -> Reply:
    body = {
        "code": 400,
        "error": _SOME_FAILED,
        "failed_records": [_failed_record(failure) for failure in ingested.failures],
        "num_records_imported": ingested.imported,
        "status": "Bad Request",
    }
    return _json(400, body)


def _failed_record(failure: Failure) -> dict[str, object]:
    """Some clients read `insert_id`, some `$insert_id` (protocol §3)."""
    return {
        "index": failure.index,
        "insert_id": failure.insert_id,
        "$insert_id": failure.insert_id,
        "field": failure.field,
        "message": failure.message,
    }


def lookup_tables_reply(tables: Iterable[tuple[str, str]]) -> Reply:
    """Lookup tables by id and name (openapi/ingestion LookupTableList)."""
    results = [{"id": table_id, "name": name} for table_id, name in tables]
    return _json(200, {"code": 200, "status": "OK", "results": results})


def invalid_lookup_reply(failures: Iterable[LookupFailure]) -> Reply:
    """The faults of a lookup table, as documented (openapi/ingestion LookupTableInvalid)."""
    failed = [{"index": failure.row, "message": failure.message} for failure in failures]
    error = "Some data points in the request failed validation."
    return _json(400, {"code": 400, "error": error, "status": "Bad Request", "failed_records": failed})


def error_reply(error: RequestError, flags: Flags = NO_FLAGS, *, plain: bool = False) -> Reply:
    """The reply to a request that was refused as a whole. `plain`: the client is an SDK that reads only `1` and `0`."""
    headers: Headers = ()
    if error.retry_after_s is not None:
        headers += ((b"retry-after", str(error.retry_after_s).encode()),)
    if error.allow is not None:
        headers += ((b"allow", error.allow.encode()),)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers += ((b"www-authenticate", b'Basic realm="trackway", charset="UTF-8"'),)
    if plain and not flags.verbose and not flags.strict:
        return _dressed(Reply(error.status, TEXT, b"0", headers), flags)
    # The protocol's name for 413, which newer editions of the RFC call otherwise.
    phrase = "Request Entity Too Large" if error.status == 413 else HTTPStatus(error.status).phrase
    body = {"code": error.status, "error": error.message, "status": phrase}
    return _dressed(_json(error.status, body)._replace(headers=headers), flags)


def _json(status: int, body: object) -> Reply:
    return Reply(status, JSON, orjson.dumps(body))


def _dressed(reply: Reply, flags: Flags) -> Reply:
    """The same reply as a pixel, a redirect or a script call, where the flags say so."""
    if flags.img:
        return Reply(200, GIF, PIXEL, ((b"cache-control", b"no-cache, no-store, private"),))
    if flags.redirect:
        return Reply(302, TEXT, b"", ((b"location", flags.redirect.encode()), (b"cache-control", b"no-store")))
    if flags.callback:
        body = b"%b(%b);" % (flags.callback.encode(), reply.body)
        nosniff = ((b"x-content-type-options", b"nosniff"),)
        return Reply(reply.status, JAVASCRIPT, body, reply.headers + nosniff)
    return reply
