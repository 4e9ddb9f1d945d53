"""Rows for the forms of a reply in protocol §3: what the same outcome looks like under each flag."""

import re
from collections.abc import Mapping
from typing import Any

from tests.support.http.encodings import FORM, JSON, base64_form, in_query
from tests.support.wire_tables.row import OLD, Case, event, imported, stored

SECRET = ("Authorization", "<basic <secret>:>")
AUTHENTIC = (JSON, SECRET)
TEXT_REPLY = {"content-type": "text/plain; charset=utf-8"}
JSON_REPLY = {"content-type": "application/json"}
SCRIPT_REPLY = {"content-type": "text/javascript; charset=utf-8"}
FAILED = "some data points in the request failed validation"
GOOD, BAD = event(), event(without=["distinct_id"], properties={"$insert_id": "id-2"})
NO_TOKEN = event(without=["token"])
REASON = "distinct_id, missing or empty"
SHOWN = (stored(),)
VERBOSE, VERBOSE_BAD = '{"error":null,"status":1}', f'{{"error":"{REASON}","status":0}}'
TRACK_ERROR_400 = re.compile(r'\{"error":"data, [^"]+","status":0\}')
PIXEL = re.compile("GIF89a\x01\x00\x01\x00.*;", re.DOTALL)


def track(name: str, flags: str, text: Any, reply: Any, shape: Mapping[str, str | None], **fields: Any) -> Case:
    """A row for /track with flags in the query; a good event among the records must be stored."""
    good = text is GOOD or (isinstance(text, list) and GOOD in text)
    fields = {"stored": SHOWN if good else ()} | fields
    return Case(name, "protocol §3", f"/track{flags}", text, reply=reply, reply_headers=shape, **fields)


TRACK_CASES = [
    track("plain success", "", GOOD, "1", TEXT_REPLY),
    track("plain success with verbose=0", "?verbose=0", GOOD, "1", TEXT_REPLY),
    track("plain success with an empty verbose", "?verbose=", GOOD, "1", TEXT_REPLY),
    track("plain bad data", "", BAD, "0", TEXT_REPLY),
    track("plain, one good among bad", "", [BAD, GOOD, NO_TOKEN], "1", TEXT_REPLY),
    track("plain, all bad", "", [BAD, NO_TOKEN], "0", TEXT_REPLY),
    track("verbose success", "?verbose=1", GOOD, VERBOSE, JSON_REPLY),
    track("verbose success with verbose=2", "?verbose=2", GOOD, VERBOSE, JSON_REPLY),
    track("verbose bad data", "?verbose=1", BAD, VERBOSE_BAD, JSON_REPLY),
    track("verbose, one good among bad", "?verbose=1", [BAD, GOOD], VERBOSE, JSON_REPLY),
    track(
        "verbose names the first reason",
        "?verbose=1",
        [NO_TOKEN, BAD],
        '{"error":"token, missing or empty","status":0}',
        JSON_REPLY,
    ),
    track("unknown token", "", event({"token": "0" * 32}), "0", TEXT_REPLY),
    track(
        "unknown token, verbose",
        "?verbose=1",
        event({"token": "0" * 32}),
        '{"error":"token, unknown","status":0}',
        JSON_REPLY,
    ),
    track("not json", "", '{"event":', "0", TEXT_REPLY),
    track("not json, verbose", "?verbose=1", '{"event":', TRACK_ERROR_400, JSON_REPLY),
    track("empty body", "", "", "0", TEXT_REPLY),
    track("empty body, verbose", "?verbose=1", "", '{"error":"data, missing or empty","status":0}', JSON_REPLY),
    track("empty array, verbose", "?verbose=1", "[]", '{"error":"data, missing or empty","status":0}', JSON_REPLY),
    track("broken base64", "", "data=a*b", "0", TEXT_REPLY, headers=(FORM,)),
    track("broken base64, verbose", "?verbose=1", "data=a*b", TRACK_ERROR_400, JSON_REPLY, headers=(FORM,)),
    track("cut gzip", "", b"\x1f\x8b\x08\x00\x00\x00", "0", TEXT_REPLY, headers=(JSON, ("Content-Encoding", "gzip"))),
    track(
        "not gzip, verbose",
        "?verbose=1",
        "hello",
        TRACK_ERROR_400,
        JSON_REPLY,
        headers=(JSON, ("Content-Encoding", "gzip")),
    ),
    track("pixel success", "?img=1", GOOD, PIXEL, {"content-type": "image/gif"}),
    track("pixel bad data", "?img=1", BAD, PIXEL, {"content-type": "image/gif"}),
    track("pixel not json", "?img=1", "{", PIXEL, {"content-type": "image/gif"}),
    track("callback success", "?callback=app.done_$1", GOOD, "app.done_$1(1);", SCRIPT_REPLY),
    track("callback bad data", "?callback=f", BAD, "f(0);", SCRIPT_REPLY),
    track("callback verbose", "?callback=f&verbose=1", GOOD, f"f({VERBOSE});", SCRIPT_REPLY),
    track("callback verbose bad data", "?callback=f&verbose=1", BAD, f"f({VERBOSE_BAD});", SCRIPT_REPLY),
    track("callback with a bad name", "?callback=alert(1)//", GOOD, "1", TEXT_REPLY),
    track(
        "redirect",
        "?redirect=https%3A%2F%2Fexample.com%2Fnext%3Fa%3D1",
        GOOD,
        "",
        {"location": "https://example.com/next?a=1"},
        status=302,
    ),
    track("redirect to another host", "?redirect=https%3A%2F%2Fexample.org%2F", GOOD, "1", {"location": None}),
    track("redirect to a script", "?redirect=javascript%3Aalert(1)", GOOD, "1", {"location": None}),
    track(
        "redirect with credentials before the host",
        "?redirect=https%3A%2F%2Fexample.com%40example.org%2F",
        GOOD,
        "1",
        {"location": None},
    ),
    track(
        "redirect that would end the header",
        "?redirect=https%3A%2F%2Fexample.com%2F%0D%0ASet-Cookie%3Aa%3Db",
        GOOD,
        "1",
        {"location": None, "set-cookie": None},
    ),
    track("flags in the form", "", GOOD, VERBOSE, JSON_REPLY, encoding=base64_form("&verbose=1"), headers=(FORM,)),
    track(
        "callback in the form", "", GOOD, "f(1);", SCRIPT_REPLY, encoding=base64_form("&callback=f"), headers=(FORM,)
    ),
    track("trailing slash", "/", GOOD, "1", TEXT_REPLY),
    track("trailing slash verbose", "/?verbose=1&ip=1&_=1700000000", GOOD, VERBOSE, JSON_REPLY),
]

