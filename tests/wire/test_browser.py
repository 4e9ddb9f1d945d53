"""What browsers and SDKs ask on the side (protocol §8): cross-origin rules, flags, settings, recordings, HEAD."""

import json
import uuid

import pytest

from tests.support.http.encodings import JSON, base64_form
from tests.support.http.events import record
from tests.support.http.exchange import Reply, Request
from tests.support.recordings.requests import side_requests
from tests.support.server import Project, Server, basic

ORIGIN = ("Origin", "https://shop.example:8443")
PREFLIGHT = (
    ORIGIN,
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "authorization, content-type, traceparent"),
)


def assert_echoes_origin(reply: Reply) -> None:
    assert reply.header("access-control-allow-origin") == ORIGIN[1]
    assert reply.header("access-control-allow-credentials") == "true"
    assert "origin" in (reply.header("vary") or "").lower()


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/flags?context=%7B%7D&token=abc", b'{"code":200,"flags":{}}'),
        ("GET", "/flags/", b'{"code":200,"flags":{}}'),
        ("GET", "/flags/definitions?token=abc&mp_lib=python", b'{"flags":[]}'),
        ("GET", "/flags/definitions/", b'{"flags":[]}'),
        ("GET", "/settings?token=abc", b'{"sdk_config":{"config":{}}}'),
        ("GET", "/settings/", b'{"sdk_config":{"config":{}}}'),
        ("POST", "/record", b'{"code":200,"status":"OK"}'),
        ("POST", "/record/?distinct_id=u&seq=0", b'{"code":200,"status":"OK"}'),
    ],
)
def test_what_sdks_ask_on_the_side_is_answered(server: Server, method: str, target: str, body: bytes) -> None:
    reply = server.ask(Request(method, target, (ORIGIN,), b"x" * 5000 if method == "POST" else b""))
    assert (reply.status, reply.body) == (200, body)
    assert reply.header("content-type") == "application/json"
    assert_echoes_origin(reply)


@pytest.mark.parametrize("path", ["/track", "/track/", "/import", "/flags", "/settings", "/record"])
def test_preflight_allows_what_the_browser_sdk_sends(server: Server, path: str) -> None:
    reply = server.ask(Request("OPTIONS", path, PREFLIGHT))
    assert reply.status in (200, 204)
    assert reply.body == b""
    assert_echoes_origin(reply)
    assert reply.header("access-control-allow-headers") == "authorization, content-type, traceparent"
    assert reply.header("access-control-allow-methods") == "GET, POST, OPTIONS"


TRACING = ["sentry-trace,baggage", "traceparent, tracestate", "X-Datadog-Trace-Id,request-id,content-type", "a" * 64]


@pytest.mark.parametrize("asked", TRACING)
@pytest.mark.parametrize("path", ["/track", "/import/", "/engage", "/groups", "/flags", "/settings", "/record"])
def test_preflight_allows_what_tracing_tools_add(server: Server, path: str, asked: str) -> None:
    reply = server.ask(Request("OPTIONS", path, (ORIGIN, ("Access-Control-Request-Headers", asked))))
    assert reply.status == 204
    allowed = (reply.header("access-control-allow-headers") or "").split(", ")
    assert {name.strip().lower() for name in asked.split(",")} | {"authorization", "content-type"} <= set(allowed)
    assert len(allowed) == len(set(allowed))
    assert reply.header("vary") == "Access-Control-Request-Headers, Origin"


def test_preflight_echoes_names_of_headers_alone_and_not_too_many(server: Server) -> None:
    asked = 'ok, a b, "c", d:e, f\tg, \xe9, ,,' + "h" * 65 + "," + ",".join(f"x-{number}" for number in range(100))
    headers = (ORIGIN, ("Access-Control-Request-Headers", asked))
    reply = server.ask(Request("OPTIONS", "/track", headers))
    names = ["authorization", "content-type", "traceparent", "ok", *(f"x-{number}" for number in range(55))]
    assert (reply.header("access-control-allow-headers") or "").split(", ") == names


@pytest.mark.parametrize("path", ["/api/2.0/export", "/api/2.0/engage", "/lookup-tables/a", "/nothing"])
def test_preflight_allows_no_more_where_data_is_read(server: Server, path: str) -> None:
    reply = server.ask(Request("OPTIONS", path, (ORIGIN, ("Access-Control-Request-Headers", "x-more"))))
    assert "x-more" not in (reply.header("access-control-allow-headers") or "")


