"""One server for all tests that speak HTTP to it, one whose profiles can be read, and a project for each test."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence

import pytest
from tests.profiles import ProfileServer, running_profile_server
from tests.projects.postgresql import Cluster, running_cluster
from tests.running import Project, Server, running_server
from tests.sdk.browser import Chromium, running_chromium

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
def profile_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProfileServer]:
    """A server whose store can be read, shared by the whole run."""
    with running_profile_server(tmp_path_factory.mktemp("profiles")) as running:
        yield running


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL, shared by the whole run; for tests that make databases in it and let it run."""
    with running_cluster() as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """The browser, started once."""
    with running_chromium() as running:
        yield running


MakeProjects = Callable[[int], Sequence[Project]]
"""Makes so many new projects, as `trackway project create` does but without a process for each."""


@pytest.fixture(scope="session")
def make_projects(server: Server) -> MakeProjects:
    return _project_maker(server)


@pytest.fixture(scope="session")
def make_profile_projects(profile_server: ProfileServer) -> MakeProjects:
    return _project_maker(profile_server.server)


def _project_maker(server: Server) -> MakeProjects:
    database = ProjectsDatabase(server.data_dir / "projects.db")

    def make(count: int) -> list[Project]:
        created = [database.create(f"test {uuid.uuid4().hex}", "us") for _ in range(count)]
        # A worker that has just met an unknown token looks again only after this pause.
        time.sleep(2 * MISS_INTERVAL_S_MIN)
        return [Project(each.project_id, each.name, each.token, each.secret, each.region) for each in created]

    return make


@pytest.fixture
def project(make_projects: MakeProjects) -> Project:
    """A project that no other test uses."""
    return make_projects(1)[0]


@pytest.fixture
def profile_project(make_profile_projects: MakeProjects) -> Project:
    """The same of the server whose store can be read."""
    return make_profile_projects(1)[0]


@pytest.fixture
def original(server: Server) -> Project:
    """A project of original identity."""
    return server.create_project("", "--identity-mode", "original")