OLD_GOOD = event({"time": OLD})
NO_TIME, BAD_ID = event(without=["time"]), event({"time": OLD, "$insert_id": "no good!"})
NO_USER = event({"time": OLD}, without=["distinct_id"])
MUST_TIME = "'properties.time' is invalid: must not be missing"
MUST_ID = "'$insert_id' is invalid: must only contain alphanumeric or hyphen '-' characters"
MUST_USER = "'properties.distinct_id' is invalid: must not be missing"
IMPORTED = (imported({"time": OLD}),)


def failed(index: int, insert_id: str, field: str, message: str) -> str:
    """One element of `failed_records`."""
    ids = f'"insert_id":"{insert_id}","$insert_id":"{insert_id}"'
    return f'{{"index":{index},{ids},"field":"{field}","message":"{message}"}}'


def invalid(imported_count: int, *records: str) -> str:
    """The body of a strict 400."""
    return (
        f'{{"code":400,"error":"{FAILED}","failed_records":[{",".join(records)}],'
        f'"num_records_imported":{imported_count},"status":"Bad Request"}}'
    )


def import_(name: str, flags: str, text: Any, reply: Any, status: int = 200, **fields: Any) -> Case:
    """A row for /import with the secret; `OLD_GOOD` among the records must be stored."""
    good = text is OLD_GOOD or (isinstance(text, list) and OLD_GOOD in text)
    fields = {"stored": IMPORTED if good else ()} | fields
    return Case(name, "protocol §3", f"/import{flags}", text, headers=AUTHENTIC, status=status, reply=reply, **fields)


def verbose(count: int, *, good: bool) -> str:
    """The verbose form of an import's reply."""
    error = "null" if good else f'"{FAILED}"'
    return f'{{"code":200,"error":{error},"num_records_imported":{count},"status":{1 if good else 0}}}'


OK = '{"code":200,"num_records_imported":1,"status":"OK"}'
IMPORT_CASES = [
    import_("import plain", "", OLD_GOOD, "1", reply_headers=TEXT_REPLY),
    import_("import strict=0", "?strict=0", OLD_GOOD, "1"),
    import_("import plain bad data", "", NO_USER, "0", reply_headers=TEXT_REPLY),
    import_("import plain, one good among bad", "", [NO_USER, OLD_GOOD], "1"),
    import_("import verbose", "?verbose=1", OLD_GOOD, verbose(1, good=True), reply_headers=JSON_REPLY),
    import_("import strict=0 verbose", "?strict=0&verbose=1", OLD_GOOD, verbose(1, good=True)),
    import_("import strict=0 verbose bad data", "?strict=0&verbose=1", NO_USER, verbose(0, good=False)),
    import_("import strict=0 verbose, some bad", "?strict=0&verbose=1", [NO_USER, OLD_GOOD], verbose(1, good=False)),
    import_("import strict", "?strict=1", OLD_GOOD, OK, reply_headers=JSON_REPLY),
    import_("import strict verbose", "?strict=1&verbose=1", OLD_GOOD, verbose(1, good=True)),
    import_(
        "import strict, some bad",
        "?strict=1",
        [NO_TIME, OLD_GOOD, BAD_ID, NO_USER],
        invalid(
            1,
            failed(0, "id-1", "properties.time", MUST_TIME),
            failed(2, "no good!", "$insert_id", MUST_ID),
            failed(3, "id-1", "properties.distinct_id", MUST_USER),
        ),
        400,
        reply_headers=JSON_REPLY,
    ),
    import_(
        "import strict verbose, bad",
        "?strict=1&verbose=1",
        NO_TIME,
        invalid(0, failed(0, "id-1", "properties.time", MUST_TIME)),
        400,
    ),
    import_("import callback strict", "?strict=1&callback=f", OLD_GOOD, f"f({OK});", reply_headers=SCRIPT_REPLY),
]

PIXEL_BY_GET = Case(
    "pixel by get with data in the query",
    "e-mail pixels",
    in_query("/track", "img=1&ip=1&"),
    GOOD,
    method="GET",
    headers=(),
    reply=PIXEL,
    reply_headers={"content-type": "image/gif"},
    stored=SHOWN,
)
CASES = [*TRACK_CASES, *IMPORT_CASES, PIXEL_BY_GET]
