"""`tap-mixpanel`, Singer's connector, as a whole: it discovers the streams, syncs all, and again from its state."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.certificates import Authority
from tests.support.clients.environments import HERE, PYTHON, run, secure
from tests.support.http.encodings import JSON
from tests.support.http.events import import_all, record
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic
from tests.support.waiting import wait_until
from tests.system.clients.conftest import total

DAY_MS = 86_400_000
EVENTS = 12


class Synced(NamedTuple):
    """What a run gave: the properties of each stream, the records of each stream, and the last state."""

    catalog: dict[str, set[str]]
    records: dict[str, list[dict[str, Any]]]
    state: dict[str, Any]


@pytest.fixture(scope="module")
def full(server: Server) -> Project:
    """A project with events of the last days, profiles, a funnel, a cohort and an annotation."""
    project = server.create_project()
    now_ms = time.time_ns() // 1_000_000
    events = [event(project, number, now_ms) for number in range(EVENTS)]
    import_all(server, project, events)
    updates = [
        {"$token": project.token, "$distinct_id": f"u-{n}", "$set": {"plan": ("free", "pro")[n % 2], "$name": f"N {n}"}}
        for n in range(4)
    ]
    headers = (JSON, basic(project.secret))
    assert server.ask(Request("POST", "/engage", headers, json.dumps(updates).encode())).body == b"1"
    pro = {"name": "Pros", "selector": 'user["plan"] == "pro"'}
    note = {"date": f"{datetime.now(UTC):%Y-%m-%d} 00:00:00", "description": "v2"}
    funnel = {"name": "Purchase", "type": "funnels", "params": {"steps": [{"event": "View"}, {"event": "Buy"}]}}
    for kind, body in (("cohorts", pro), ("annotations", note), ("bookmarks", funnel)):
        path = f"/api/app/projects/{project.project_id}/{kind}"
        assert server.ask(Request("POST", path, headers, json.dumps(body).encode())).status == 201
    server.wait_loaded()
    wait_until(lambda: total(server, project) == 4, 30, lambda: "profiles are not loaded")
    return project


def event(project: Project, number: int, now_ms: int) -> dict[str, Any]:
    """Four a day, the newest first; two of each person."""
    of = {"insert_id": f"id-{number}", "distinct_id": f"u-{number // 2}", "n": number}
    return record(project, ("View", "Buy")[number % 2], time=now_ms - number * DAY_MS // 4 - 1000, **of)


def synced(server: Server, project: Project, trusted: Authority, place: Path, state: dict[str, Any]) -> Synced:
    start = f"{datetime.fromtimestamp(time.time() - 10 * 86_400, UTC):%Y-%m-%d}T00:00:00Z"
    with secure(server, trusted, place) as port:
        command: list[str | Path] = [PYTHON, HERE / "drive_tap_whole.py", f"localhost:{port}", project.secret, start]
        printed = run(command, state, REQUESTS_CA_BUNDLE=str(trusted.certificate))
    messages = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    [catalog] = [each for each in messages if each["type"] == "CATALOG"]
    records: dict[str, list[dict[str, Any]]] = {}
    for each in messages:
        if each["type"] == "RECORD":
            records.setdefault(each["stream"], []).append(each["record"])
    states = [each["value"] for each in messages if each["type"] == "STATE"]
    streams = {each["stream"]: {*each["schema"]["properties"]} for each in catalog["streams"]}
    return Synced(streams, records, states[-1])


def test_all_streams_are_discovered_and_synced(server: Server, full: Project, trusted: Authority, place: Path) -> None:
    found = synced(server, full, trusted, place, {})
    assert {*found.catalog} == {"export", "engage", "funnels", "cohorts", "cohort_members", "annotations"}
    assert "n" in found.catalog["export"]
    assert {"plan", "mp_reserved_name"} <= found.catalog["engage"]
    records = found.records
    assert sorted(each["n"] for each in records["export"]) == sorted(map(str, range(EVENTS)))
    assert {each["distinct_id"]: each["plan"] for each in records["engage"]} == {
        "u-0": "free", "u-1": "pro", "u-2": "free", "u-3": "pro"
    }  # fmt: skip
    [cohort] = records["cohorts"]
    assert (cohort["name"], cohort["count"], cohort["is_visible"]) == ("Pros", 2, 1)
    members = [(each["cohort_id"], each["distinct_id"]) for each in records["cohort_members"]]
    assert members == [(cohort["id"], "u-1"), (cohort["id"], "u-3")]
    assert len({each["date"] for each in records["funnels"]}) == len(records["funnels"]) > 1
    assert sum(float(each["analysis"]["starting_amount"]) for each in records["funnels"]) == EVENTS // 2
    [note] = records["annotations"]
    assert (note["description"], note["project_id"]) == ("v2", full.project_id)

    again = synced(server, full, trusted, place, found.state)
    assert {*again.records} == {*records}
    days = {each["n"] for each in again.records["export"]}
    assert days < {each["n"] for each in records["export"]}, "the state says from which day on"
    assert "0" in days
