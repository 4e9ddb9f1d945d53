"""The limits of a project on a running server: who is refused, when, how cheaply, and how they are shown."""

import json
import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import printed
from tests.support.http.encodings import JSON
from tests.support.http.events import record, track
from tests.support.http.exchange import Reply, Request
from tests.support.server import Project, Server, basic, running_server
from tests.support.waiting import wait_until

WORKERS = 8
IMPORTS, RECORDS = 20, 100


def limited_by(setting: str) -> bytes:
    """The body of a 429: the documented sentence first."""
    how = f"The limit is {setting}: 'trackway project set NAME {setting}=NUMBER' changes it, 0 lifts it."
    sentence = "Project exceeded rate limits. Please retry the request with exponential backoff."
    return f'{{"code":429,"error":"{sentence} {how}","status":"Too Many Requests"}}'.encode()


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    arguments = ["--rate-limits", "--workers", str(WORKERS), "--import-requests-per-hour", str(IMPORTS)]
    arguments += ["--ingest-records-per-minute", str(RECORDS)]
    with running_server(tmp_path_factory.mktemp("limits") / "data", *arguments) as running:
        yield running


def import_one(server: Server, project: Project, name: str) -> Reply:
    body = json.dumps([record(project, insert_id=name, time=1_600_000_000)]).encode()
    return server.ask(Request("POST", "/import?strict=1", (JSON, basic(project.secret)), body))


def uses(server: Server, project: Project) -> dict[str, dict[str, Any]]:
    reply = server.ask(Request("GET", "/api/app/rate-limits", (basic(project.secret),)))
    assert reply.status == 200
    told = json.loads(reply.body)
    assert (told["code"], told["status"]) == (200, "OK")
    return {each.pop("limit"): each for each in told["results"]}


def test_requests_of_many_clients_at_once_are_let_through_up_to_the_limit(limited: Server) -> None:
    project = limited.create_project()
    with ThreadPoolExecutor(2 * WORKERS) as threads:
        replies = list(threads.map(lambda number: import_one(limited, project, f"id-{number}"), range(3 * IMPORTS)))
    through = [reply for reply in replies if reply.status == 200]
    assert IMPORTS <= len(through) <= IMPORTS + WORKERS - 1
    refused = [reply for reply in replies if reply.status != 200]
    assert {(reply.status, reply.body) for reply in refused} == {(429, limited_by("import_requests_per_hour"))}
    assert all(0 < int(reply.header("retry-after") or 0) <= 3840 for reply in refused)
    use = uses(limited, project)["import_requests_per_hour"]
    assert (use["max"], use["used"], use["window_s"]) == (IMPORTS, len(through), 3600)
    assert 0 < use["retry_after_s"] <= use["reset_s"] <= 3840


def test_a_killed_worker_forgets_no_count(limited: Server) -> None:
    project = limited.create_project()
    for number in range(IMPORTS):
        assert import_one(limited, project, f"id-{number}").status == 200
    before = limited.processes()
    for role in before:
        if "edge" in role:
            os.kill(before[role], signal.SIGKILL)
    edges = {role: pid for role, pid in before.items() if "edge" in role}
    wait_until(
        lambda: all(limited.processes().get(role, pid) != pid for role, pid in edges.items()),
        30,
        lambda: f"{edges} are still those of {limited.processes()}",
    )
    assert import_one(limited, project, "one more").status == 429
    assert uses(limited, project)["import_requests_per_hour"]["used"] == IMPORTS


@pytest.mark.parametrize("path", ["/track", "/engage", "/import"])
def test_records_over_the_limit_are_a_429_on_every_endpoint(limited: Server, path: str) -> None:
    project = limited.create_project()
    events = [record(project, insert_id=f"id-{number}") for number in range(RECORDS)]
    track(limited, events)
    updates = [{"$token": project.token, "$distinct_id": "u", "$set": {"a": 1}}]
    body = json.dumps(updates if path == "/engage" else events[:1]).encode()
    limits = limited_by("ingest_records_per_minute")
    plain = limited.ask(Request("POST", path, (JSON, basic(project.secret)), body))
    assert (plain.status, plain.body) == (429, limits if path == "/import" else b"0")
    verbose = limited.ask(Request("POST", f"{path}?verbose=1", (JSON, basic(project.secret)), body))
    assert (verbose.status, verbose.body) == (429, limits)
    assert 0 < int(verbose.header("retry-after") or 0) <= 64
    other = limited.create_project()
    track(limited, [record(other, insert_id="a")])


