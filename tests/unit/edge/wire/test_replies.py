"""The truth table of replies (protocol §3): endpoint × strict × verbose × outcomes, then as pixel, redirect, script."""

import itertools
import json
from collections import Counter

import pytest

from trackway.domain.endpoint import Endpoint
from trackway.domain.errors import RequestError
from trackway.edge.wire.replies import Flags, error_reply, read_flags, records_reply
from trackway.ingest.outcome import Failure, Ingested

TRACK, IMPORT, ENGAGE, GROUPS = Endpoint
SENTENCE = "'properties.time' is invalid: must not be missing"
FAILURES = [Failure(1, "id-1", "properties.time", SENTENCE), Failure(3, "", "event", 'no "event"')]


def ingested(accepted: int, ignored: int, failed: int) -> Ingested:
    failures = FAILURES[:failed]
    rejected = Counter(failure.message for failure in failures)
    return Ingested(accepted + ignored + failed, accepted, ignored, failures, rejected, b"")


GOOD, IGNORED = ingested(3, 0, 0), ingested(0, 1, 0)
MIXED, BAD, MIXED_IGNORED = ingested(2, 1, 2), ingested(0, 0, 1), ingested(0, 2, 1)
OUTCOMES = {"good": GOOD, "ignored": IGNORED, "mixed": MIXED, "mixed ignored": MIXED_IGNORED, "bad": BAD}

TEXT, JSON = b"text/plain; charset=utf-8", b"application/json"
FAILED = "some data points in the request failed validation"
FIRST = (
    '{"index":1,"insert_id":"id-1","$insert_id":"id-1","field":"properties.time",'
    '"message":"\'properties.time\' is invalid: must not be missing"}'
)
SECOND = '{"index":3,"insert_id":"","$insert_id":"","field":"event","message":"no \\"event\\""}'
TRACK_OK, TRACK_BAD = '{"error":null,"status":1}', f'{{"error":"{SENTENCE}","status":0}}'


def strict_ok(imported: int) -> str:
    return f'{{"code":200,"num_records_imported":{imported},"status":"OK"}}'


def counted_ok(imported: int) -> str:
    return f'{{"code":200,"num_good_events":{imported},"num_records_imported":{imported},"status":"OK"}}'


def strict_bad(imported: int, *records: str) -> str:
    failed = ",".join(records)
    return (
        f'{{"code":400,"error":"{FAILED}","failed_records":[{failed}],"num_records_imported":{imported},'
        '"status":"Bad Request"}'
    )


def verbose_ok(imported: int) -> str:
    return f'{{"code":200,"error":null,"num_records_imported":{imported},"status":1}}'


def verbose_bad(imported: int) -> str:
    return f'{{"code":200,"error":"{FAILED}","num_records_imported":{imported},"status":0}}'


# (endpoint, strict, verbose): for each outcome, the status and the body.
Row = dict[str, tuple[int, str]]
PLAIN: Row = {
    "good": (200, "1"),
    "ignored": (200, "1"),
    "mixed": (200, "1"),
    "mixed ignored": (200, "1"),
    "bad": (200, "0"),
}
TRACK_VERBOSE: Row = dict.fromkeys(OUTCOMES, (200, TRACK_OK)) | {"bad": (200, TRACK_BAD)}
STRICT_BAD: Row = {
    "mixed": (400, strict_bad(3, FIRST, SECOND)),
    "mixed ignored": (400, strict_bad(2, FIRST)),
    "bad": (400, strict_bad(0, FIRST)),
}
TABLE: dict[tuple[Endpoint, bool, bool], Row] = {
    (TRACK, False, False): PLAIN,
    (TRACK, True, False): PLAIN,
    (TRACK, False, True): TRACK_VERBOSE,
    (TRACK, True, True): TRACK_VERBOSE,
    (IMPORT, False, False): PLAIN,
    (IMPORT, True, False): STRICT_BAD | {"good": (200, strict_ok(3)), "ignored": (200, strict_ok(1))},
    (IMPORT, False, True): {
        "good": (200, verbose_ok(3)),
        "ignored": (200, verbose_ok(1)),
        "mixed": (200, verbose_bad(3)),
        "mixed ignored": (200, verbose_bad(2)),
        "bad": (200, verbose_bad(0)),
    },
    (IMPORT, True, True): STRICT_BAD | {"good": (200, verbose_ok(3)), "ignored": (200, verbose_ok(1))},
}
# Profiles are answered as events of /track are, and with strict=1 as those of /import; with both they are counted.
TABLE |= {
    (profiles, strict, verbose): TABLE[IMPORT if strict else TRACK, strict, verbose]
    for profiles in (ENGAGE, GROUPS)
    for strict in (False, True)
    for verbose in (False, True)
}
for key in ((ENGAGE, True, True), (GROUPS, True, True)):
    TABLE[key] = STRICT_BAD | {"good": (200, counted_ok(3)), "ignored": (200, counted_ok(1))}
CASES = [(key, name) for key in TABLE for name in OUTCOMES]


