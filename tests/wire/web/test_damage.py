"""A part of the store that is damaged while it runs, or while it is stopped: nothing vanishes without a word."""

from pathlib import Path

from tests.support.http.events import record, track
from tests.support.http.exchange import Request
from tests.support.server import Server, running_server
from tests.support.store.damaged_parts import active, empty_marks, path_of, truncated_data
from tests.support.store.process import running_store
from tests.support.waiting import wait_until
from tests.support.web.visitor import admin_password, signed_in

WAIT_S = 60
EVENTS = 40


def exported(server: Server) -> list[str]:
    return sorted(line["properties"]["$insert_id"] for line in server.export(server.project))


def metrics(server: Server) -> str:
    return server.ask(Request("GET", "/metrics")).body.decode()


def test_damage_is_told_and_what_it_held_is_there_again(tmp_path: Path) -> None:
    with (
        running_store(tmp_path / "store") as store,
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
