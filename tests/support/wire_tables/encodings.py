"""Rows for protocol §2: every encoding a client may choose, with the text that is hardest for each.

The text holds what encodings get wrong: `+ / = & %`, blanks, characters beyond ASCII and beyond the basic plane.
"""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from tests.support.http.encodings import (
    FORM,
    GZIP,
    JSON,
    MULTIPART,
    NDJSON,
    Encoding,
    as_is,
    bare_base64_form,
    base64_form,
    gzipped,
    in_query,
    marked,
    multipart_form,
    raw_form,
    urlsafe_base64_form,
    wrapped_base64_form,
)
from tests.support.wire_tables.row import OLD, Case, compact, event, stored

SECRET = ("Authorization", "<basic <secret>:>")
FORM_CHARSET = ("Content-Type", "application/x-www-form-urlencoded;charset=utf8")
VERBOSE = '{"error":null,"status":1}'
# Question marks and tildes make both `+` and `/` appear in the base64, at each of the three alignments.
AWKWARD = {"plan": "pro+ / 100% = ü ✓ 😀", "tags": ["a&b", "c=d", "x?>?>~~~"], "odd": "~?~?>>", "odder": ">>>???~~~"}
UNESCAPED = (
    '{"event":"signed up","properties":{"token":"<token>","time":"<now-60>","distinct_id":"üser ✓","a":"?>~😀"}}'
)
UNESCAPED_SHOWN = (stored({"distinct_id": "üser ✓", "$insert_id": "<generated>", "a": "?>~😀"}),)


def awkward(number: int, **changes: Any) -> dict[str, Any]:
    """An event whose base64 holds `+` and `/`, the `number`th of its request."""
    return event({"$insert_id": f"id-{number}", "row": number, **AWKWARD, **changes})


def shown(number: int, endpoint: str = "/track", **changes: Any) -> dict[str, Any]:
    """Its exported line."""
    return stored({"$insert_id": f"id-{number}", "row": number, **AWKWARD, **changes}, endpoint=endpoint)


ONE, TWO = compact(awkward(1)), compact([awkward(1), awkward(2)])
OLD_ONE, OLD_TWO = compact(awkward(1, time=OLD)), compact([awkward(1, time=OLD), awkward(2, time=OLD)])
OLD_LINES = "\n".join(compact(awkward(number, time=OLD)) for number in (1, 2))
SHOWN = {ONE: (shown(1),), TWO: (shown(1), shown(2)), UNESCAPED: UNESCAPED_SHOWN}


def track(
    name: str,
    source: str,
    encoding: Encoding = as_is,
    headers: tuple[tuple[str, str], ...] = (),
    text: str = TWO,
    *,
    target: str | Callable[[bytes], str] = "/track",
    lines: tuple[dict[str, Any], ...] | None = None,
    **fields: Any,
) -> Case:
    """A row for /track that must be stored whole."""
    lines = SHOWN[text] if lines is None else lines
    return Case(name, source, target, text, encoding, headers=headers, stored=lines, **fields)


def import_(
    name: str,
    source: str,
    encoding: Encoding = as_is,
    headers: tuple[tuple[str, str], ...] = (),
    text: str = OLD_TWO,
    *,
    target: str | Callable[[bytes], str] = "/import?strict=1",
    **fields: Any,
) -> Case:
    """A row for /import, with the project's secret, that must be stored whole."""
    count = 1 if text == OLD_ONE else 2
    fields = {"reply": f'{{"code":200,"num_records_imported":{count},"status":"OK"}}'} | fields
    lines = tuple(shown(number, "/import", time=OLD) for number in range(1, count + 1))
    return Case(name, source, target, text, encoding, headers=(*headers, SECRET), stored=lines, **fields)


JSON_CASES = [
    track("json object", "documented cURL example", as_is, (JSON,), ONE),
    track("json array", "Go, Swift", as_is, (JSON,)),
    track("json with charset", "fetch", as_is, (("Content-Type", "application/json; charset=utf-8"),), ONE),
    track("json type in capitals", "proxies", as_is, (("CONTENT-TYPE", "Application/JSON"),), ONE),
    track("json utf-8 unescaped", "Go, Swift", as_is, (JSON,), UNESCAPED),
    track("json with blanks around", "hand-written", lambda text: b" \r\n\t" + text + b"\n ", (JSON,)),
    track("json gzip", "Swift", gzipped(), (JSON, GZIP), target="/track/?ip=1"),
    track("json gzip in capitals", "proxies", gzipped(), (JSON, ("content-encoding", "GZIP"))),
    track("json gzip in two members", "tools", lambda text: gzipped()(text[:9]) + gzipped()(text[9:]), (JSON, GZIP)),
    track("json gzip chunked", "Go", gzipped(), (JSON, GZIP), chunk_bytes=7),
    track("json chunked", "Go", as_is, (JSON,), chunk_bytes=11),
    track("json chunked byte by byte", "Go", as_is, (JSON,), ONE, chunk_bytes=1),
    track("json identity encoding", "proxies", as_is, (JSON, ("Content-Encoding", "identity")), ONE),
    Case(
        "json with unknown top-level keys",
        "browser",
        "/track",
        event(top={"$mp_metadata": {"$mp_event_id": "7"}, "x": 1}),
        stored=(stored(),),
    ),
]

