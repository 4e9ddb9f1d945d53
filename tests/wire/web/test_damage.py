"""A part of the store that is damaged while it runs, or while it is stopped: nothing vanishes without a word."""

from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.http.events import import_all, record, track
from tests.support.http.exchange import Request
from tests.support.reports import report, wait_for_facts
from tests.support.server import Project, Server, running_server
from tests.support.store.damaged_parts import active, empty_marks, path_of, truncated_data
from tests.support.store.process import RunningStore, migrated_store
from tests.support.waiting import wait_until
from tests.support.web.visitor import admin_password, signed_in
from trackway.store.client import Store

WAIT_S = 60
EVENTS = 40
DAYS = {"from_date": "2025-03-01", "to_date": "2025-03-02"}


def exported(server: Server) -> list[str]:
    return sorted(line["properties"]["$insert_id"] for line in server.export(server.project))


def metrics(server: Server) -> str:
    return server.ask(Request("GET", "/metrics")).body.decode()


def test_damage_is_told_and_what_it_held_is_there_again(tmp_path: Path) -> None:
    with (
        migrated_store(tmp_path / "store") as store,
        running_server(tmp_path / "data", "--store-url", store.url) as server,
    ):
        health = f"/app/projects/{server.project.project_id}/health"
        visit = signed_in(server, "admin", admin_password(server))
        track(server, [record(server.project, insert_id=f"id-{number}") for number in range(EVENTS)])
        server.wait_loaded()
        assert b"none was found" in visit.get(health).body
        before = exported(server)

        truncated_data(path_of(store.url, active(store.url, "events")[0]))
        wait_until(lambda: 'trackway_damage{place="events"} 1.0' in metrics(server), WAIT_S, lambda: metrics(server))
        wait_until(lambda: b"nothing lost" in visit.get(health).body, WAIT_S, lambda: str(visit.get(health).body))
        assert b"1 damaged in events" in visit.get(health).body
        assert exported(server) == before and len(before) == EVENTS

        part = path_of(store.url, active(store.url, "events")[0])
        store.stop()
        empty_marks(part)
        store.start()
        wait_until(lambda: 'trackway_damage{place="events"} 2.0' in metrics(server), WAIT_S, lambda: metrics(server))
        wait_until(lambda: exported(server) == before, WAIT_S, lambda: str(exported(server)))
        assert b"2 damaged in events" in visit.get(health).body


def numbers(server: Server, project: Project, path: str, asked: dict[str, str]) -> Any:
    answer = report(server, project, path, **asked)
    answer.pop("computed_at", None)
    return answer


def spoil_facts(store: RunningStore, table: str, project: Project) -> None:
    """Damage a part of a project's facts of which the engine has nothing in memory."""
    with closing(Store(store.url)) as client:
        client.command("SYSTEM DROP MARK CACHE")
    of_project = f"{project.project_id}-"
    empty_marks(path_of(store.url, next(each for each in active(store.url, table) if each.name.startswith(of_project))))


ASKED: dict[str, tuple[str, dict[str, str]]] = {
    "facts": ("segmentation", {"event": "a", "type": "unique", **DAYS}),
    "facts_counts": ("segmentation", {"event": "a", **DAYS}),
    "facts_sums": ("segmentation/sum", {"event": "a", "on": 'properties["n"]', **DAYS}),
}
"""A report that reads each table: persons are counted from facts, events and sums from what is derived."""


def test_reports_stay_right_beside_damaged_facts_which_are_built_anew(tmp_path: Path) -> None:
    """By the API and on a page. Each table is damaged for another project, since each waits for the compactor twice."""
    with (
        migrated_store(tmp_path / "store") as store,
        running_server(tmp_path / "data", "--store-url", store.url, "--report-cache-bytes", "0") as server,
    ):
        visit = signed_in(server, "admin", admin_password(server))
        projects = {table: server.create_project() for table in ASKED}
        for project in projects.values():
            import_all(server, project, some_events(project))
        server.wait_loaded()
        expected = {table: numbers(server, projects[table], *asked) for table, asked in ASKED.items()}
        trends = f"/app/projects/{projects['facts_counts'].project_id}/trends/csv"
        trends += f"?event=a&from={DAYS['from_date']}&to={DAYS['to_date']}"
        for project in projects.values():
            wait_for_facts(server, project)
        page = visit.get(trends)
        assert page.status == 200

        for table, project in projects.items():
            assert numbers(server, project, *ASKED[table]) == expected[table]
            spoil_facts(store, table, project)
            if table == "facts_counts":
                assert visit.get(trends).body == page.body
            assert numbers(server, project, *ASKED[table]) == expected[table]
        for table, project in projects.items():
            wait_for_facts(server, project)
            assert numbers(server, project, *ASKED[table]) == expected[table]
            assert f'trackway_damage{{place="{table}"}} 1.0' in metrics(server)
            health = visit.get(f"/app/projects/{project.project_id}/health").body
            assert f"1 damaged in {table}".encode() in health
            assert b"nothing lost" in health


def some_events(project: Project) -> list[dict[str, Any]]:
    return [
        record(
            project,
            "a",
            insert_id=f"id-{number}",
            time=1_740_800_000 + number * 900,
            distinct_id=f"p{number % 7}",
            n=number,
        )
        for number in range(EVENTS)
    ]
