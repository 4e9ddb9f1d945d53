"""One running server for all tests that speak HTTP to it, and a fresh project for each test."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence

import pytest
from tests.running import Project, Server, running_server

from trackway.projects.database import ProjectsDatabase
from trackway.projects.directory import MISS_INTERVAL_S_MIN


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with rate limits off, shared by the whole run."""
    with running_server(
        tmp_path_factory.mktemp("server") / "data", "--workers", "2", "--redirect-hosts", "example.com"
    ) as running:
        yield running


@pytest.fixture(scope="session")
def make_projects(server: Server) -> Callable[[int], Sequence[Project]]:
    """Makes so many new projects, as `trackway project create` does but without a process for each."""
    database = ProjectsDatabase(server.data_dir / "projects.db")

    def make(count: int) -> list[Project]:
        created = [database.create(f"test {uuid.uuid4().hex}", "us") for _ in range(count)]
        # A worker that has just met an unknown token looks again only after this pause.
        time.sleep(2 * MISS_INTERVAL_S_MIN)
        return [Project(each.project_id, each.name, each.token, each.secret, each.region) for each in created]

    return make


@pytest.fixture
def project(make_projects: Callable[[int], Sequence[Project]]) -> Project:
    """A project that no other test uses."""
    return make_projects(1)[0]
