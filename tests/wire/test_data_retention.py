"""Retentions of a project: asked about before they delete, by API, command and page; then followed everywhere."""

import json
import re
import time
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from tests.support.command_line import trackway
from tests.support.http.encodings import JSON
from tests.support.http.events import import_all, record
from tests.support.http.exchange import Request
from tests.support.server import IN_EVERY_PROCESS, Project, Server, basic
from tests.support.service_accounts import Credentials, ask_json, new_account
from tests.support.waiting import wait_until
from tests.support.web.visitor import Visit, signed_in

DAY_S = 86_400
AGES_DAYS = (0, 3, 10, 40)
FOLLOWED_S = 30
REASON = "'properties.time' is invalid: must not be older than 20 days, which is how long the project keeps events"


@pytest.fixture
def owner(server: Server, project: Project) -> Credentials:
    return new_account(server, {project.project_id: "owner"})


def path_of(project: Project) -> str:
    return f"/api/app/projects/{project.project_id}"


def aged(project: Project, days: int) -> dict[str, Any]:
    return record(project, "seen", insert_id=f"age-{days}", time=int(time.time()) - days * DAY_S)


def ages(server: Server, project: Project) -> list[str]:
    return sorted(each["properties"]["$insert_id"] for each in server.export(project))


def send_all(server: Server, project: Project) -> None:
    import_all(server, project, [aged(project, days) for days in AGES_DAYS])
    server.wait_loaded()
    assert len(ages(server, project)) == len(AGES_DAYS)


def stored(server: Server, project: Project) -> tuple[int | None, int | None]:
    found = server.projects.named(str(project.project_id))
    return found.event_retention, found.profile_retention


def until(holds: Callable[[], bool]) -> None:
    wait_until(holds, FOLLOWED_S, lambda: "the retention is not followed")


def imported(server: Server, project: Project, events: list[dict[str, Any]]) -> tuple[int, Any]:
    body = json.dumps(events).encode()
    reply = server.ask(Request("POST", "/import?strict=1", (JSON, basic(project.secret)), body))
    return reply.status, json.loads(reply.body)


def test_a_retention_is_confirmed_and_then_followed_by_reports_imports_and_exports(
    server: Server, project: Project, owner: Credentials
) -> None:
    send_all(server, project)
    reply = ask_json(server, "PATCH", path_of(project), owner, {"event_retention": 20})
    answer = json.loads(reply.body)
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 40 * DAY_S))
    assert reply.status == 409
    assert answer["error"] == f'this deletes 1 event of {day}: send "confirm": true to delete it'
    assert answer["deletes"] == {"events": 1, "first_day": day, "last_day": day, "profiles": 0}
    assert stored(server, project) == (None, None)
    reply = ask_json(server, "PATCH", path_of(project), owner, {"event_retention": 20, "confirm": True})
    assert (reply.status, json.loads(reply.body)["results"]["event_retention"]) == (200, 20)
    until(lambda: "age-40" not in ages(server, project))
    assert ages(server, project) == ["age-0", "age-10", "age-3"]
    late = [aged(project, 40)]
    until(lambda: all(imported(server, project, late)[0] == 400 for _ in range(IN_EVERY_PROCESS)))
    status, answer = imported(server, project, [aged(project, 40), aged(project, 3)])
    assert (status, answer["num_records_imported"]) == (400, 1)
    [failed] = answer["failed_records"]
    assert (failed["field"], failed["message"]) == ("properties.time", REASON)
    noted = [each for each in server.projects.audit(20, None, project.project_id) if "retention" in each.action]
    assert [(each.action, each.subject) for each in noted] == [("event retention changed", "20 days")]
    # A longer one deletes nothing, so nothing is asked; older events are taken again.
    reply = ask_json(server, "PATCH", path_of(project), owner, {"event_retention": "forever"})
    assert (reply.status, json.loads(reply.body)["results"]["event_retention"]) == (200, "forever")
    older = record(project, "seen", insert_id="age-60", time=int(time.time()) - 60 * DAY_S)
    until(lambda: imported(server, project, [older])[0] == 200)


def test_track_says_0_or_1_and_the_project_sees_why(server: Server, project: Project, owner: Credentials) -> None:
    ask_json(server, "PATCH", path_of(project), owner, {"event_retention": 2})

    def sent() -> bytes:
        body = json.dumps(record(project, "late", insert_id="late", time=int(time.time()) - 4 * DAY_S)).encode()
        return server.ask(Request("POST", "/track", (JSON,), body)).body

    until(lambda: sent() == b"0")
    sent_now = json.dumps(record(project, "now", insert_id="now", time=int(time.time()))).encode()
    assert server.ask(Request("POST", "/track", (JSON,), sent_now)).body == b"1"
    server.wait_loaded()
    page = signed_in(server, owner.username, owner.secret).get(f"/app/projects/{project.project_id}/rejected")
    assert "must not be older than 2 days" in unescape(page.body.decode())


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"event_retention": 0}, "event_retention must be 1 to 36500 days, or forever, not '0'"),
        ({"event_retention": "soon"}, "event_retention must be 1 to 36500 days, or forever, not 'soon'"),
        ({"profile_retention": 40000}, "profile_retention must be 1 to 36500 days, or forever, not 40000"),
    ],
)
def test_a_wrong_retention_is_a_400_with_the_bounds(
    server: Server, project: Project, owner: Credentials, body: dict[str, Any], error: str
) -> None:
    reply = ask_json(server, "PATCH", path_of(project), owner, body)
    assert (reply.status, json.loads(reply.body)["error"]) == (400, error)
    assert stored(server, project) == (None, None)


def test_a_command_says_what_it_deletes_and_needs_a_yes(server: Server, project: Project) -> None:
    send_all(server, project)
    command = ["project", "set", project.name, "--data-dir", str(server.data_dir)]
    dry = trackway(*command, "--event-retention", "5", "--dry-run", "--json")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert json.loads(dry.stdout)["events"] == 2
    done = trackway(*command, "--event-retention", "5")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(r"This deletes 2 events of \S+ to \S+, for good\.\n", done.stderr)
    assert done.stderr.endswith("trackway: nobody is there to type yes: give --yes\n")
    assert stored(server, project) == (None, None)
    done = trackway(*command, "--event-retention", "5", "--profile-retention", "100", "--yes", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["event_retention"] == 5
    assert stored(server, project) == (5, 100)
    until(lambda: ages(server, project) == ["age-0", "age-3"])
    done = trackway(*command, "--event-retention", "default", "--profile-retention", "forever")
    assert (done.returncode, done.stderr) == (0, "")
    assert stored(server, project) == (None, 0)


def test_a_page_asks_for_a_typed_yes(server: Server, project: Project, owner: Credentials) -> None:
    send_all(server, project)
    visit = signed_in(server, owner.username, owner.secret)
    values = {"event_retention": "5", "profile_retention": ""}
    for typed in ({}, {"typed": "no"}):
        page = kept(visit, project, values | typed)
        assert page[0] == 200
        assert "This deletes 2 events of" in page[1]
        assert stored(server, project) == (None, None)
    assert kept(visit, project, values | {"typed": "yes"})[0] == 303
    assert stored(server, project) == (5, None)
    assert kept(visit, project, {"event_retention": "x", "profile_retention": ""})[0] == 400
    until(lambda: ages(server, project) == ["age-0", "age-3"])


def kept(visit: Visit, project: Project, values: dict[str, str]) -> tuple[int, str]:
    reply = visit.post(f"/app/projects/{project.project_id}/settings/retention", values)
    return reply.status, unescape(reply.body.decode())
