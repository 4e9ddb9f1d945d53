"""The server exports on a schedule, each project into its folder, whatever is killed; and shows how it goes."""

import json
import os
import signal
from pathlib import Path

import polars as pl

from tests.support.command_line import trackway
from tests.support.http.events import import_all, record
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, running_server
from tests.support.waiting import wait_until
from tests.support.web.visitor import admin_password, signed_in

DAYS = 30


def ids(out: Path, project: Project) -> list[str]:
    """The ids of all exported events of a project, sorted. Files that are replaced meanwhile are read again."""
    files = out / f"project={project.project_id}" / "day=*" / "*.parquet"
    if not any(out.glob(f"project={project.project_id}/day=*/*.parquet")):
        return []
    try:
        return sorted(pl.read_parquet(files)["insert_id"])
    except FileNotFoundError:
        return []


def send(server: Server, project: Project, numbers: range) -> None:
    days = [
        record(project, "e", insert_id=f"id-{number}", time=1_740_800_000 + number % DAYS * 86_400)
        for number in numbers
    ]
    import_all(server, project, days)


def status(server: Server) -> dict[str, object]:
    found: dict[str, object] = json.loads(trackway("status", "--data-dir", str(server.data_dir), "--json").stdout)
    return found


def wait_for_more(out: Path, project: Project, seen: int) -> None:
    wait_until(lambda: len(ids(out, project)) > seen, 60, lambda: "nothing is exported")


def kill_export(server: Server) -> None:
    victim = server.processes()["export"]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: server.processes().get("export", victim) != victim, 60, lambda: "it stays away")


def test_a_schedule_that_is_killed_has_each_event_once(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with running_server(tmp_path / "data", "--export-to", str(out), "--export-every", "1s") as server:
        other = server.create_project()
        send(server, other, range(3))
        for turn in range(4):
            send(server, server.project, range(turn * 500, turn * 500 + 500))
            wait_for_more(out, server.project, len(ids(out, server.project)))
            kill_export(server)
        expected = sorted(f"id-{number}" for number in range(2000))
        wait_until(lambda: ids(out, server.project) == expected, 120, lambda: str(len(ids(out, server.project))))
        wait_until(lambda: ids(out, other) == ["id-0", "id-1", "id-2"], 60, lambda: str(ids(out, other)))
        exports = status(server)["exports"]
        assert isinstance(exports, dict) and exports["age_s"] < 60 and exports["failing"] == 0
        visit = signed_in(server, "admin", admin_password(server))
        assert b"the last one ended" in visit.get(f"/app/projects/{other.project_id}/health").body

        state = out / f"project={other.project_id}" / "_trackway_export.json"
        state.write_text("{")
        wait_until(lambda: "fail" in str(advice(server)), 60, lambda: str(status(server)))
        page = visit.get(f"/app/projects/{other.project_id}/health").body
        assert b"a later try failed" in page and str(out).encode() not in page
        state.unlink()
        wait_until(lambda: "fail" not in str(advice(server)), 60, lambda: str(status(server)))
        metrics = server.ask(Request("GET", "/metrics")).body.decode()
        assert 'trackway_exports_total{outcome="failed"}' in metrics
        wait_until(lambda: ids(out, other) == ["id-0", "id-1", "id-2"], 60, lambda: str(ids(out, other)))


def advice(server: Server) -> list[str]:
    found = status(server)["advice"]
    assert isinstance(found, list)
    return [each for each in found if "xport" in each]
