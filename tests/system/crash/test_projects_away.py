"""The projects' database in PostgreSQL goes away and comes back: who was known goes on being served, and what changed
meanwhile or afterwards arrives."""

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.support.command_line import TRACKWAY
from tests.support.crash.load import Load
from tests.support.crash.outage import REQUESTS_MIN, acknowledged, run
from tests.support.crash.process_tree import Tree, environment
from tests.support.http.exchange import Request
from tests.support.projects.postgresql import IN_URL, PASSWORD, Cluster, running_cluster
from tests.support.server import Project, basic
from tests.support.waiting import wait_until
from trackway.domain.identity_mode import SIMPLIFIED
from trackway.projects.database import ProjectsDatabase

AWAY_S = 3.0
KNOWN_TIMEOUT_S = 30.0
READERS = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle' AND (
        query LIKE '%FROM old_keys%' OR query LIKE '%FROM revisions%' AND backend_start < now() - interval '0.5 s')
"""
"""How many connections have read every table: the number of changes is asked first, and then again every second."""
JSON = (("Content-Type", "application/json"),)


class ProjectsTree(Tree):
    """A tree whose projects are in PostgreSQL; two of them are there before it starts."""

    def __init__(self, data_dir: Path, cluster: Cluster):
        self.cluster = cluster
        self.url = cluster.new_database()
        self.database = ProjectsDatabase(self.url)
        self.database.migrate()
        self.made = [self.new_project(name) for name in ("one", "two")]
        super().__init__(data_dir, "--workers", "2", "--load-interval-ms", "10", "--projects-url", self.url)

    def new_project(self, name: str) -> Project:
        made = self.database.create(name, "us")
        return Project(made.project_id, made.name, made.token, made.secret, made.region)

    def create_project(self, identity_mode: str = SIMPLIFIED) -> Project:
        assert identity_mode == SIMPLIFIED, "they were made before the start"
        return self.made.pop()

    def start(self) -> None:
        """Return once every edge process has read the projects: before that it serves nobody."""
        super().start()
        with psycopg.connect(self.url, autocommit=True) as connection:
            wait_until(lambda: connection.execute(READERS).fetchone() == (2,), KNOWN_TIMEOUT_S, self.log_end)

    def accepts(self, token: str) -> bool:
        """Whether an event with that token is accepted."""
        body = json.dumps({"event": "asked", "properties": {"token": token, "distinct_id": "a"}}).encode()
        reply = self.ask(Request("POST", "/track", JSON, body))
        assert reply.status == 200, reply
        return reply.body == b"1"

    def knows(self, secret: str) -> bool:
        """Whether a query with that secret is answered, which leaves nothing behind."""
        target = "/api/2.0/export?from_date=2026-01-01&to_date=2026-01-01"
        reply = self.ask(Request("GET", target, (basic(secret),)))
        assert reply.status in (200, 401), reply
        return reply.status == 200

    def healthy(self) -> bool:
        return self.ask(Request("GET", "/healthz")).status == 200


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A PostgreSQL that these tests may stop."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def tree(tmp_path: Path, own_cluster: Cluster) -> Iterator[ProjectsTree]:
    if own_cluster.process is None:
        own_cluster.start()
    with ProjectsTree(tmp_path / "data", own_cluster) as tree:
        yield tree
        log = tree.log.read_text()
        assert PASSWORD not in log and IN_URL not in log


def test_edges_acknowledge_under_load_while_the_database_is_stopped_and_started(tree: ProjectsTree) -> None:
    tree.start()

    async def outage(load: Load) -> None:
        await asyncio.to_thread(tree.cluster.stop)
        before = acknowledged(load)
        await asyncio.sleep(AWAY_S)
        assert acknowledged(load) >= before + REQUESTS_MIN
        assert await asyncio.to_thread(tree.healthy)
        command = [TRACKWAY, "project", "create", "x", "--projects-url", tree.url]
        refused = await asyncio.to_thread(subprocess.run, command, env=environment(), capture_output=True, text=True)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.count("\n") == 1 and "Connection refused" in refused.stderr
        assert PASSWORD not in refused.stderr and IN_URL not in refused.stderr
        await asyncio.to_thread(tree.cluster.start)
        made = await asyncio.to_thread(tree.new_project, "made afterwards")
        await asyncio.to_thread(wait_until, lambda: tree.knows(made.secret), KNOWN_TIMEOUT_S, tree.log_end)

    run(tree, random.Random(3), outage)
    log = tree.log.read_text()
    assert log.count("projects cannot be read, keeping to those known") == 2
    assert log.count("projects can be read again") == 2


def test_replaced_key_ends_in_time_while_the_database_is_away(tree: ProjectsTree) -> None:
    project = tree.create_project()
    tree.start()
    rotated = tree.database.rotate(project.name, "token", 8)
    in_every_process = 8  # requests in a row, each on a connection of its own
    wait_until(lambda: all(tree.accepts(rotated.token) for _ in range(in_every_process)), KNOWN_TIMEOUT_S, tree.log_end)
    assert tree.accepts(project.token)
    tree.cluster.stop()
    end_s = rotated.old_keys[0].until_ms / 1000
    if time.time() < end_s - 1:
        assert tree.accepts(project.token)
    time.sleep(max(end_s - time.time(), 0))
    for _ in range(10):
        assert not tree.accepts(project.token)
        assert tree.accepts(rotated.token)
    tree.stop()


def test_edge_that_died_while_the_database_is_away_rejects_nobody_and_comes_back(tree: ProjectsTree) -> None:
    project = tree.create_project()
    tree.start()
    assert tree.accepts(project.token)
    tree.cluster.stop()
    died = tree.signal_when_there("edge-0", signal.SIGKILL)
    wait_until(lambda: tree.roles().get("edge-0", died) != died, KNOWN_TIMEOUT_S, tree.log_end)
    for _ in range(30):
        assert tree.accepts(project.token)
    tree.cluster.start()
    os.kill(tree.roles()["edge-1"], signal.SIGSTOP)  # so that only the other one can answer
    assert tree.accepts(project.token)
    assert tree.signal("edge-1", signal.SIGCONT)
    tree.stop()


def test_server_started_while_the_database_is_away_waits_for_it_and_says_so(tree: ProjectsTree) -> None:
    project = tree.create_project()
    tree.cluster.stop()
    tree.begin()
    wait_until(lambda: tree.log.read_text().count("waiting for the projects database") >= 2, 30, tree.log_end)
    assert tree.running
    assert "Connection refused" in tree.log_end()
    tree.cluster.start()
    tree.wait_listening()
    assert tree.accepts(project.token)
    tree.stop()


def test_database_that_does_not_answer_holds_up_neither_events_nor_the_end(tree: ProjectsTree) -> None:
    project = tree.create_project()
    tree.start()
    assert tree.cluster.process is not None
    parent = psutil.Process(tree.cluster.process.pid)
    parent.suspend()  # first, so that no child comes after they were listed; some may still end
    family = [parent, *parent.children(recursive=True)]
    try:
        for each in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.suspend()
        time.sleep(1.5)  # until both edge processes have asked
        for _ in range(30):
            assert tree.accepts(project.token)
            assert not tree.accepts("unknown")
        assert tree.healthy()
        tree.stop()
    finally:
        for each in reversed(family):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.resume()


def test_servers_that_start_at_once_on_a_new_database_share_it(tmp_path: Path, cluster: Cluster) -> None:
    url = cluster.new_database()
    with Tree(tmp_path / "a", "--projects-url", url) as one, Tree(tmp_path / "b", "--projects-url", url) as other:
        for tree in (one, other):
            tree.begin()
        for tree in (one, other):
            tree.wait_listening()
        assert [project.name for project in ProjectsDatabase(url).all_projects()] == ["default"]
        for tree in (one, other):
            tree.stop()
