"""A shorter default retention waits until a command has shown what it deletes, and somebody has confirmed it."""

import json
import time
from pathlib import Path

from tests.support.command_line import trackway
from tests.support.http.events import import_all, record
from tests.support.server import Project, Server, running_server
from tests.support.waiting import wait_until
from tests.support.web.visitor import admin_password, signed_in

DAY_S = 86_400
KEEP_20 = ("--default-event-retention", "20")


def ids(server: Server, project: Project) -> list[str]:
    return sorted(each["properties"]["$insert_id"] for each in server.export(project))


def test_a_shorter_default_waits_until_it_is_confirmed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    at = ("--data-dir", str(data))
    with running_server(data) as server:
        project = server.project
        assert json.loads(trackway("status", *at, "--json").stdout)["advice"] == []
        events = [record(project, "e", insert_id=f"age-{age}", time=int(time.time()) - age * DAY_S) for age in (1, 40)]
        import_all(server, project, events)
        server.wait_loaded()
    with running_server(data, *KEEP_20) as server:
        server.wait_loaded()
        assert ids(server, project) == ["age-1", "age-40"]
        [advice] = json.loads(trackway("status", *at, "--json").stdout)["advice"]
        assert "not confirmed, so forever" in advice
        visit = signed_in(server, "admin", admin_password(server))
        assert b"of 20 days is not confirmed" in visit.get(f"/app/projects/{project.project_id}/health").body
        shown = json.loads(trackway("retention", "show", *at, *KEEP_20, "--json").stdout)
        deleted = {each["name"]: each["events"] for each in shown["deletes"]}
        assert deleted[project.name] == sum(deleted.values()) == 1
        assert (shown["default_event_retention"], shown["counts"], shown["clock_days_ahead"]) == (20, "forever", 0)
        asked = trackway("retention", "confirm", *at, *KEEP_20)
        assert asked.returncode == 2 and "give --yes" in asked.stderr and "waits. It would delete" in asked.stderr
        done = trackway("retention", "confirm", *at, *KEEP_20, "--yes")
        assert (done.returncode, done.stdout) == (0, "20 days are confirmed: restart the server to let them count.\n")
        assert trackway("retention", "confirm", *at, *KEEP_20).stdout == "Nothing waits to be confirmed.\n"
        nothing = json.loads(trackway("retention", "confirm", *at, *KEEP_20, "--json").stdout)
        assert nothing == {"default_event_retention": None, "clock_days_ahead": 0}
    with running_server(data, *KEEP_20) as server:
        wait_until(lambda: ids(server, project) == ["age-1"], 30, lambda: str(ids(server, project)))
        assert json.loads(trackway("status", *at, "--json").stdout)["advice"] == []
