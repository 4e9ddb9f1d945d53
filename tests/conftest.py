"""One server for all tests that speak HTTP to it, one whose profiles can be read, and a project for each test."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from tests.profiles import ProfileServer, running_profile_server
from tests.projects.postgresql import Cluster, running_cluster
from tests.running import Project, Server, running_server
from tests.sdk.browser import Chromium, running_chromium


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--projects",
        choices=("file", "postgresql"),
        default="file",
        help="where the server that most tests share keeps its projects",
    )


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with rate limits off, shared by the whole run."""
    arguments = ["--workers", "2", "--redirect-hosts", "example.com"]
    if request.config.getoption("projects") == "postgresql":
        arguments += ["--projects-url", request.getfixturevalue("cluster").new_database()]
    with running_server(tmp_path_factory.mktemp("server") / "data", *arguments) as running:
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
"""Makes so many new projects."""


@pytest.fixture(scope="session")
def make_projects(server: Server) -> MakeProjects:
    return lambda count: [server.create_project() for _ in range(count)]


@pytest.fixture(scope="session")
def make_profile_projects(profile_server: ProfileServer) -> MakeProjects:
    return lambda count: [profile_server.server.create_project() for _ in range(count)]


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
    return server.create_project(identity_mode="original")
