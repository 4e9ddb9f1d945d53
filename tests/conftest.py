"""One server for all tests that speak HTTP to it, one whose profiles can be read, and a project for each test."""

import gc
from collections.abc import Callable, Generator, Iterator, Sequence

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.support")  # a helper's assertion shows its values, as one of a test does

from tests.support.command_line import TRACKWAY  # noqa: E402
from tests.support.profile_server import ProfileServer, running_profile_server  # noqa: E402
from tests.support.projects.postgresql import Cluster, running_cluster  # noqa: E402
from tests.support.sdk.browser import Chromium, running_chromium  # noqa: E402
from tests.support.server import Project, Server, running_server  # noqa: E402
from tests.support.store.process import ON_CLUSTER  # noqa: E402

# A busy machine makes an example slow, and no result wrong. The examples are the same in every run, so that a change is
# judged by what it changed; `PYTEST_ARGS=--hypothesis-profile=search` draws new ones. `make test-quick` takes a quarter
# of them, and so does a cluster, where the same tests follow those on one store.
settings.register_profile("same examples", deadline=None, derandomize=True)
settings.register_profile("quick", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("search", deadline=None)
settings.load_profile("quick" if ON_CLUSTER else "same examples")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--projects",
        choices=("file", "postgresql"),
        default="file",
        help="where the server that most tests share keeps its projects",
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Most of what is made while tests are collected stays. Looking for garbage among it costs a quarter of that time,
    and more with the tests: so it happens once, and what stays is left out later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give kills no second try: whether something was lost may be seen once in many. A cluster is asked with one seed,
    since other seeds ask about other data, not about where rows are."""
    for item in items:
        if ON_CLUSTER and item.get_closest_marker("one_machine"):
            item.add_marker(pytest.mark.skip(reason="does not apply to a cluster"))
        if (
            ON_CLUSTER
            and isinstance(item, pytest.Function)
            and hasattr(item, "callspec")
            and item.callspec.params.get("seed")
        ):
            item.add_marker(pytest.mark.skip(reason="a cluster is asked with one seed"))
        if item.nodeid.replace("/", ".").startswith(("tests.system.crash", "tests.cluster")):
            item.add_marker(pytest.mark.flaky(reruns=0))


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with rate limits off, shared by the whole run. It starts from nothing, as those of operators do."""
    arguments = ["--workers", "2", "--redirect-hosts", "example.com"]
    if request.config.getoption("projects") == "postgresql":
        arguments += ["--projects-url", request.getfixturevalue("cluster").new_database()]
    with running_server(tmp_path_factory.mktemp("server") / "data", *arguments, program=TRACKWAY) as running:
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
