"""Requests generated from the published documents, and what their replies must be."""

import gzip
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core import NotSet

from tests.support.contract.openapi_documents import document, resolved, validate
from tests.support.http.exchange import Reply, Request

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
