"""Rows for requests that are refused as a whole (protocol §1 and §3): credentials, limits, paths and methods."""

import re
from collections.abc import Mapping
from typing import Any

from tests.support.http.encodings import FORM, GZIP, JSON, NDJSON, as_is, gzipped, raw_form
from tests.support.wire_tables.row import OLD, Case, compact, event, imported

GOOD = event({"time": OLD})
IMPORTED = (imported({"time": OLD}),)
OK = '{"code":200,"num_records_imported":1,"status":"OK"}'
SECRET = ("Authorization", "<basic <secret>:>")
CHALLENGE: Mapping[str, str | None] = {"www-authenticate": 'Basic realm="trackway", charset="UTF-8"'}


def refused(status: int, phrase: str, error: str) -> re.Pattern[str]:
    """The JSON body of a whole-request error; `error` is a pattern."""
    return re.compile(rf'\{{"code":{status},"error":"{error}","status":"{phrase}"\}}')


NOBODY = refused(401, "Unauthorized", "Invalid credentials")
NOT_AN_ACCOUNT = refused(401, "Unauthorized", "Not a valid service account username")
ANOTHER = refused(401, "Unauthorized", "Credentials in request did not match project_id URL parameter")


def accepted(name: str, source: str, header: str | None, target: str = "/import?strict=1", **fields: Any) -> Case:
    """A row for /import whose credentials are right."""
    headers = (JSON, *((("Authorization", header),) if header else ()))
    return Case(name, source, target, GOOD, reply=OK, stored=IMPORTED, **({"headers": headers} | fields))


def denied(name: str, header: str | None, reply: re.Pattern[str] = NOBODY, target: str = "/import?strict=1") -> Case:
    """A row for /import whose credentials are not."""
    headers = (JSON, *((("Authorization", header),) if header is not None else ()))
    return Case(name, "§1", target, GOOD, headers=headers, status=401, reply=reply, reply_headers=CHALLENGE)


CREDENTIALS = [
    accepted("secret as user name", "[M]", "<basic <secret>:>"),
    accepted("secret without colon", "hand-written", "<basic <secret>>"),
    accepted("token as user name", "documented", "<basic <token>:>"),
    accepted("scheme in lower case", "proxies", "basic <secret>:"),
    accepted("not base64", "documented", "Basic <secret>:"),
    accepted("right project_id", "documented", "<basic <secret>:>", "/import?strict=1&project_id=<id>"),
    accepted("empty project_id", "documented", "<basic <secret>:>", "/import?strict=1&project_id="),
    accepted(
        "api_key in the form beside Basic",
        "Python",
        None,
        encoding=raw_form("&api_key=anything"),
        headers=(FORM, SECRET),
    ),
    denied("no credentials", None),
    denied("no credentials, not strict", None, target="/import"),
    denied("empty credentials", ""),
    denied("empty user name", "<basic :>"),
    denied("another scheme", "Bearer <secret>"),
    denied("not base64 and no colon", "Basic ***"),
    denied("unknown user name", "<basic 00000000000000000000000000000000:>"),
    denied("secret cut short", "<basic deadbeef:>"),
    denied("secret in the password", "<basic :<secret>>"),
    denied("unknown service account", "<basic someone.1234:password>", NOT_AN_ACCOUNT, "/import?project_id=<id>"),
    denied("project_id of another", "<basic <secret>:>", ANOTHER, "/import?strict=1&project_id=999999"),
    denied("project_id not a number", "<basic <secret>:>", ANOTHER, "/import?strict=1&project_id=<id>x"),
    denied("token and project_id of another", "<basic <token>:>", ANOTHER, "/import?project_id=999999"),
]


def bad_body(name: str, text: str | bytes, error: str, **fields: Any) -> Case:
    """A row for /import whose body cannot be read: 400, whatever the flags."""
    fields = {"headers": (JSON, SECRET), "target": "/import?strict=1"} | fields
    body = refused(400, "Bad Request", error)
    return Case(name, "protocol §3", text=text, status=400, reply=body, **fields)