PYTHON, PHP = raw_form("&verbose=1&ip=0"), bare_base64_form("&verbose=1")
FORM_CASES = [
    track("form raw json", "Python", PYTHON, (FORM,), ONE, reply=VERBOSE),
    track("form raw json array", "Python buffered", PYTHON, (FORM,), reply=VERBOSE),
    track("form raw json utf-8 unescaped", "Python", raw_form(), (FORM,), UNESCAPED),
    track("form base64", "Ruby", base64_form("&verbose=1"), (FORM,), ONE, reply=VERBOSE),
    track("form base64 array", "Android", base64_form(), (FORM,), target="/track/?ip=1"),
    track("form base64 with charset", "Java", base64_form(), (FORM_CHARSET,), target="/track?ip=0"),
    track("form bare base64", "Node batch", bare_base64_form(), (FORM,), target="/track?ip=0&verbose=0"),
    track("form bare base64 verbose", "PHP", PHP, (FORM,), target="/track?ip=0", reply=VERBOSE),
    track("form url-safe base64", "hand-written", urlsafe_base64_form, (FORM,)),
    track("form base64 in lines", "Ruby's Base64.encode64", wrapped_base64_form, (FORM,)),
    track("form data last", "hand-written", base64_form("", "verbose=1&ip=0&"), (FORM,), reply=VERBOSE),
    track("form test flag", "Node test mode", base64_form("&test=1"), (FORM,)),
    track("form gzip", "Java", gzipped(base64_form()), (FORM, GZIP), target="/track?ip=0"),
    track("form gzip verbose", "Android", gzipped(base64_form("&verbose=1")), (FORM, GZIP), reply=VERBOSE),
    track("form chunked", "Java", base64_form(), (FORM,), chunk_bytes=13),
    track("sniffed json object", "no content type", text=ONE),
    track("sniffed json array", "no content type"),
    track("sniffed form base64", "no content type", base64_form()),
    track("sniffed form raw json", "no content type", raw_form()),
    track("json sent as a form", "curl -d", as_is, (FORM,)),
    track("json sent as octets", "wrong content type", as_is, (("Content-Type", "application/octet-stream"),)),
    track("form sent as json", "wrong content type", base64_form(), (JSON,)),
    track("form in parts", "curl -F", multipart_form(), (MULTIPART,)),
    track("form in parts, verbose", "PHP", multipart_form(b64encode, verbose="1"), (MULTIPART,), reply=VERBOSE),
    track("form in parts, gzip", "tools", gzipped(multipart_form()), (MULTIPART, GZIP)),
    track("json called gzip", "a proxy unpacked it", as_is, (JSON, GZIP)),
    track("form called gzip", "a proxy unpacked it", base64_form(), (FORM, GZIP)),
    track("json behind a mark", ".NET", marked(), (JSON,)),
    track("form raw json behind a mark", ".NET", marked(raw_form()), (FORM,)),
    track("form base64 behind a mark", ".NET", marked(base64_form()), (FORM,)),
    track("post with data in the query", "hand-written", lambda _text: b"", target=in_query("/track")),
]

GET_CASES = [
    track("get base64", "Node", text=ONE, target=in_query("/track", "ip=0&verbose=0&"), method="GET"),
    track("get base64 verbose", "Node", target=in_query("/track", "ip=0&verbose=1&"), method="GET", reply=VERBOSE),
    track("get bare base64", "pixels", target=in_query("/track", "", "bare base64"), method="GET"),
    track("get url-safe base64", "pixels", target=in_query("/track/", "ip=1&", "urlsafe"), method="GET"),
    track("get url-safe unpadded", "pixels", text=ONE, target=in_query("/track", "", "urlsafe unpadded"), method="GET"),
    track("get raw json", "pixels", target=in_query("/track", "", "raw"), method="GET"),
]

PYTHON_OK = '{"code":200,"error":null,"num_records_imported":1,"status":1}'
IMPORT_CASES = [
    import_("import json", "documented Python example", as_is, (JSON,)),
    import_("import json object", "hand-written", as_is, (JSON,), OLD_ONE),
    import_("import json gzip", "Go", gzipped(), (JSON, GZIP), target="/import?strict=1&project_id=<id>"),
    import_("import ndjson", "documented", as_is, (NDJSON,), OLD_LINES),
    import_("import ndjson ending in a newline", "tools", as_is, (NDJSON,), OLD_LINES + "\n"),
    import_("import ndjson blank and crlf", "tools", as_is, (NDJSON,), "\r\n" + OLD_LINES.replace("\n", "\r\n\r\n")),
    import_("import ndjson gzip", "tools", gzipped(), (NDJSON, GZIP), OLD_LINES),
    import_("import ndjson gzip chunked", "tools", gzipped(), (NDJSON, GZIP), OLD_LINES, chunk_bytes=17),
    import_("import form raw json", "Python", PYTHON, (FORM,), OLD_ONE, target="/import", reply=PYTHON_OK),
    import_("import form base64", "Java", base64_form(), (FORM,)),
    import_("import form bare base64", "Node batch", bare_base64_form(), (FORM,), target="/import?ip=0", reply="1"),
    import_("import form flags", "hand-written", base64_form("&strict=1"), (FORM,), target="/import"),
    import_("import get base64", "Node", text=OLD_ONE, target=in_query("/import", "ip=0&"), method="GET", reply="1"),
    import_("import form in parts", "curl -F", multipart_form(strict="1"), (MULTIPART,), target="/import"),
    import_("import json called gzip", "a proxy unpacked it", as_is, (JSON, GZIP)),
    import_("import sniffed", "no content type"),
    import_("import trailing slash", "SDKs", as_is, (JSON,), target="/import/?strict=1"),
]

CASES = JSON_CASES + FORM_CASES + GET_CASES + IMPORT_CASES
