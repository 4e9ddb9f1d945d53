"""Sessions of people: a session whose cookie could not be ended keeps its row."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.requests import Request

from tests.support.edge.credentials import access_to
from tests.support.projects.migrated import migrated_file
from trackway.domain.errors import StorageError
from trackway.edge.access.change_queue import Changes
from trackway.edge.access.project_refresh import FreshProjects
from trackway.projects import session_rows
from trackway.projects.audit import SERVER
from trackway.projects.ended_sessions import EndedSessions
from trackway.projects.personal_account_changes import PersonalAccounts
from trackway.projects.project_lookup import ProjectDirectory
from trackway.settings.table import Settings
from trackway.web.person_sessions import PersonSessions
from trackway.web.session import Sessions

EMAIL = "ann@example.com"
REQUEST = Request({"type": "http", "headers": [], "client": ("192.0.2.1", 1)})


class Ann:
    """A person and what a process of the server has."""

    def __init__(self, place: Path):
        path = place / "projects.db"
        database = migrated_file(path)
        database.create("a", "us")
        people = PersonalAccounts(database)
        _, token = people.invite(EMAIL, {1: "owner"})
        self.account_id = people.join(token, "Ann", "correct horse battery").account_id
        directory = ProjectDirectory(path)
        directory.refresh()
        self.changes = Changes(directory, path)
        self.sessions = Sessions(Settings(data_dir=place), directory, FreshProjects(directory))
        self.own = PersonSessions(self.sessions, self.changes, access_to(directory))

    async def begin(self) -> str:
        cookie = self.sessions.begin(EMAIL)
        await self.own.begin(REQUEST, cookie, self.account_id)
        return cookie

    async def rows(self) -> set[str]:
        await self.changes.run(lambda _: None, SERVER)  # after what nobody waits for
        return {each.session_id for each in await self.own.of_account(self.account_id)}

    def id_of(self, cookie: str) -> str:
        return self.sessions.key_of(cookie)[0]


@pytest.fixture
def ann(tmp_path: Path) -> Iterator[Ann]:
    made = Ann(tmp_path)
    yield made
    made.changes.close()


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on no session can be ended."""

    def refuse(*_: object) -> None:
        raise StorageError("no space left")

    return lambda: monkeypatch.setattr(EndedSessions, "end", refuse)


def test_a_session_that_cannot_be_ended_stays_in_the_list(ann: Ann, fail: Callable[[], None]) -> None:
    async def run() -> None:
        cookie = await ann.begin()
        fail()
        with pytest.raises(StorageError):
            await ann.own.end(ann.account_id, ann.id_of(cookie), SERVER)
        assert await ann.rows() == {ann.id_of(cookie)}
        with pytest.raises(StorageError):
            await ann.own.sign_out(cookie)
        assert await ann.rows() == {ann.id_of(cookie)}

    asyncio.run(run())


def test_one_beyond_the_bound_that_cannot_be_ended_stays_in_the_list(
    ann: Ann, fail: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_rows, "PERSON_SESSIONS_MAX", 1)

    async def run() -> None:
        first = await ann.begin()
        fail()
        with pytest.raises(StorageError):
            await ann.begin()
        assert ann.id_of(first) in await ann.rows()

    asyncio.run(run())


def test_sessions_that_end_leave_the_list(ann: Ann, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_rows, "PERSON_SESSIONS_MAX", 2)

    async def run() -> None:
        first, second, third = [await ann.begin() for _ in range(3)]
        left = await ann.rows()
        assert len(left) == 2 and ann.id_of(third) in left
        ended = next(each for each in (first, second) if ann.id_of(each) not in left)
        assert await ann.sessions.find(ended) is None
        assert await ann.own.end(ann.account_id, ann.id_of(third), SERVER)
        assert not await ann.own.end(ann.account_id, ann.id_of(third), SERVER)
        [last] = [each for each in (first, second) if ann.id_of(each) in left]
        await ann.own.sign_out(last)
        assert await ann.rows() == set()
        assert [await ann.sessions.find(each) for each in (first, second, third)] == [None] * 3

    asyncio.run(run())
