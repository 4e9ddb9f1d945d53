"""Lookup tables as the published document shows them: documented requests, and generated ones.

The example of the document's 404 has a code of 200; here the code is that of the reply.
"""

import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.contract.generated_requests import ASKED, assert_error, check, generated, wire_request
from tests.support.contract.openapi_documents import document, resolved, validate
from tests.support.http.exchange import Reply, Request
from tests.support.lookup.requests import CSV, PATH, creating, listing, replacing
from tests.support.server import Project, Server, basic

LIST: dict[str, Any] = resolved(document("ingestion")["paths"][PATH]["get"])
REPLACE: dict[str, Any] = resolved(document("ingestion")["paths"][PATH + "/{id}"]["put"])


@pytest.fixture(scope="module", autouse=True)
def loaded(server: Server) -> None:
    """The server has its tables in the store."""
    server.wait_loaded()


def assert_documented(operation: dict[str, Any], reply: Reply, status: int) -> Any:
    assert reply.status == status, reply
    schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
    body = json.loads(reply.body)
    validate(schema, schema["example"], body)
    assert list(body) == list(schema["example"]), "in the order of the example"
    return body


def created(server: Server, project: Project) -> str:
    body = assert_documented(LIST, server.ask(creating(project, "Product Catalog")), 200)
    return str(body["results"][0]["id"])


def test_documented_table_is_taken(server: Server, project: Project) -> None:
    csv = REPLACE["requestBody"]["content"]["text/csv"]["schema"]["default"].encode()
    reply = server.ask(replacing(project, f"{created(server, project)}?project_id={project.project_id}", csv))
    assert assert_documented(REPLACE, reply, 200) == {"code": 200, "status": "OK"}


def test_list_is_as_documented(server: Server, project: Project) -> None:
    table_id = created(server, project)
    body = assert_documented(LIST, server.ask(listing(project)), 200)
    assert body["results"] == [{"id": table_id, "name": "Product Catalog"}]
    assert assert_documented(LIST, server.ask(Request("GET", PATH)), 401)["error"] == "Invalid credentials"


def test_failed_rows_are_named_as_documented(server: Server, project: Project) -> None:
    example = REPLACE["responses"]["400"]["content"]["application/json"]["schema"]["example"]
    csv = b"id,field1,field2\nkey1,v1,z1\n,z1,z2\nkey3,v3\n"
    reply = server.ask(replacing(project, created(server, project), csv))
    assert assert_documented(REPLACE, reply, 400) == example


def test_unknown_table_is_as_documented(server: Server, project: Project) -> None:
    example = REPLACE["responses"]["404"]["content"]["application/json"]["schema"]["example"]
    reply = server.ask(replacing(project, "f077cb07-008a-4955-8a4a-b4c163db3a87", b"id\n1\n"))
    assert assert_documented(REPLACE, reply, 404) == {**example, "code": 404}


def check_reply(reply: Reply, _case: Any) -> None:
    assert str(reply.status) in {*REPLACE["responses"], *LIST["responses"]}, reply
    if reply.status in (200, 400):
        schema = (LIST if b"results" in reply.body else REPLACE)["responses"][str(reply.status)]
        validate(schema["content"]["application/json"]["schema"], None, json.loads(reply.body))
    if reply.status != 200:
        assert_error(reply)


@pytest.fixture
def table_id(server: Server, project: Project) -> str:
    return created(server, project)


@ASKED
@given(case=generated("ingestion", PATH + "/{id}", "PUT"), known=st.booleans(), csv=st.text(max_size=50))
def test_any_generated_replacement_gets_a_documented_reply(
    server: Server, project: Project, table_id: str, case: Any, known: bool, csv: str
) -> None:
    own = (basic(project.secret), CSV) if known else ()
    query = {"project_id": str(project.project_id)} if known else {}
    path = f"{PATH}/{table_id if known else uuid.uuid4()}"
    request = wire_request(case, path, own, query)
    body = f"id,{csv}".encode(errors="replace") if known else request.body
    request = Request(request.method, request.target, request.headers, body)
    check(check_reply, request, server.ask(request), case)


@ASKED
@given(case=generated("ingestion", PATH, "GET"), known=st.booleans())
def test_any_generated_list_gets_a_documented_reply(server: Server, project: Project, case: Any, known: bool) -> None:
    own = (basic(project.secret),) if known else ()
    query = {"project_id": str(project.project_id)} if known else {}
    request = wire_request(case, PATH, own, query)
    check(check_reply, request, server.ask(request), case)
