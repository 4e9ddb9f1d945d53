"""Requests generated from the published documents, sound ones and broken ones: never a 5xx, always a documented reply.

The documents leave out a few replies that are right for generated nonsense: 400 and 401 of the export, and 405.
"""

import gzip
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core import NotSet
from tests.contract.documents import document, documented_reply, documented_statuses, resolved, validate
from tests.running import Project, Server, basic
from tests.wire.exchange import Reply, Request

ASKED = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
ERROR = {
    "type": "object",
    "required": ["code", "error", "status"],
    "properties": {"code": {"type": "integer"}, "error": {"type": "string"}, "status": {"type": "string"}},
}


def generated(name: str, path: str, method: str) -> st.SearchStrategy[Any]:
    """Cases of one operation, half of them keeping to the document and half breaking it."""
    whole = document(name)
    schema = schemathesis.openapi.from_dict({**whole, "paths": {path: resolved(whole["paths"][path], name)}})
    operation = schema[path][method]
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    strategies = [operation.as_strategy(generation_mode=mode) for mode in modes]
    return st.one_of(*strategies)


def wire_request(case: Any, path: str, own: tuple[tuple[str, str], ...], own_query: dict[str, str]) -> Request:
    """A generated case as bytes; `own` headers and parameters take the place of generated ones."""
    names = {name.lower() for name, _ in own}
    kept = [(name, value) for name, value in (case.headers or {}).items() if name.lower() not in names]
    headers = tuple((name, value) for name, value in kept if _can_be_sent(name) and _can_be_sent(value)) + own
    query = urlencode({**(case.query or {}), **own_query}, doseq=True, errors="replace")
    if isinstance(case.body, bytes):
        body = case.body
    elif case.media_type is None or isinstance(case.body, NotSet):
        body = b""
    else:
        body = json.dumps(case.body).encode()
    if any(value == "gzip" for name, value in headers if name.lower() == "content-encoding"):
        body = gzip.compress(body, mtime=0)
    return Request(case.method, f"{path}?{query}", headers, body)


def _can_be_sent(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def assert_error(reply: Reply) -> None:
    assert reply.header("content-type") == "application/json", reply
    validate(ERROR, None, json.loads(reply.body))


def check(check_reply: Callable[[Reply, Any], None], request: Request, reply: Reply, case: Any) -> None:
    """What holds for every reply, then what the operation documents; a failure shows the request."""
    assert reply.status < 500, f"{request} got {reply}"
    if reply.status == 405:
        assert reply.header("allow"), f"{request} got {reply}"
        return
    try:
        check_reply(reply, case)
    except Exception as error:
        raise AssertionError(f"{error} for {request}, got {reply}") from error


def _is_set(case: Any, name: str) -> bool:
    return name in (case.query or {})


def check_track(reply: Reply, case: Any) -> None:
    assert reply.status in documented_statuses("/track") | {413}
    if any(_is_set(case, flag) for flag in ("verbose", "img", "callback", "redirect")):
        return
    assert reply.status == 413 or reply.body in (b"0", b"1")


def check_import(reply: Reply, case: Any) -> None:
    assert reply.status in documented_statuses("/import")
    body = json.loads(reply.body)
    if reply.status == 200 and (case.query or {}).get("strict") != "1":
        return
    documented = documented_reply("/import", reply.status)["application/json"]
    validate(documented["schema"], None, body)
    if reply.status != 200:
        validate(ERROR, None, body)


def check_export(reply: Reply, _case: Any) -> None:
    assert reply.status in documented_statuses("/export") | {400, 401, 413}
    if reply.status != 200:
        assert_error(reply)
        return
    assert all(isinstance(json.loads(line), dict) for line in reply.body.splitlines())


@ASKED
@given(case=generated("ingestion", "/track", "POST"), tokens=st.booleans())
def test_track_gives_a_documented_reply_to_any_generated_request(server: Server, case: Any, tokens: bool) -> None:
    if tokens and isinstance(case.body, list):
        for each in case.body:
            if isinstance(each, dict) and isinstance(each.get("properties"), dict):
                each["properties"]["token"] = server.project.token
    request = wire_request(case, "/track", (), {})
    check(check_track, request, server.ask(request), case)


@ASKED
@given(case=generated("ingestion", "/import", "POST"), known=st.booleans())
def test_import_gives_a_documented_reply_to_any_generated_request(server: Server, case: Any, known: bool) -> None:
    own = (basic(server.project.secret),) if known else ()
    query = {"project_id": str(server.project.project_id)} if known else {}
    request = wire_request(case, "/import", own, query)
    check(check_import, request, server.ask(request), case)


@ASKED
@given(case=generated("export", "/export", "GET"), known=st.booleans(), dates=st.booleans())
def test_export_gives_a_documented_reply_to_any_generated_request(
    server: Server, project: Project, case: Any, known: bool, dates: bool
) -> None:
    own = (basic(project.secret), ("Accept-Encoding", "identity")) if known else ()
    query = {"project_id": str(project.project_id)} if known else {}
    query |= {"from_date": "2020-01-01", "to_date": "2020-12-31"} if dates else {}
    request = wire_request(case, "/api/2.0/export", own, query)
    check(check_export, request, server.ask(request), case)
