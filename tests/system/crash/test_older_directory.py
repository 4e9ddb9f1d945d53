"""A data directory that an earlier build wrote opens: nothing acknowledged is lost, doubled or renumbered.

`tests/support/data_directories/2026-11-24.tar.xz` was written by the build of 2026-11-24, before positions, folders and
the journal's interface were as they are now. Its server imported 42 events and 6 profile updates and loaded them. Then
its loader was stopped, 10 events and one update were acknowledged, and all its processes were killed. So the journal
holds records that no loader has seen, and everything else is as a `kill -9` leaves it.
"""

import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic, running_server

DIRECTORIES = Path(__file__).parents[2] / "support" / "data_directories"
PROJECT = Project(1, "default", "420bf04cc53b64ccb9f52cbdaac7e1ea", "c7f7e71840060cf7cd82a9226b3d12e2", "us")
DAYS = {"from_date": "2023-11-14", "to_date": "2023-11-15"}
EVENTS = 52


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    data_dir = tmp_path / "data"
    with tarfile.open(DIRECTORIES / "2026-11-24.tar.xz") as archive:
        archive.extractall(data_dir, filter="data")
    with running_server(data_dir, "--workers", "1") as server:
        yield server


def test_a_directory_of_an_earlier_build_opens_with_all_that_was_acknowledged(server: Server) -> None:
    lines = server.export_when(PROJECT, EVENTS, **DAYS)
    ids = Counter(line["properties"]["$insert_id"] for line in lines)
    assert ids == Counter([f"old-{n}" for n in range(40)] + [f"late-{n}" for n in range(10)] + ["old-dev", "old-link"])
    assert {line["properties"]["distinct_id"] for line in lines if line["event"] == "Seen"} == {"user-2"}
    assert next(line for line in lines if line["properties"]["$insert_id"] == "old-7")["properties"]["n"] == 7

    asked = Request("GET", f"/api/query/engage?project_id={PROJECT.project_id}", (basic(PROJECT.secret),))
    profiles = {each["$distinct_id"]: each["$properties"] for each in json.loads(server.ask(asked).body)["results"]}
    assert {f"user-{n}" for n in range(5)} == set(profiles)
    assert profiles["user-1"]["visits"] == 7 and profiles["user-1"]["$name"] == "Ada 1"

    common = {"token": PROJECT.token, "distinct_id": "user-1"}
    again = {"event": "Sign up", "properties": common | {"time": 1_700_000_001, "$insert_id": "old-1", "n": 1}}
    fresh = {"event": "New", "properties": common | {"time": 1_700_000_300}}
    headers = (("Content-Type", "application/json"), basic(PROJECT.secret))
    assert server.ask(Request("POST", "/import", headers, json.dumps([again, fresh]).encode())).status == 200
    assert len(server.export_when(PROJECT, EVENTS + 1, **DAYS)) == EVENTS + 1
