"""`trackway migrate` from one project to another: trackway has the API of the source, too."""

import json
import signal
import subprocess
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.command_line import TRACKWAY, trackway
from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import new_account
from tests.support.waiting import wait_until
from trackway.transfer.limits import COMPARE_S_MAX

FIRST = date(2023, 11, 14)
BEGAN_MS = 1_699_920_000_000
DAY_MS = 86_400_000


class Migrating:
    """The command between two projects of one server."""

    def __init__(self, server: Server, source: Project, target: Project, directory: Path):
        self.server, self.source, self.target, self.directory = server, source, target, directory
        account = new_account(server, {source.project_id: "analyst"})
        self.secret = account.secret
        self.arguments = [
            "migrate", "--from", "mixpanel", "--project-id", str(source.project_id), "--username", account.username,
            "--url", server.url, "--requests-per-hour", "0", "--from-date", FIRST.isoformat(),
            "--data-dir", str(server.data_dir), "--project", str(target.project_id), "--state", str(directory),
            "--json",
        ]  # fmt: skip

    def send(self, path: str, records: list[dict[str, Any]], project: Project | None = None) -> None:
        for begin in range(0, len(records), 2000):
            body = orjson.dumps(records[begin : begin + 2000])
            request = Request("POST", path, (JSON, basic((project or self.source).secret)), body)
            assert self.server.ask(request).status == 200
        self.server.wait_loaded()

    def run(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        done = trackway(*self.arguments, *arguments, MIXPANEL_SECRET=self.secret)
        assert (done.returncode, done.stderr) == (code, ""), (done.stdout, done.stderr)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def queried(self, path: str) -> Any:
        reply = self.server.ask(Request("GET", path, (basic(self.target.secret),)))
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def lines(self, project: Project) -> list[str]:
        """The events of a project, sorted, without what the server made."""
        found = []
        for each in self.server.export(project, time_in_ms="true"):
            made = ("$mp_api_timestamp_ms", "mp_processing_time_ms")
            own = {name: value for name, value in each["properties"].items() if name not in made}
            found.append(json.dumps([each["event"], own], sort_keys=True))
        return sorted(found)


@pytest.fixture
def migrating(server: Server, project: Project, tmp_path: Path) -> Migrating:
    return Migrating(server, project, server.create_project(), tmp_path)


def events(count: int, days: int) -> list[dict[str, Any]]:
    return [
        {
            "event": f"e{number % 3}",
            "properties": {
                "time": BEGAN_MS + number % days * DAY_MS + number, "distinct_id": f"$device:d{number % 5}",
                "$device_id": f"d{number % 5}", "$insert_id": f"id-{number}", "n": number, "text": "ü\u2028",
            },
        }
        for number in range(count)
    ]  # fmt: skip


def test_events_profiles_groups_and_tables_are_copied_and_compared(migrating: Migrating) -> None:
    migrating.send("/import?strict=1", events(300, 3))
    linked = {"$device_id": "d1", "$user_id": "ann", "distinct_id": "ann", "time": BEGAN_MS, "$insert_id": "link"}
    migrating.send("/import?strict=1", [{"event": "sign up", "properties": linked}])
    token = migrating.source.token
    users = [{"$token": token, "$distinct_id": f"u{n}", "$ignore_time": True, "$set": {"n": n}} for n in range(1200)]
    migrating.send("/engage", users)
    migrating.send(
        "/groups",
        [{"$token": token, "$group_key": "company", "$group_id": "c", "$ignore_time": True, "$set": {"plan": "x"}}],
    )
    for name in ("Songs", "Empty"):
        asked = Request("POST", f"/lookup-tables?name={name}", (basic(migrating.source.secret),))
        assert migrating.server.ask(asked).status == 200
    (migrating.directory / "songs.csv").write_text("song,artist\n1,Ann\n")
    tables = ["--lookup-table", f"Songs={migrating.directory / 'songs.csv'}"]
    for _ in range(2):
        found = migrating.run("--to-date", "2023-11-17", "--group", "company=company", *tables)
        assert (found["imported"], found["rejected"]) == (301 + 1200 + 1, 0)
        assert found["profiles"] == {"": 1200, "company": 1}
        assert found["lookup_tables"] == {"Songs": True, "Empty": False}
        assert [list(each.values()) for each in found["days"]] == [
            ["2023-11-14", 101, 101, 101],
            ["2023-11-15", 100, 100, 100],
            ["2023-11-16", 100, 100, 100],
            ["2023-11-17", 0, 0, 0],
        ]
    assert migrating.lines(migrating.target) == [
        line.replace('"/track"', '"/import"') for line in migrating.lines(migrating.source)
    ]
    assert migrating.queried("/api/2.0/engage?where=properties[%22n%22]==7")["results"] == [
        {"$distinct_id": "u7", "$properties": {"n": 7}}
    ]
    [group] = migrating.queried("/api/2.0/engage?data_group_id=company")["results"]
    assert group == {"$distinct_id": "c", "$properties": {"plan": "x"}}
    assert [each.name for each in migrating.directory.iterdir()] == ["songs.csv"]


def test_a_migration_that_is_killed_continues_behind_the_days_that_are_done(migrating: Migrating) -> None:
    migrating.send("/import?strict=1", events(20_000, 40))
    last = (FIRST + timedelta(days=39)).isoformat()
    command = [TRACKWAY, *migrating.arguments, "--to-date", last, "--secret", migrating.secret]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def done() -> int:
        found = list(migrating.directory.glob(".trackway-migrate-*.json"))
        return len(json.loads(found[0].read_text())["days"]) if found else 0

    wait_until(lambda: done() > 2 or first.poll() is not None, 60, lambda: "no day is done")
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=60)
    assert 0 < done() < 40, "it has ended before it was ended"
    found = migrating.run("--to-date", last)
    assert found["resumed"] and found["imported"] == 20_000
    assert all(each["exported"] == each["here"] == each["source"] == 500 for each in found["days"])
    assert migrating.lines(migrating.target) == migrating.lines(migrating.source)


def test_a_difference_is_shown_and_is_exit_code_1(migrating: Migrating) -> None:
    migrating.send("/import?strict=1", events(10, 1))
    other = [{"event": "e0", "properties": {"time": BEGAN_MS, "distinct_id": "z", "$insert_id": "other"}}]
    migrating.send("/import?strict=1", other, migrating.target)
    began_s = time.monotonic()
    found = migrating.run("--to-date", FIRST.isoformat(), code=1)
    assert found["days"] == [{"day": FIRST.isoformat(), "exported": 10, "source": 10, "here": 11}]
    assert time.monotonic() - began_s < COMPARE_S_MAX, "what is more here is not waited for"


def test_wrong_credentials_and_arguments_are_refused(migrating: Migrating, tmp_path: Path) -> None:
    done = trackway(*migrating.arguments, MIXPANEL_SECRET="not-the-secret")
    assert done.returncode == 1 and "refused: 401" in done.stderr and "not-the-secret" not in done.stderr
    (tmp_path / "secret").write_text(migrating.secret + "\n")
    both = ["--secret", "a", "--secret-file", str(tmp_path / "secret")]
    for arguments in (
        [],
        both,
        ["--secret=a", "--group=x"],
        ["--secret=a", "--time-zone=Mars"],
        ["--secret=a", "--to-date=1"],
    ):
        done = trackway(*migrating.arguments, *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
    done = trackway(*migrating.arguments, "--secret-file", str(tmp_path / "secret"), "--to-date", FIRST.isoformat())
    assert done.returncode == 0, done.stderr
