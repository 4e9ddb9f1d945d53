"""What is saved, as the published documents show it: annotations, and the lists of cohorts and funnels.

Annotations have one key more than their document allows, `project_id`, which Mixpanel's own query SDK needs.
"""

import json
from typing import Any

import pytest

from tests.support.contract.openapi_documents import document, resolved, validate
from tests.support.http.encodings import JSON
from tests.support.http.exchange import Reply, Request
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import Credentials, ask_json, new_account

ANNOTATIONS = "/projects/{projectId}/annotations"
ONE = "/projects/{projectId}/annotations/{annotationId}"
TAGS = "/projects/{projectId}/annotations/tags"
NEW = {"date": "2022-02-15 12:00:00", "description": "Something interesting happened!"}
"""The document's own examples."""


@pytest.fixture
def account(server: Server, project: Project) -> Credentials:
    return new_account(server, {project.project_id: "analyst"})


def allowing_project_id(schema: Any) -> Any:
    if isinstance(schema, list):
        return [allowing_project_id(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: allowing_project_id(each) for key, each in schema.items()}
    if schema.get("title") == "AnnotationsEntry":
        found["properties"]["project_id"] = {"type": "integer"}
    return found


def documented(path: str, method: str, reply: Reply, status: int) -> Any:
    assert reply.status == status, reply
    responses = resolved(document("annotations")["paths"][path][method], "annotations")["responses"]
    schema = allowing_project_id(responses[str(status)]["content"]["application/json"]["schema"])
    body = json.loads(reply.body)
    validate(schema, None, body)
    return body


def test_annotations_are_as_documented(server: Server, project: Project, account: Credentials) -> None:
    path = f"/api/app/projects/{project.project_id}/annotations"
    tag = documented(TAGS, "post", ask_json(server, "POST", f"{path}/tags", account, {"name": "releases"}), 200)
    new = ask_json(server, "POST", path, account, NEW | {"tags": [tag["id"]]})
    made = documented(ANNOTATIONS, "post", new, 201)["results"]
    assert made | NEW == made
    own = f"{path}/{made['id']}"
    assert documented(ANNOTATIONS, "get", ask_json(server, "GET", path, account), 200)["results"] == [made]
    assert documented(ONE, "get", ask_json(server, "GET", own, account), 200)["results"] == made
    documented(ONE, "patch", ask_json(server, "PATCH", own, account, {"description": "x", "tags": []}), 200)
    [listed] = documented(TAGS, "get", ask_json(server, "GET", f"{path}/tags", account), 200)
    assert listed == tag
    assert documented(ONE, "delete", ask_json(server, "DELETE", own, account), 200)["results"] == {"id": made["id"]}


def test_refusals_of_annotations_are_as_documented(server: Server, project: Project) -> None:
    consumer = new_account(server, {project.project_id: "consumer"})
    path = f"/api/app/projects/{project.project_id}/annotations"
    documented(ANNOTATIONS, "post", ask_json(server, "POST", path, consumer, NEW), 403)
    documented(ANNOTATIONS, "get", server.ask(Request("GET", path)), 401)


def test_lists_of_cohorts_and_funnels_are_as_documented(server: Server, project: Project) -> None:
    headers = (JSON, basic(project.secret))
    for kind, body in (
        ("cohorts", {"name": "Cohort One", "description": "d", "selector": "true"}),
        ("bookmarks", {"name": "Funnel", "type": "funnels", "params": {}}),
    ):
        path = f"/api/app/projects/{project.project_id}/{kind}"
        assert server.ask(Request("POST", path, headers, json.dumps(body).encode())).status == 201
    for path, method in (("/cohorts/list", "post"), ("/funnels/list", "get")):
        reply = server.ask(Request(method.upper(), f"/api/query{path}", (basic(project.secret),)))
        operation = resolved(document("query")["paths"][path][method], "query")
        content = operation["responses"]["200"]["content"]["application/json"]
        example = next(iter(content["examples"].values()))["value"] if "examples" in content else content.get("example")
        assert len(json.loads(reply.body)) == 1
        validate(content["schema"], example, json.loads(reply.body))
