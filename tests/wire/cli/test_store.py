"""`trackway store` against a running server: facts are rebuilt and checked, in words and as JSON."""

import json
import os
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.command_line import trackway
from tests.support.http.events import import_all, record
from tests.support.http.exchange import Request
from tests.support.reports import wait_for_facts
from tests.support.server import Project, Server, basic, running_server
from tests.support.store.damaged_parts import active, path_of
from tests.support.store.process import migrated_store
from tests.support.waiting import wait_until
from tests.support.web.visitor import admin_password, signed_in
from trackway.store.client import Store

EVENTS = 7


def fill(server: Server, project: Project) -> None:
    days = [
        record(project, f"e{number % 2}", insert_id=f"id-{number}", time=1_740_800_000 + number * 86_400)
        for number in range(EVENTS)
    ]
    import_all(server, project, days)
    server.wait_loaded()
    wait_for_facts(server, project)


def actions(server: Server, project: Project) -> list[str]:
    return [each.action for each in server.projects.audit(10, None, project.project_id, [])]


def asked(server: Server, command: str, project: Project, *more: str) -> Any:
    return trackway("store", command, "--project", project.name, "--data-dir", str(server.data_dir), *more)


def test_facts_are_rebuilt_checked_and_shown(tmp_path: Path) -> None:
    """On a server of its own: others' projects would be compacted first."""
    with running_server(tmp_path / "data") as server:
        project = server.project
        fill(server, project)
        done = asked(server, "check", project)
        assert (done.returncode, done.stderr, done.stdout) == (
            0,
            "",
            f"{EVENTS} events compared, no difference, no fault.\n",
        )
        at_once = asked(server, "rebuild", project, "--no-wait", "--json")
        [state] = json.loads(at_once.stdout)
        assert at_once.returncode == 0 and (state["project_id"], state["events"]) == (project.project_id, EVENTS)
        wait_until(lambda: "facts rebuilt" in actions(server, project), 30, lambda: "the audit has no entry")
        done = asked(server, "rebuild", project, "--json")
        [state] = json.loads(done.stdout)
        assert done.returncode == 0 and (state["state"], state["behind"], state["percent"]) == ("complete", 0, 100)
        wait_for_facts(server, project)
        found = json.loads(asked(server, "check", project, "--json").stdout)
        [of_project] = found["projects"]
        assert (of_project["events"], of_project["differing"], of_project["differences"]) == (EVENTS, 0, [])
        assert (of_project["stored"], of_project["there"], of_project["faults"]) == (EVENTS, EVENTS, [])
        assert found["store"]["faults"] == [] and found["store"]["parts"] > 5


def test_what_differs_is_printed_and_the_page_shows_the_state(tmp_path: Path) -> None:
    with (
        migrated_store(tmp_path / "store") as running,
        running_server(tmp_path / "data", "--store-url", running.url) as server,
    ):
        project = server.project
        fill(server, project)
        visit = signed_in(server, "admin", admin_password(server))
        health = f"/app/projects/{project.project_id}/health"
        wait_until(
            lambda: b'<b class="good">up to date</b>, changed' in visit.get(health).body,
            30,
            lambda: str(visit.get(health).body),
        )
        with closing(Store(running.url)) as store:
            store.command("ALTER TABLE facts UPDATE key = key + 1 WHERE event = 'e1' SETTINGS mutations_sync = 1")
            done = trackway("store", "check", "--data-dir", str(server.data_dir))
            assert (done.returncode, done.stderr) == (1, "")
            rows = [line.split() for line in done.stdout.splitlines()]
            days = ("2025-03-02", "2025-03-04", "2025-03-06")
            assert [row[-6:] for row in rows if "e1" in row] == [
                [day, "e1", "facts", "1", "1", "content"] for day in days
            ]
            assert not any("e0" in row for row in rows)
            assert done.stdout.endswith(f"{EVENTS} events compared, 3 differences, no fault.\n")
            assert trackway("store", "rebuild", "--data-dir", str(server.data_dir)).returncode == 0
            store.command(
                "ALTER TABLE facts_counts UPDATE events = events + 1 WHERE event = 'e0' AND slot = 255"
                " AND toString(day) = '2025-03-01' SETTINGS mutations_sync = 1"
            )
            done = trackway("store", "check", "--data-dir", str(server.data_dir))
            [row] = [line.split() for line in done.stdout.splitlines() if "e0" in line]
            assert (done.returncode, row[-6:]) == (1, ["2025-03-01", "e0", "facts_counts", "1", "2", "number"])
            assert trackway("store", "rebuild", "--data-dir", str(server.data_dir)).returncode == 0
        done = trackway("store", "check", "--data-dir", str(server.data_dir))
        assert (done.returncode, done.stdout) == (0, f"{EVENTS} events compared, no difference, no fault.\n")