def test_every_kind_of_reply_echoes_the_exact_origin(server: Server, project: Project) -> None:
    good, secret = json.dumps(record(project)).encode(), basic(project.secret)
    requests = [
        Request("POST", "/track", (JSON, ORIGIN), good),
        Request("POST", "/track?verbose=1", (JSON, ORIGIN), b"{}"),
        Request("POST", "/track", (JSON, ORIGIN), b"["),
        Request("POST", "/import?strict=1", (JSON, ORIGIN), good),
        Request("POST", "/import?strict=1", (JSON, ORIGIN, secret), b"["),
        Request("DELETE", "/track", (ORIGIN,)),
        Request("GET", "/track?img=1", (ORIGIN,)),
    ]
    for request in requests:
        reply = server.ask(request)
        assert_echoes_origin(reply)
        assert "Retry-After" in (reply.header("access-control-expose-headers") or ""), request


KEYED = [
    Request("GET", "/api/2.0/export"),
    Request("GET", "/api/2.0/export?from_date=2020-01-01&to_date=2020-01-01"),
    Request("GET", "/api/2.0/engage"),
    Request("POST", "/api/query/engage/"),
    Request("GET", "/api/app/identity?distinct_id=a"),
    Request("GET", "/api/app/identity/preview"),
    Request("POST", "/api/app/identity/unlink"),
    Request("GET", "/api/app/rate-limits"),
    Request("GET", "/lookup-tables"),
    Request("POST", "/lookup-tables?name=a"),
    Request("PUT", f"/lookup-tables/{uuid.UUID(int=1)}", (), b"id,a\n"),
    Request("DELETE", f"/lookup-tables/{uuid.UUID(int=1)}"),
    Request("GET", "/nothing"),
]


@pytest.mark.parametrize("request_", KEYED, ids=lambda each: f"{each.method} {each.target}")
def test_no_page_asks_for_data_with_credentials_that_the_browser_remembers(
    server: Server, project: Project, request_: Request
) -> None:
    """It may with those it holds itself: a browser sends these when `*` is allowed, and no others."""
    for headers in ((ORIGIN, basic(project.secret)), (ORIGIN,)):
        reply = server.ask(Request(request_.method, request_.target, headers, request_.body))
        assert reply.header("access-control-allow-origin") == "*"
        assert reply.header("access-control-allow-credentials") is None
    preflight = server.ask(Request("OPTIONS", request_.target, PREFLIGHT))
    assert preflight.header("access-control-allow-origin") == "*"
    assert preflight.header("access-control-allow-credentials") is None


def test_a_form_of_another_page_unlinks_nothing(server: Server, project: Project) -> None:
    body = b'{"id":"a","reason":"b"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        headers = (basic(project.secret), ("Content-Type", kind), ORIGIN)
        assert server.ask(Request("POST", "/api/app/identity/unlink", headers, body)).status == 400


def test_no_origin_gets_no_cross_origin_headers(server: Server, project: Project) -> None:
    reply = server.ask(Request("POST", "/track", (JSON,), json.dumps(record(project)).encode()))
    assert [name for name, _ in reply.headers if name.startswith("access-control")] == []


def test_what_the_browser_really_asked_on_the_side_is_answered(server: Server) -> None:
    preflight, flags, settings = side_requests()
    reply = server.ask(preflight)
    assert reply.status in (200, 204)
    assert reply.header("access-control-allow-origin") == "http://127.0.0.1"
    allowed = (reply.header("access-control-allow-headers") or "").split(", ")
    wanted = next(value for name, value in preflight.headers if name == "Access-Control-Request-Headers")
    assert set(wanted.split(",")) <= set(allowed)
    for request, body in ((flags, b'{"code":200,"flags":{}}'), (settings, b'{"sdk_config":{"config":{}}}')):
        reply = server.ask(request)
        assert (reply.status, reply.body) == (200, body)
        assert reply.header("access-control-allow-origin") == "http://127.0.0.1"


@pytest.mark.parametrize("path", ["/track", "/import", "/api/2.0/export", "/flags", "/settings"])
def test_head_is_answered_without_body_and_stores_nothing(server: Server, project: Project, path: str) -> None:
    data = base64_form()(json.dumps(record(project)).encode()).decode()
    reply = server.ask(Request("HEAD", f"{path}?{data}&img=1", (basic(project.secret),)))
    assert reply.status in (200, 400, 401, 405)
    assert reply.body == b""
    server.wait_loaded()
    assert server.export(project) == []


def test_wrong_method_names_the_right_ones(server: Server) -> None:
    for path, allowed in (
        ("/track", {"GET", "POST"}),
        ("/import", {"POST"}),
        ("/record", {"POST"}),
        ("/flags", {"GET"}),
    ):
        reply = server.ask(Request("PATCH", path))
        assert reply.status == 405
        assert allowed <= set((reply.header("allow") or "").split(", "))
