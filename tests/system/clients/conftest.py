"""A project with profiles and events for clients to ask for, and an authority that they trust."""

import json
from pathlib import Path

import pytest

from tests.support.certificates import Authority, authority
from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic
from tests.support.waiting import wait_until

PEOPLE = 1200
BEGIN_S = 1_700_000_000


@pytest.fixture(scope="session")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def filled(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of PEOPLE users, `n` from 0 on against the order of ids, and an event of each, a minute apart."""
    project = server.create_project()
    updates = [
        {"$token": project.token, "$distinct_id": f"user-{number:04}", "$set": properties(number)}
        for number in range(PEOPLE)
    ]
    events = [{"event": ("Sign up", "Page View")[n % 2], "properties": event_properties(n)} for n in range(PEOPLE)]
    headers = (JSON, basic(project.secret))
    assert server.ask(Request("POST", "/engage", headers, json.dumps(updates).encode())).body == b"1"
    assert server.ask(Request("POST", "/import", headers, json.dumps(events).encode())).body == b"1"
    server.export_when(project, PEOPLE)
    wait_until(lambda: total(server, project) == PEOPLE, 30, lambda: "profiles are not loaded")
    return project


def event_properties(number: int) -> dict[str, object]:
    return {"time": BEGIN_S + 60 * number, "distinct_id": f"user-{number:04}", "$insert_id": f"id-{number}"}


def properties(number: int) -> dict[str, object]:
    return {
        "n": PEOPLE - number,
        "plan": "pro" if number % 3 else "free",
        "$name": f"Person {number}",
        "$email": f"{number}@Example.com",
    }


def total(server: Server, project: Project) -> int:
    reply = server.ask(Request("GET", "/api/2.0/engage", (basic(project.secret),)))
    return int(json.loads(reply.body)["total"]) if reply.status == 200 else -1


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a client keeps what it keeps."""
    return tmp_path