PACKED = (JSON, GZIP, SECRET)
BODIES = [
    bad_body("import empty body", "", "data, missing or empty"),
    bad_body("import blank body", " \n", "data, missing or empty"),
    bad_body("import empty array", "[]", "data, missing or empty"),
    bad_body("import empty ndjson", "\n\n", "data, missing or empty", headers=(NDJSON, SECRET)),
    bad_body("import cut json", '[{"event":"a","properties":{"x":1', r"data, not valid JSON: [^\"]*at byte \d+"),
    bad_body("import cut json, not strict", '[{"event"', r"data, not valid JSON: [^\"]*at byte \d+", target="/import"),
    bad_body("import json with text behind", "[] x", r"data, not valid JSON: [^\"]*at byte 3"),
    bad_body("import NaN", '[{"event":"a","properties":{"x":NaN}}]', r"data, not valid JSON: [^\"]*"),
    bad_body("import Infinity", '[{"event":"a","properties":{"x":-Infinity}}]', r"data, not valid JSON: [^\"]*"),
    bad_body("import single quotes", "[{'event':'a'}]", r"data, not valid JSON: [^\"]*at byte \d+"),
    bad_body("import number", "17", "data, .*"),
    bad_body("import words", "hello", "data, .*"),
    bad_body("import bad line", compact(GOOD) + '\n{"event":', "data, not valid JSON.*", headers=(NDJSON, SECRET)),
    bad_body("import broken base64", "data=a*b", r"data, not valid base64[^\"]*at byte 1", headers=(FORM, SECRET)),
    bad_body("import base64 of no json", "data=aGVsbG8=", "data, .*", headers=(FORM, SECRET)),
    bad_body("import not gzip", "words, and no gzip", r"data, not valid gzip[^\"]*at byte 0[^\"]*", headers=PACKED),
    bad_body("import cut gzip", gzipped()(b"[]" * 99)[:20], r"data, not valid gzip[^\"]*byte \d+", headers=PACKED),
    bad_body("import gzip checksum", gzipped()(b"[{}]")[:-8] + bytes(8), r"data, not valid gzip.*", headers=PACKED),
    bad_body("import brotli", b"\x0b\x02", ".*gzip.*", headers=(JSON, ("Content-Encoding", "br"), SECRET)),
]

TOO_MANY = compact([event({"time": OLD, "$insert_id": f"id-{number}"}) for number in range(2001)])
TOO_MANY_LINES = "\n".join(compact(GOOD) for _ in range(2001))
TINY_BOMB = "[" + "{}," * 200_000 + "{}]"
# 300 properties of 8 kB: beyond 2 MB an event; the server may not have looked at the number of properties first.
TOO_LARGE = compact([event({"time": OLD, **{f"p{number}": "x" * 8000 for number in range(300)}})])
LIMIT_2000 = refused(413, "Request Entity Too Large", "request exceeds max limit of 2000 .*")
LIMIT_2_MB = refused(413, "Request Entity Too Large", "request exceeds max limit of 2097152 bytes.*")
LIMIT_BODY = refused(413, "Request Entity Too Large", "request exceeds max limit of 33554432 bytes.*")
AUTHENTIC, LINES, BOMB = (JSON, SECRET), (NDJSON, SECRET), gzipped()(b"[" + b" " * 40_000_000 + b"]")


def too_large(name: str, target: str, text: str | bytes, headers: Any, reply: str | re.Pattern[str]) -> Case:
    """A row over one of the limits: 413, and nothing of it stored."""
    return Case(name, "protocol §3, §9", target, text, as_is, headers=headers, status=413, reply=reply)


LIMITS = [
    too_large("import 2001 events", "/import?strict=1", TOO_MANY, AUTHENTIC, LIMIT_2000),
    too_large("import 2001 events, not strict", "/import", TOO_MANY, AUTHENTIC, LIMIT_2000),
    too_large("import 2001 lines", "/import?strict=1", TOO_MANY_LINES, LINES, LIMIT_2000),
    too_large("import 200001 empty objects", "/import?strict=1", TINY_BOMB, AUTHENTIC, LIMIT_2000),
    too_large("import one event over 2 MB", "/import?strict=1", TOO_LARGE, AUTHENTIC, LIMIT_2_MB),
    too_large("import gzip bomb", "/import?strict=1", BOMB, (JSON, GZIP, SECRET), LIMIT_BODY),
    too_large("track 2001 events", "/track", TOO_MANY, (JSON,), "0"),
    too_large("track 2001 events, verbose", "/track?verbose=1", TOO_MANY, (JSON,), LIMIT_2000),
    too_large("track one event over 2 MB", "/track", TOO_LARGE, (JSON,), "0"),
    too_large("track gzip bomb", "/track", BOMB, (JSON, GZIP), "0"),
    too_large("track body over the limit", "/track?verbose=1", b" " * 33_554_433, (JSON,), LIMIT_BODY),
]


def unknown(target: str, method: str = "GET", status: int = 404, phrase: str = "Not Found", **headers: Any) -> Case:
    """A row for a path or method the server does not have."""
    body = refused(status, phrase, '[^"]+')
    name = f"{method} {target} is {status}"
    return Case(name, "protocol §3", target, method=method, headers=(), status=status, reply=body, **headers)


def wrong_method(target: str, method: str, allow: str) -> Case:
    """A row for a path that does not take the method."""
    return unknown(target, method, 405, "Method Not Allowed", reply_headers={"allow": allow})


PATHS = [
    unknown("/index.html"),
    unknown("/nothing"),
    unknown("/nothing", "POST"),
    unknown("/tracker", "POST"),
    unknown("/track/more", "POST"),
    unknown("/TRACK", "POST"),
    unknown("/api/2.0/nothing"),
    unknown("/import/../track", "POST"),
    wrong_method("/track", "PUT", "GET, POST, OPTIONS"),
    wrong_method("/track", "DELETE", "GET, POST, OPTIONS"),
    wrong_method("/import", "PUT", "GET, POST, OPTIONS"),
    wrong_method("/api/2.0/export", "POST", "GET, OPTIONS"),
    wrong_method("/api/2.0/export/", "DELETE", "GET, OPTIONS"),
]

CASES = [*CREDENTIALS, *BODIES, *LIMITS, *PATHS]