def test_single_events_count_towards_the_limit_and_are_refused_by_themselves(limited: Server) -> None:
    full, other = limited.create_project(), limited.create_project()
    for number in range(RECORDS):
        track(limited, record(full, insert_id=f"id-{number}"))
    use = uses(limited, full)["ingest_records_per_minute"]
    assert (use["max"], use["used"]) == (RECORDS, RECORDS)
    single = json.dumps(record(full, insert_id="over")).encode()
    assert limited.ask(Request("POST", "/track", (JSON,), single)).status == 429
    track(limited, record(other, insert_id="a"))
    mixed = json.dumps([record(other, insert_id="b"), record(full, insert_id="over")]).encode()
    assert limited.ask(Request("POST", "/track", (JSON,), mixed)).status == 429
    limited.wait_loaded()
    assert [line["properties"]["$insert_id"] for line in limited.export(other)] == ["a"]
    assert len(limited.export(full)) == RECORDS


def test_a_refused_import_is_answered_before_its_body_is_sent(limited: Server) -> None:
    project = limited.create_project()
    for number in range(IMPORTS):
        assert import_one(limited, project, f"id-{number}").status == 200
    announced = (JSON, basic(project.secret), ("Content-Length", "10000000"))
    assert limited.ask(Request("POST", "/import?strict=1", announced)).status == 429


def test_limits_are_shown_by_the_command_line(limited: Server) -> None:
    project = limited.create_project()
    assert import_one(limited, project, "a").status == 200
    shown = trackway("project", "limits", str(project.project_id), "--json", data_dir=limited.data_dir)
    (imports,) = (each for each in json.loads(shown) if each["limit"] == "import_requests_per_hour")
    assert (imports["max"], imports["used"], imports["retry_after_s"]) == (IMPORTS, 1, 0)
    assert 0 < imports["reset_s"] <= 3840
    table = trackway("project", "limits", str(project.project_id), data_dir=limited.data_dir)
    assert re.search(rf"import_requests_per_hour +{IMPORTS} +1 +3600 s +0 s +[0-9]+ s", table)


def test_the_command_line_shows_the_running_servers_limits_whatever_it_was_started_with(
    server: Server, project: Project
) -> None:
    """That server runs with `--no-rate-limits`, of which a command knows nothing."""
    shown = trackway("project", "limits", project.name, "--json", data_dir=server.data_dir, at=server.projects_at)
    assert [each["max"] for each in json.loads(shown)] == [None] * 7
    table = trackway("project", "limits", project.name, data_dir=server.data_dir, at=server.projects_at)
    assert len(re.findall("no limit", table)) == 7


def test_limits_are_shown_to_the_project_alone(limited: Server) -> None:
    project = limited.create_project()
    path = "/api/app/rate-limits"
    assert limited.ask(Request("GET", path)).status == 401
    assert limited.ask(Request("GET", path, (basic("f" * 32),))).status == 401
    assert limited.ask(Request("GET", f"{path}?project_id=1", (basic(project.secret),))).status == 401
    assert limited.ask(Request("POST", path, (basic(project.secret),))).status == 405


def test_refusals_are_counted_by_project_and_limit(limited: Server) -> None:
    project = limited.create_project()
    for number in range(IMPORTS + 3):
        import_one(limited, project, f"id-{number}")
    page = limited.ask(Request("GET", "/metrics")).body.decode()
    labels = f'limit="import_requests_per_hour",project_id="{project.project_id}"'
    found = re.search(rf"trackway_rate_limited_requests_total\{{{labels}\}} ([0-9.]+)", page)
    assert found and float(found[1]) == 3


def trackway(*arguments: str, data_dir: Path, at: tuple[str, ...] = ()) -> str:
    return printed(*arguments, "--data-dir", str(data_dir), *at)
