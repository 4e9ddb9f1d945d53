"""What the pages say while the store is away: how the server is, and that nothing is lost."""

from pathlib import Path

from tests.support.http.events import record, track
from tests.support.server import running_server
from tests.support.store.process import migrated_store
from tests.support.web.visitor import admin_password, signed_in


def test_health_and_checklist_tell_that_the_store_is_away(tmp_path: Path) -> None:
    with (
        migrated_store(tmp_path / "store") as store,
        running_server(tmp_path / "data", "--store-url", store.url) as server,
    ):
        visit = signed_in(server, "admin", admin_password(server))
        above = f"/app/projects/{server.project.project_id}"
        track(server, record(server.project))
        server.wait_loaded()
        store.close()
        track(server, record(server.project))
        for page in ("health", "checklist"):
            reply = visit.get(f"{above}/{page}")
            assert reply.status == 200, page
            assert store.url.rpartition("@")[0].rpartition(":")[2].encode() not in reply.body
        assert b"The store does not answer now." in visit.get(f"{above}/health").body
        assert b"What arrives is kept, and shown once it is back." in visit.get(f"{above}/checklist").body
        for page in ("users", "groups", "rejected"):
            reply = visit.get(f"{above}/{page}")
            assert reply.status == 503, page
            assert b"The store cannot answer this now" in reply.body and b"127.0.0.1" not in reply.body
