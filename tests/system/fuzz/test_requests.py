"""Damaged requests over real HTTP: never a 5xx, always a reply of a known form, and the server stays as it was."""

import contextlib
import gzip
import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.fuzz.mutation import damaged
from tests.support.fuzz.requests import BODIES, GOOD
from tests.support.http.events import record, track
from tests.support.http.exchange import REPLY_TIMEOUT_S, Reply, Request
from tests.support.server import Project, Server, basic

FUZZED = settings(max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck))
FORMS = re.compile(rb"[01]|\w+\([01]\);|GIF89a.*|(\w+\()?\{.*\}(\);)?|", re.DOTALL)
TRACK, ENGAGE, IMPORT = {200, 413}, {200, 400, 413}, {200, 400, 401, 413}


def assert_well_answered(request: Request, reply: Reply) -> None:
    """A documented status, and a body of one of the forms of protocol §3."""
    allowed = TRACK if request.target.startswith("/track") else ENGAGE
    allowed = IMPORT if request.target.startswith("/import") else allowed
    assert reply.status in allowed, f"{request} got {reply}"
    assert FORMS.fullmatch(reply.body), f"{request} got {reply}"
    if reply.header("content-type") == "application/json":
        json.loads(reply.body)


@pytest.fixture(scope="module", autouse=True)
def same_processes(server: Server) -> Iterator[None]:
    """No process of the server died, and it still stores events, after all that."""
    before = server.processes()
    yield
    assert server.processes() == before
    server.wait_loaded()


def own(server: Server, request: Request) -> Request:
    """The request with the token and the secret of a project of this server, so that it gets past them."""
    project = server.project
    body = request.body.replace(b"0" * 32, project.token.encode())
    headers = tuple(
        basic(project.secret) if name == "Authorization" else (name, value) for name, value in request.headers
    )
    return Request(request.method, request.target, headers, body, request.chunk_bytes)


@FUZZED
@given(request=damaged(GOOD), known=st.booleans())
@example(request=Request("POST", "/track", (("Content-Encoding", "gzip"),), gzip.compress(b"")), known=False)
@example(request=Request("POST", "/track?verbose=1&callback=f&img=1&strict=1", (), b"["), known=False)
@example(request=Request("GET", "/track?data=%F0%9F&verbose=1"), known=False)
@example(request=Request("GET", "/engage?data=%F0%9F&strict=1"), known=False)
def test_damaged_request_is_answered_and_never_a_5xx(server: Server, request: Request, known: bool) -> None:
    sent = own(server, request) if known else request
    assert_well_answered(sent, server.ask(sent))


@FUZZED
@given(body=BODIES, strict=st.booleans(), path=st.sampled_from(["/import", "/engage", "/groups"]), known=st.booleans())
def test_any_json_is_answered_and_outcomes_add_up(
    server: Server, project: Project, body: object, strict: bool, path: str, known: bool
) -> None:
    for each in body if known and isinstance(body, list) else []:
        if isinstance(each, dict):
            each["$token"] = project.token
    text = json.dumps(body).encode()
    target = f"{path}?verbose=1{'&strict=1' if strict else ''}"
    request = Request("POST", target, (basic(project.secret),), text)
    reply = server.ask(request)
    assert_well_answered(request, reply)
    answered = json.loads(reply.body)
    if "failed_records" in answered:
        assert isinstance(body, dict | list)
        sent = len(body) if isinstance(body, list) else 1
        assert answered["num_records_imported"] + len(answered["failed_records"]) == sent
        assert [each["index"] for each in answered["failed_records"]] == sorted(
            {each["index"] for each in answered["failed_records"]}
        )


def as_stored(value: object) -> object:
    """What the rules of protocol §4 make of a property that breaks none: strings cut, everything else as it was."""
    if isinstance(value, str):
        return value[:255]
    if isinstance(value, list):
        return [as_stored(each) for each in value]
    if isinstance(value, dict):
        return {key: as_stored(each) for key, each in value.items()}
    return value


SOUND = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(codec="utf-8"), max_size=300),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), inner, max_size=4),
    ),
    max_leaves=6,
)


def depth(value: object) -> int:
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


NAMES = st.text(st.characters(codec="utf-8"), max_size=12).map("p{}".format)
PROPERTIES = st.dictionaries(NAMES, SOUND.filter(lambda value: depth(value) <= 3), max_size=6)


def test_sound_properties_come_back_as_they_were_sent(server: Server, project: Project) -> None:
    sent: list[dict[str, Any]] = []

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(batch=st.lists(PROPERTIES, min_size=1, max_size=8))
    def send(batch: list[dict[str, Any]]) -> None:
        start = len(sent)
        sent.extend(batch)
        track(server, [record(project, row=start + place, **properties) for place, properties in enumerate(batch)])

    send()
    server.wait_loaded()
    lines = {line["properties"]["row"]: line["properties"] for line in server.export(project)}
    assert len(lines) == len(sent)
    for row, properties in enumerate(sent):
        got = {key: value for key, value in lines[row].items() if key.startswith("p")}
        assert got == {key: as_stored(value) for key, value in properties.items() if value is not None}


HEAD = b"POST /track HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(garbage=st.one_of(st.binary(max_size=200), st.sampled_from(GOOD).map(lambda request: request.body)))
@example(garbage=HEAD + b"Content-Length: 99999\r\n\r\n{")
@example(garbage=HEAD + b"Content-Length: -1\r\n\r\n")
@example(garbage=CHUNKED + b"Content-Length: 1\r\n\r\nfffffffffffffffff\r\n")
@example(garbage=CHUNKED + b"\r\n5\r\n[{}]")
@example(garbage=b"GET / HTTP/9.9\r\n\r\n" * 50)
@example(garbage=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
@example(garbage=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
def test_bytes_that_are_not_http_end_the_connection_without_a_5xx(server: Server, garbage: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=REPLY_TIMEOUT_S) as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                answer += piece
    assert b"HTTP/1.1 5" not in answer
