"""What two machines with one journal, one store and one database of projects know of each other."""

import contextlib
import json
import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import update

from tests.support.alerts.receiver import running_receiver
from tests.support.docs.state_table import unnamed_files
from tests.support.http.encodings import JSON
from tests.support.http.events import record
from tests.support.http.exchange import Request
from tests.support.journal.nats_cluster import NatsCluster
from tests.support.journal.nats_site import new_streams
from tests.support.projects.postgresql import Cluster
from tests.support.server import Project, Server, basic, running_server
from tests.support.store.served import ServedStore
from tests.support.waiting import wait_until
from tests.support.web.visitor import Visit, admin_password, signed_in
from trackway.projects.alert import Wanted
from trackway.projects.alert_condition import Quiet
from trackway.projects.alert_table import Alerts
from trackway.projects.project_lock import replay_lock
from trackway.projects.saved import Creator
from trackway.projects.tables.alerts import alerts

IMPORTS_MAX = 5
SHARED_S = 2.0
"""Twice what it takes at most until the other machine knows."""
ENDS_S_MAX = 10.0
QUIET_S = 4.0
ARGUMENTS = (
    "--workers", "2", "--rate-limits", "--import-requests-per-hour", str(IMPORTS_MAX),
    "--export-requests-per-hour", "100000", "--alert-hosts", "127.0.0.1", "--alert-interval-s", "1",
)  # fmt: skip
Pair = tuple[Server, Server]


@pytest.fixture(scope="module")
def pair(nats: NatsCluster, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    new_streams(nats)
    directory, database = tmp_path_factory.mktemp("machines"), cluster.new_database()
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(ServedStore(directory / "store"))
        shared = ("--journal-url", nats.url, "--store-url", store.url, "--projects-url", database, *ARGUMENTS)
        one, other = (stack.enter_context(running_server(directory / name, *shared)) for name in "ab")
        yield one, other


@pytest.fixture(scope="module")
def password(pair: Pair) -> str:
    """The admin password of both."""
    return admin_password(pair[0])


def passed(server: Server, project: Project, calls: int) -> int:
    """How many requests to /import are let through."""
    body = json.dumps([record(project)]).encode()
    replies = [server.ask(Request("POST", "/import", (JSON, basic(project.secret)), body)) for _ in range(calls)]
    assert all(int(reply.header("retry-after") or 0) > 0 for reply in replies if reply.status == 429)
    assert {reply.status for reply in replies} <= {200, 429}, replies
    return sum(reply.status == 200 for reply in replies)


@pytest.mark.timeout(120)
def test_what_one_machine_lets_through_counts_on_the_other(pair: Pair) -> None:
    one, other = pair
    project = one.create_project()
    other._wait_known(project)
    assert passed(one, project, IMPORTS_MAX - 1) == IMPORTS_MAX - 1
    time.sleep(SHARED_S)
    assert passed(other, project, 8) == 1
    time.sleep(SHARED_S)
    assert passed(one, project, 4) == passed(other, project, 4) == 0


@pytest.mark.timeout(120)
def test_who_signs_in_or_out_on_one_machine_does_so_on_both(pair: Pair, password: str) -> None:
    one, other = pair
    here = signed_in(one, "admin", password)
    there = Visit(other, here.cookies.copy())
    assert there.get("/app/").status == 200
    assert here.post("/app/sign-out").status == 303
    wait_until(lambda: there.get("/app/").status == 303, ENDS_S_MAX, lambda: "the session lives on")


def test_keys_are_in_the_database_of_projects_and_one_is_copied_for_backups(pair: Pair) -> None:
    copies = {(path.name, path.read_bytes()) for server in pair for path in server.data_dir.glob("*.key")}
    assert [name for name, _ in copies] == ["erasure.key"]
    with psycopg.connect(pair[0].projects_at[1]) as connection:
        names = connection.execute("SELECT name FROM server_keys ORDER BY name").fetchall()
    assert names == [("erasure-us",), ("session",)]


@pytest.mark.timeout(120)
def test_an_alert_is_looked_at_by_one_machine_and_told_once(pair: Pair) -> None:
    one, _ = pair
    with running_receiver() as receiver:
        made = Alerts(one.projects)
        wanted = Wanted("It is quiet", Quiet(1), receiver.url("/quiet"), (), True, "http://127.0.0.1/app")
        alert = made.create(one.create_project().project_id, wanted, Creator(None, "admin"), None)
        with one.projects.saving() as change:
            change.note()
            chosen = alerts.c.alert_id == alert.alert_id
            change.connection.execute(update(alerts).where(chosen).values(next_look_ms=0, watched_from_ms=0))
        receiver.wait("/quiet", 1)
        time.sleep(QUIET_S)  # both machines would have looked some times
        assert len(receiver.at("/quiet")) == 1
        with psycopg.connect(one.projects_at[1]) as connection:
            assert connection.execute("SELECT count(DISTINCT holder) FROM alert_claims").fetchall() == [(1,)]


@pytest.mark.timeout(120)
def test_a_replay_waits_for_one_on_another_machine(pair: Pair, password: str) -> None:
    one, _ = pair
    project = one.create_project()
    visit = signed_in(one, "admin", password)
    asked = {"endpoint": "TRACK", "reason": "any"}
    page = f"/app/projects/{project.project_id}/rejected/replay"
    with contextlib.closing(replay_lock(one.projects_at[1], one.data_dir, project.project_id)) as elsewhere:
        assert elsewhere.try_take()
        refused = visit.post(page, asked)
        assert refused.status == 503 and b"nother replay of this project is running" in refused.body, refused
    assert b"0 replayed" in visit.post(page, asked).body


def test_every_file_of_these_machines_is_in_the_page_about_state(pair: Pair) -> None:
    for server in pair:
        assert (server.data_dir / "journal" / "machine").exists()
        assert unnamed_files(server.data_dir) == []
