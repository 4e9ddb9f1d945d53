"""Whether the store's threads have priorities: the log says so at the start, the metrics and the health page at all
times."""

from pathlib import Path

from tests.support.capabilities import SYS_NICE, without
from tests.support.command_line import TRACKWAY
from tests.support.http.exchange import Request
from tests.support.server import Server, running_server
from tests.support.store.process import migrated_store
from tests.support.web.visitor import admin_password, signed_in
from trackway.runtime.thread_priority import has_sys_nice

LINE = "the server may set no priorities"


def metrics(server: Server) -> str:
    return server.ask(Request("GET", "/metrics")).body.decode()


def log(server: Server) -> str:
    return (server.data_dir / "serve.log").read_text()


def health(server: Server, password: str) -> str:
    visit = signed_in(server, "admin", password)
    return visit.get(f"/app/projects/{server.project.project_id}/health").body.decode()


def test_a_server_without_the_capability_says_so(tmp_path: Path) -> None:
    def seen() -> None:
        with running_server(tmp_path, program=TRACKWAY) as server:  # one that is forked would have what this one lacks
            assert not has_sys_nice(Path(f"/proc/{server.processes()['store']}/status").read_text())
            assert log(server).count(LINE) == 1
            assert "trackway_store_priorities 0.0" in metrics(server)
            assert "<code>CAP_SYS_NICE</code>" in health(server, admin_password(server))

    without(SYS_NICE, seen)


def test_a_server_says_what_its_store_may(server: Server, password: str) -> None:
    may = has_sys_nice(Path(f"/proc/{server.processes()['store']}/status").read_text())
    assert log(server).count(LINE) == (not may)
    assert f"trackway_store_priorities {float(may)}" in metrics(server)
    shown = health(server, password)
    assert ("ingestion goes before reports" in shown, "CAP_SYS_NICE" in shown) == (may, not may)


def test_a_server_says_nothing_of_a_store_elsewhere(tmp_path: Path) -> None:
    with (
        migrated_store(tmp_path / "store") as store,
        running_server(tmp_path / "data", "--store-url", store.url) as server,
    ):
        assert LINE not in log(server)
        assert "\ntrackway_store_priorities" not in metrics(server)
        assert "Priorities" not in health(server, admin_password(server))