def checked(server: Server) -> tuple[int, list[str], list[str]]:
    """The exit code, the faults of the whole store, and those of the server's project."""
    done = asked(server, "check", server.project, "--json")
    assert done.stderr == "", done
    found = json.loads(done.stdout)
    [of_project] = found["projects"]
    return done.returncode, found["store"]["faults"], of_project["faults"]


def test_facts_that_are_being_built_are_no_fault(tmp_path: Path) -> None:
    with (
        migrated_store(tmp_path / "store") as running,
        running_server(tmp_path / "data", "--store-url", running.url) as server,
        closing(Store(running.url)) as store,
    ):
        project = server.project
        fill(server, project)
        loader = server.processes()["loader"]
        os.kill(loader, signal.SIGSTOP)  # so nobody builds
        try:
            store.command(f"INSERT INTO facts_rebuilds (project_id) VALUES ({project.project_id})")
            done = asked(server, "check", project)
            assert (done.returncode, done.stderr) == (0, "")
            assert "facts are being built (0 %): compare them with the events later" in done.stdout
            assert done.stdout.endswith("0 events compared, no difference, no fault.\n") and "Fault" not in done.stdout
            [of_project] = json.loads(asked(server, "check", project, "--json").stdout)["projects"]
            assert of_project["facts"] == {"state": "building", "percent": 0} and of_project["there"] == EVENTS
        finally:
            os.kill(loader, signal.SIGCONT)
        wait_for_facts(server, project)
        assert checked(server) == (0, [], [])


def flip(path: Path) -> None:
    """Change a bit in the middle of a file: its size stays, its checksum is wrong."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_each_kind_of_damage_is_found(tmp_path: Path) -> None:
    with (
        migrated_store(tmp_path / "store") as running,
        running_server(tmp_path / "data", "--store-url", running.url) as server,
        closing(Store(running.url)) as store,
    ):
        import_all(server, server.project, [record(server.project, f"e{n % 2}", insert_id=f"id-{n}") for n in range(6)])
        server.wait_loaded()
        wait_for_facts(server, server.project)
        assert checked(server) == (0, [], [])

        part = active(running.url, "events")[0]
        store.command("ALTER TABLE events DETACH PART {part:String}", {"part": part.name})
        code, of_store, of_project = checked(server)
        assert (code, of_project) == (1, [f"{part.rows} events are missing"])
        assert len(of_store) == 1 and of_store[0].startswith(f"part {part.name} of events was taken out: ")
        store.command("ALTER TABLE events ATTACH PART {part:String}", {"part": part.name})

        store.command("ALTER TABLE events DELETE WHERE event = 'e0' SETTINGS mutations_sync = 1")
        ahead = 1 << 60
        store.command(f"INSERT INTO loads (from_position, to_position, records) VALUES ({ahead}, {ahead}, 0)")
        code, of_store, of_project = checked(server)
        assert (code, of_project) == (1, ["3 events are missing"])
        assert len(of_store) == 1 and of_store[0].startswith(
            f"the store has loaded up to position {ahead}, and the jou"
        )

        # At the end, since the server's own sweep takes the part out when it finds it.
        flip(path_of(running.url, active(running.url, "events")[0]) / "data.bin")
        store.command("SYSTEM DROP MARK CACHE")
        code, of_store, _ = checked(server)
        assert code == 1 and len(of_store) == 2 and any("of events cannot be read: " in each for each in of_store)


def test_the_whole_store_is_the_operators(server: Server, project: Project) -> None:
    for path in ("", "/part?table=events&part=x"):
        reply = server.ask(Request("GET", f"/api/app/store{path}", (basic(project.secret),)))
        assert reply.status == 403 and b"on the server's machine" in reply.body


def test_a_step_that_makes_no_sense_is_refused_by_name(server: Server, project: Project) -> None:
    for query, error in (
        ("from_date=2025-01-02&to_date=2025-01-01", "from_date must not be after to_date"),
        ("from_date=x&to_date=2025-01-01", "from_date must be a date as yyyy-mm-dd, not 'x'"),
        ("from_date=2025-01-01&to_date=2025-01-01&pieces=2&piece=2", "piece must be a whole number from 0 to 1"),
    ):
        reply = server.ask(Request("GET", f"/api/app/facts/compare?{query}", (basic(project.secret),)))
        assert (reply.status, json.loads(reply.body)["error"]) == (400, error)
