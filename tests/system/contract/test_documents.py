"""Requests as the published documents show them, and replies held to the documents' schemas and examples."""

import json
from typing import Any

import pytest

from tests.support.contract.documented_replies import assert_documented
from tests.support.contract.openapi_documents import document as read_document
from tests.support.contract.openapi_documents import (
    documented_reply,
    request_schema,
    resolved,
    validate,
)
from tests.support.http.encodings import GZIP, JSON, NDJSON, gzipped
from tests.support.http.events import record
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic

OLD = 1_600_000_000


def documented_event(project: Project, **properties: Any) -> dict[str, Any]:
    """An event with the properties the documents require and no others."""
    made = record(project, insert_id="29fc2962-6d9c-455d-95ad-95b84f09b9e4", **properties)
    validate(request_schema("/track"), None, [made])
    validate(request_schema("/import"), None, [made])
    return made


@pytest.mark.parametrize("flags", ["", "?ip=0", "?ip=1", "?verbose=0", "?ip=1&verbose=0&img=0"])
def test_track_answers_a_documented_request_as_documented(server: Server, project: Project, flags: str) -> None:
    body = json.dumps([documented_event(project)]).encode()
    assert assert_documented("/track", server.ask(Request("POST", f"/track{flags}", (JSON,), body))) == 1


def test_track_answers_no_valid_object_as_documented(server: Server, project: Project) -> None:
    for bad in ({"event": "a"}, {"event": "a", "properties": {}}, {}):
        reply = server.ask(Request("POST", "/track", (JSON,), json.dumps([bad]).encode()))
        assert assert_documented("/track", reply) == 0


def test_track_without_distinct_id_takes_the_address_when_ip_is_1(server: Server, project: Project) -> None:
    events = [record(project, distinct_id=None, row=row) for row in range(2)]
    for event in events:
        reply = server.ask(Request("POST", "/track?ip=1", (JSON,), json.dumps([event]).encode()))
        assert assert_documented("/track", reply) == 1
    ids = {line["properties"]["distinct_id"] for line in server.export_when(project, 2)}
    assert len(ids) == 1
    assert "127.0.0.1" not in ids


@pytest.mark.parametrize("strict", ["0", "1"])
@pytest.mark.parametrize("named", [False, True])
def test_import_answers_documented_requests(server: Server, project: Project, strict: str, named: bool) -> None:
    flags = f"?strict={strict}" + (f"&project_id={project.project_id}" if named else "")
    events = [documented_event(project, time=OLD), documented_event(project, time=OLD, distinct_id="user-2")]
    lines = "\n".join(json.dumps(event) for event in events).encode()
    array = json.dumps(events).encode()
    for headers, body in (((JSON,), array), ((JSON, GZIP), gzipped()(array)), ((NDJSON,), lines)):
        reply = server.ask(Request("POST", f"/import{flags}", (*headers, basic(project.secret)), body))
        if strict == "1":
            answered = assert_documented("/import", reply)
            assert answered == {"code": 200, "num_records_imported": 2, "status": "OK"}
        else:
            assert (reply.status, reply.body) == (200, b"1")
    assert len(server.export_when(project, 2)) == 2


def test_strict_import_names_failed_records_as_documented(server: Server, project: Project) -> None:
    events = [documented_event(project, time=OLD), record(project, insert_id="id-1", time="soon")]
    reply = server.ask(Request("POST", "/import?strict=1", (JSON, basic(project.secret)), json.dumps(events).encode()))
    answered = assert_documented("/import", reply)
    assert (reply.status, answered["num_records_imported"]) == (400, 1)
    [failed] = answered["failed_records"]
    example = documented_reply("/import", 400)["application/json"]["schema"]["example"]["failed_records"][0]
    assert (failed["field"], failed["message"]) == (example["field"], example["message"])


def test_import_without_credentials_is_the_documented_401(server: Server, project: Project) -> None:
    body = json.dumps([documented_event(project)]).encode()
    answered = assert_documented("/import", server.ask(Request("POST", "/import?strict=1", (JSON,), body)))
    assert answered == documented_reply("/import", 401)["application/json"]["schema"]["example"]


def test_import_too_large_is_the_documented_413(server: Server, project: Project) -> None:
    text = json.dumps([documented_event(project)] * 2001).encode()
    reply = server.ask(Request("POST", "/import?strict=1", (JSON, basic(project.secret)), text))
    assert (reply.status, assert_documented("/import", reply)["status"]) == (413, "Request Entity Too Large")


def test_export_lines_are_as_documented(server: Server, project: Project) -> None:
    server.ask(Request("POST", "/track", (JSON,), json.dumps([documented_event(project)]).encode()))
    server.wait_loaded()
    content = resolved(read_document("export")["paths"]["/export"]["get"], "export")["responses"]["200"]["content"]
    reply = server.export_reply(project)
    assert (reply.header("content-type") or "").split(";")[0] in content
    example = json.loads(content["text/plain"]["schema"]["example"].splitlines()[0])
    [line] = [json.loads(each) for each in reply.body.splitlines()]
    validate({"type": "object"}, example, line)
    assert all(type(line["properties"][key]) is type(value) for key, value in example["properties"].items())
