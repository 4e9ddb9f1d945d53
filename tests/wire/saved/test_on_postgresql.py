"""Saved reports, cohorts and annotations over HTTP, with the projects in PostgreSQL."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.projects.postgresql import Cluster
from tests.support.reports import report
from tests.support.server import Project, Server, basic, running_server

TEXT = "v2.5 ☃ \"quoted\" \\ and 'single'"


@pytest.fixture(scope="module")
def own_server(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("saved") / "data"
    with running_server(directory, "--workers", "1", "--projects-url", cluster.new_database()) as running:
        yield running


@pytest.fixture
def saving(own_server: Server) -> Project:
    return own_server.create_project()


def ask(server: Server, project: Project, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    """The results of a request below the project's path, with the project's secret."""
    target = f"/api/app/projects/{project.project_id}/{path}"
    text = b"" if body is None else json.dumps(body).encode()
    reply = server.ask(Request(method, target, (JSON, basic(project.secret)), text))
    assert reply.status == status, reply
    answer = json.loads(reply.body)
    return answer.get("results", answer)


def test_a_report_is_saved_changed_asked_and_deleted(own_server: Server, saving: Project) -> None:
    new = {"name": TEXT, "type": "funnels", "params": {"steps": [{"event": "View"}, {"event": "Buy"}]}}
    made = ask(own_server, saving, "POST", "bookmarks", new, 201)
    assert (made["name"], made["params"], made["description"]) == (TEXT, new["params"], "")
    own = f"bookmarks/{made['id']}"
    changed = ask(own_server, saving, "PATCH", own, {"description": TEXT})
    assert changed == made | {"description": TEXT, "modified": changed["modified"]}
    assert ask(own_server, saving, "GET", own) == changed
    days = {"from_date": "2025-03-01", "to_date": "2025-03-01"}
    found = report(own_server, saving, "funnels", funnel_id=made["id"], **days)
    assert [step["event"] for step in found["data"]["2025-03-01"]["steps"]] == ["View", "Buy"]
    assert report(own_server, saving, "funnels/list") == [{"funnel_id": made["id"], "name": TEXT}]
    assert ask(own_server, saving, "DELETE", own) == {"id": made["id"]}
    ask(own_server, saving, "GET", own, status=404)


def test_a_cohort_that_another_one_names_stays(own_server: Server, saving: Project) -> None:
    pros = ask(own_server, saving, "POST", "cohorts", {"name": "Pros", "selector": 'properties["plan"] == "pro"'}, 201)
    selector = {"property": "cohort", "value": pros["id"], "operator": "not in"}
    others = ask(
        own_server, saving, "POST", "cohorts", {"name": "Others", "selector": selector, "is_visible": False}, 201
    )
    listed = {each["name"]: (each["count"], each["is_visible"]) for each in report(own_server, saving, "cohorts/list")}
    assert listed == {"Pros": (0, 1), "Others": (0, 0)}
    ask(own_server, saving, "DELETE", f"cohorts/{pros['id']}", status=400)
    ask(own_server, saving, "DELETE", f"cohorts/{others['id']}")
    ask(own_server, saving, "DELETE", f"cohorts/{pros['id']}")
    assert ask(own_server, saving, "GET", "cohorts") == []


def test_an_annotation_has_its_time_and_tags(own_server: Server, saving: Project) -> None:
    tag = ask(own_server, saving, "POST", "annotations/tags", {"name": "releases"})
    new = {"date": "2026-11-29 12:00:00", "description": TEXT, "tags": [tag["id"]]}
    made = ask(own_server, saving, "POST", "annotations", new, 201)
    assert (made["date"], made["description"]) == (new["date"], TEXT)
    assert made["tags"] == [{"id": tag["id"], "name": "releases"}]
    own = f"annotations/{made['id']}"
    assert ask(own_server, saving, "PATCH", own, {"tags": []})["tags"] == []
    assert ask(own_server, saving, "GET", "annotations?fromDate=2026-11-29&toDate=2026-11-29") == [made | {"tags": []}]
    assert ask(own_server, saving, "GET", "annotations?fromDate=2026-11-30") == []
    ask(own_server, saving, "DELETE", own)
