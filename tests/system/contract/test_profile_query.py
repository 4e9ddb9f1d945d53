"""The profile query as its published document shows it: a documented request, and generated ones.

The document gives `$distinct_id` as a number in its schema and its example; ids are texts on the wire, and here. It
documents no reply but 200.
"""

import copy
import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from tests.support.contract.generated_requests import ASKED, assert_error, check, generated, wire_request
from tests.support.contract.openapi_documents import document, resolved, validate
from tests.support.http.encodings import FORM, JSON
from tests.support.http.exchange import Reply, Request
from tests.support.server import Project, Server, basic

PATHS = ("/api/2.0/engage", "/api/query/engage")
OPERATION: dict[str, Any] = resolved(document("query")["paths"]["/engage"]["post"], "query")
CONTENT = OPERATION["responses"]["200"]["content"]["application/json"]
SCHEMA = copy.deepcopy(CONTENT["schema"])
SCHEMA["properties"]["results"]["items"]["properties"]["$distinct_id"]["type"] = "string"
EXAMPLE = CONTENT["examples"]["example"]["value"]
DOCUMENTED = OPERATION["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]


def test_reply_is_as_documented(server: Server, project: Project) -> None:
    profile = EXAMPLE["results"][0]
    record = {"$token": project.token, "$distinct_id": profile["$distinct_id"], "$set": profile["$properties"]}
    assert server.ask(Request("POST", "/engage", (JSON,), json.dumps([record]).encode())).body == b"1"
    server.wait_loaded()
    asked = {"output_properties": json.dumps(list(profile["$properties"])), "where": 'defined(properties["$email"])'}
    assert asked.keys() <= DOCUMENTED.keys()
    for path in PATHS:
        target = f"{path}?project_id={project.project_id}"
        reply = server.ask(Request("POST", target, (FORM, basic(project.secret)), urlencode(asked).encode()))
        read = json.loads(reply.body)
        validate(SCHEMA, EXAMPLE, read)
        assert list(read) == list(CONTENT["schema"]["properties"]), "in the order of the schema"
        assert read["results"] == [{"$distinct_id": "4", "$properties": profile["$properties"]}]
        assert (read["page"], read["page_size"], read["total"], read["status"]) == (0, 1000, 1, "ok")


def check_reply(reply: Reply, _case: Any) -> None:
    assert reply.status in {200, 400, 401, 413}
    if reply.status == 200:
        validate(SCHEMA, None, json.loads(reply.body))
    else:
        assert_error(reply)


@ASKED
@given(case=generated("query", "/engage", "POST"), known=st.booleans(), as_form=st.booleans())
def test_any_generated_request_gets_a_documented_reply(
    server: Server, project: Project, case: Any, known: bool, as_form: bool
) -> None:
    own = (basic(project.secret), ("Accept-Encoding", "identity")) if known else ()
    query = {"project_id": str(project.project_id)} if known else {}
    request = wire_request(case, PATHS[0], own, query)
    if as_form and isinstance(case.body, dict):
        form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in case.body.items()}
        body = urlencode(form, errors="replace").encode()
        request = Request(request.method, request.target, request.headers, body)
    check(check_reply, request, server.ask(request), case)