@pytest.mark.parametrize(
    ("key", "name"), CASES, ids=[f"{k[0].name} strict={k[1]} verbose={k[2]} {n}" for k, n in CASES]
)
def test_a_reply_is_exact_to_the_byte(key: tuple[Endpoint, bool, bool], name: str) -> None:
    endpoint, strict, verbose = key
    status, body = TABLE[key][name]
    flags = Flags(verbose=verbose, strict=strict)
    reply = records_reply(endpoint, flags, OUTCOMES[name])
    assert (reply.status, reply.body.decode()) == (status, body)
    assert reply.content_type == (TEXT if body in ("0", "1") else JSON)
    assert reply.headers == ()

    script = records_reply(endpoint, flags._replace(callback="a.b$_1"), OUTCOMES[name])
    assert (script.status, script.body.decode()) == (status, f"a.b$_1({body});")
    assert script.content_type == b"text/javascript; charset=utf-8"
    assert (b"x-content-type-options", b"nosniff") in script.headers

    for pixel_flags in (flags._replace(img=True), flags._replace(img=True, callback="f", redirect="https://x")):
        pixel = records_reply(endpoint, pixel_flags, OUTCOMES[name])
        assert (pixel.status, pixel.content_type, pixel.body[:6]) == (200, b"image/gif", b"GIF89a")
        assert int.from_bytes(pixel.body[6:8], "little") == int.from_bytes(pixel.body[8:10], "little") == 1

    for moved_flags in (flags._replace(redirect="https://x/y"), flags._replace(redirect="https://x/y", callback="f")):
        moved = records_reply(endpoint, moved_flags, OUTCOMES[name])
        assert (moved.status, moved.body) == (302, b"")
        assert (b"location", b"https://x/y") in moved.headers


SENTENCES: dict[int, str] = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    503: "Service Unavailable",
}


@pytest.mark.parametrize("status", SENTENCES)
@pytest.mark.parametrize(("verbose", "strict", "plain"), list(itertools.product([False, True], repeat=3)))
def test_a_refused_request_is_json_unless_a_plain_sdk_asks(
    status: int, verbose: bool, strict: bool, plain: bool
) -> None:
    error = RequestError(status, 'no "x"')
    flags = Flags(verbose=verbose, strict=strict)
    reply = error_reply(error, flags, plain=plain)
    assert reply.status == status
    if plain and not verbose and not strict:
        assert (reply.body, reply.content_type) == (b"0", TEXT)
    else:
        assert reply.content_type == JSON
        assert reply.body.decode() == f'{{"code":{status},"error":"no \\"x\\"","status":"{SENTENCES[status]}"}}'
    script = error_reply(error, flags._replace(callback="f"), plain=plain)
    assert (script.status, script.body) == (status, b"f(" + reply.body + b");")
    assert error_reply(error, flags._replace(img=True), plain=plain).content_type == b"image/gif"


def test_headers_of_a_refusal_are_told() -> None:
    limited = error_reply(RequestError(429, "slow down", retry_after_s=17))
    assert (b"retry-after", b"17") in limited.headers
    assert (b"retry-after", b"17") in error_reply(RequestError(429, "x", retry_after_s=17), Flags(callback="f")).headers
    assert (b"retry-after", b"5") in error_reply(RequestError(503, "x", retry_after_s=5), plain=True).headers
    assert (b"allow", b"POST") in error_reply(RequestError(405, "x", allow="POST")).headers
    assert any(name == b"www-authenticate" for name, _ in error_reply(RequestError(401, "x")).headers)


# Parameters and the flags they are.
FLAGS: list[tuple[dict[str, str], Flags]] = [
    ({}, Flags()),
    ({"ip": "1", "_": "2", "test": "1"}, Flags()),
    *(({"verbose": value}, Flags(verbose=True)) for value in ("1", "2", "true")),
    *(({"verbose": value}, Flags()) for value in ("0", "")),
    ({"strict": "1"}, Flags(strict=True)),
    ({"strict": "0"}, Flags()),
    ({"img": "1"}, Flags(img=True)),
    *(({"callback": name}, Flags(callback=name)) for name in ("f", "a.b_$1", "x" * 256)),
    *(({"callback": name}, Flags()) for name in ("", "f(", "f\n", "f;", "ü", "<script>", "x" * 257, "f g")),
    ({"redirect": "https://example.com/a?b=c#d"}, Flags(redirect="https://example.com/a?b=c#d")),
    ({"redirect": "http://EXAMPLE.com:8080"}, Flags(redirect="http://EXAMPLE.com:8080")),
    *(
        ({"redirect": url}, Flags())
        for url in [
            "",
            "/path",
            "//example.com",
            "example.com",
            "ftp://example.com",
            "javascript:alert(1)",
            "https://evil.com",
            "https://example.com.evil.com",
            "https://example.com@evil.com",
            "https://evil.com\\@example.com",
            "https://evil.com#@example.com",
            "https://evil.com?@example.com",
            "https://example.com/\r\nset-cookie: x",
            "https://example.com/\u0000",
            "https://example.com /",
            "https://[example.com",
            "https://example.com:port",
            "https://ex\xe4mple.com",
        ]
    ),
]


@pytest.mark.parametrize(("parameters", "flags"), FLAGS, ids=[repr(row[0])[:50] for row in FLAGS])
def test_flags_are_read_and_what_is_not_allowed_is_absent(parameters: dict[str, str], flags: Flags) -> None:
    found = read_flags(parameters, ["example.com"])
    if parameters.get("redirect") == "https://example.com:port":
        assert found.redirect in ("", "https://example.com:port")  # the host is the allowed one
    else:
        assert found == flags
    assert read_flags(parameters, []).redirect == ""


def test_a_verbose_reason_of_any_characters_is_json() -> None:
    failure = Failure(0, 'i"\n', 'properties.\x00"ü', 'why "\\ \u2028 😀')
    outcome = Ingested(1, 0, 0, [failure], Counter(), b"")
    assert json.loads(records_reply(TRACK, Flags(verbose=True), outcome).body)["error"] == failure.message
    (shown,) = json.loads(records_reply(IMPORT, Flags(strict=True), outcome).body)["failed_records"]
    assert shown == {
        "index": 0,
        "insert_id": failure.insert_id,
        "$insert_id": failure.insert_id,
        "field": failure.field,
        "message": failure.message,
    }
