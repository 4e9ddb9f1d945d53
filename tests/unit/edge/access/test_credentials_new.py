"""Credentials and rights that were made a moment before a request: it is never refused by what was known before.

Each test makes them after an edge process has looked, at a moment at which it would not look again for an unknown key.
"""

import asyncio
import base64
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.projects.migrated import migrated_file
from trackway.domain.errors import RequestError
from trackway.edge.access.credentials import Access, ProjectKey
from trackway.edge.access.project_refresh import FreshProjects
from trackway.edge.access.secret_verification import Verifier
from trackway.projects import project_lookup
from trackway.projects.account import Account
from trackway.projects.account_changes import ServiceAccounts
from trackway.projects.database import ProjectsDatabase
from trackway.projects.project import Project
from trackway.projects.project_lookup import ProjectDirectory
from trackway.projects.roles import Right
from trackway.projects.sqlite import SqliteReader

UNKNOWN = "unknown.1.mp-service-account"


class Source(SqliteReader):
    """A source that runs something after one of the next reads."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.after: dict[int, Callable[[], object]] = {}

    def all_accounts(self) -> list[Account]:
        found = super().all_accounts()
        self._run()
        return found

    def all_projects(self) -> list[Project]:
        found = super().all_projects()
        self._run()
        return found

    def _run(self) -> None:
        self.after = {left - 1: work for left, work in self.after.items()}
        if work := self.after.pop(0, None):
            work()


class SlowSource(Source):
    """As PostgreSQL: a look-up that misses does not wait for it."""

    quick = False


class Edge:
    """What an edge process authenticates with."""

    def __init__(self, source: Source):
        self.source = source
        self.directory = ProjectDirectory(source)
        verifier = Verifier(self.directory)
        self.access = Access(self.directory, verifier, "us", fresh_projects=FreshProjects(self.directory))
        self.directory.refresh()

    async def granted(self, user: str, password: str = "", project: int | None = None) -> Project:
        value = b"Basic " + base64.b64encode(f"{user}:{password}".encode())
        caller = await self.access.caller({"headers": [(b"authorization", value)]})
        if isinstance(caller, ProjectKey):
            return caller.project
        return await self.access.granted(caller, Right.EXPORT, {"project_id": str(project)})

    async def is_refused(self, user: str, password: str = "", project: int | None = None) -> bool:
        try:
            await self.granted(user, password, project)
        except RequestError as error:
            assert error.status == 401
            return True
        return False


@pytest.fixture
def database(tmp_path: Path) -> ProjectsDatabase:
    return migrated_file(tmp_path / "projects.db")


@pytest.fixture(params=[Source, SlowSource])
def edge(
    request: pytest.FixtureRequest, database: ProjectsDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Edge]:
    monkeypatch.setattr(project_lookup, "MISS_INTERVAL_S_MIN", 3600.0)
    yield Edge(request.param(tmp_path / "projects.db"))


def test_a_new_service_account_is_known_whoever_was_unknown_a_moment_before(
    edge: Edge, database: ProjectsDatabase
) -> None:
    project = database.create("one", "us")

    async def ask() -> None:
        assert await edge.is_refused(UNKNOWN, "secret", project.project_id)
        account, secret = ServiceAccounts(database).create("new", {project.project_id: "admin"}, None)
        assert (await edge.granted(account.username, secret, project.project_id)).name == "one"

    asyncio.run(ask())


def test_a_new_project_is_known_by_its_secret_and_to_an_account_that_has_got_a_role_there(
    edge: Edge, database: ProjectsDatabase
) -> None:
    first = database.create("one", "us")
    accounts = ServiceAccounts(database)
    account, secret = accounts.create("old", {first.project_id: "admin"}, None)

    async def ask() -> None:
        assert (await edge.granted(account.username, secret, first.project_id)).name == "one"
        assert await edge.is_refused("f" * 32)
        second = database.create("two", "us")
        assert (await edge.granted(second.secret)).name == "two"
        third = database.create("three", "us")
        assert await edge.is_refused(account.username, secret, third.project_id)
        accounts.add([account.account_id], {third.project_id: "analyst"})
        assert (await edge.granted(account.username, secret, third.project_id)).name == "three"

    asyncio.run(ask())


@pytest.mark.parametrize("reads", [1, 2])
def test_a_project_and_an_account_that_are_made_while_an_edge_process_reads_are_known_together(
    edge: Edge, database: ProjectsDatabase, reads: int
) -> None:
    """Whichever of the two it has read before."""

    async def ask() -> None:
        made: list[tuple[Account, str, int]] = []

        def make() -> None:
            project = database.create("new", "us")
            account, secret = ServiceAccounts(database).create("new", {project.project_id: "admin"}, None)
            made.append((account, secret, project.project_id))

        edge.source.after[reads] = make
        database.create("another", "us")  # so that all is read again
        await asyncio.to_thread(edge.directory.refresh)
        for account, secret, project_id in made:
            assert (await edge.granted(account.username, secret, project_id)).name == "new"
        assert made

    asyncio.run(ask())


def test_a_database_that_does_not_answer_refuses_by_what_is_known(
    edge: Edge, database: ProjectsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trackway.edge.access.credentials.PROJECTS_LOOK_S_MAX", 0.05)
    project, hung = database.create("one", "us"), threading.Event()
    edge.directory.refresh()
    monkeypatch.setattr(edge.source, "revision", lambda: hung.wait(30) and 0)

    async def ask() -> None:
        assert (await edge.granted(project.secret)).name == "one"
        if not edge.source.quick:
            assert await edge.is_refused("f" * 32)

    try:
        asyncio.run(ask())
    finally:
        hung.set()
