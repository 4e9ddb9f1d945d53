"""What a token opens: looked up seldom, believed for a moment, and only while its author may save."""

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from trackway.domain.errors import RequestError
from trackway.projects.account import Account
from trackway.projects.project import Project
from trackway.projects.roles import Role
from trackway.projects.saved import Bookmark, Made, ShareLink, UnknownSaved
from trackway.projects.share_token import hash_of, new_token
from trackway.web.limits import SHARED_LINK_KNOWN_S, SHARED_LINKS_HELD_MAX, SHARED_LINKS_KNOWN_MAX
from trackway.web.shared_link import Links

MADE = Made(0, 0, 5, "ann.mp-service-account")
REPORT = Bookmark(7, 1, "Orders", "insights", "", "{}", MADE)
PROJECT = Project(1, "Shop", "t" * 32, "s" * 32, "us", 0)
LATER_MS = 5_000_000_000_000


class World:
    """Links with one token that opens a report, its directory and its projects database. `reads` counts look-ups."""

    def __init__(self, made: Made = MADE, expires_at_ms: int = LATER_MS):
        self.token = new_token()
        self.links = {hash_of(self.token): ShareLink(1, 1, "report 7", hash_of(self.token), expires_at_ms, made)}
        self.reports = {7: REPORT}
        self.reads = self.guesses = 0
        self.now_s = 100.0
        self.account: Account | None = self.account_of("analyst")
        self.project: Project | None = PROJECT
        self.admin_hash: str | None = "hash"
        directory: Any = self
        self.found = Links(directory, directory, lambda: self.now_s)

    def account_of(self, role: Role, account_id: int = 5, expires_at_ms: int | None = None) -> Account:
        return Account(account_id, MADE.creator_name, "h", 0, expires_at_ms, None, {1: role})

    def by_id(self, project_id: int) -> Project | None:
        return self.project

    def account_named(self, name: str) -> Account | None:
        return self.account if name == MADE.creator_name else None

    async def run(self, work: Callable[[Any], Any], author: object) -> Any:
        self.reads += 1
        return work(SimpleNamespace(saved=self))

    def shared_by(self, hashed: str) -> ShareLink | None:
        return self.links.get(hashed)

    def one(self, of: object, project_id: int, number: int) -> Bookmark:
        if number not in self.reports:
            raise UnknownSaved("gone")
        return self.reports[number]

    def guess(self) -> None:
        self.guesses += 1

    def opens(self, token: str = "") -> bool:
        return asyncio.run(self.found.find(token or self.token, self.guess)) is not None


def test_a_link_is_read_once_in_a_while_and_guessed_once() -> None:
    world = World()
    assert [world.opens() for _ in range(3)] == [True] * 3
    world.now_s += SHARED_LINK_KNOWN_S
    assert world.opens()
    assert (world.reads, world.guesses) == (2, 1)


@pytest.mark.parametrize("gone", ["link", "report"])
def test_what_is_gone_is_closed_after_a_moment(gone: str) -> None:
    world = World()
    assert world.opens()
    (world.links if gone == "link" else world.reports).clear()
    world.now_s += SHARED_LINK_KNOWN_S
    assert not world.opens()


def test_a_link_is_closed_at_once_when_it_may_no_longer() -> None:
    world = World()
    for account in (
        None,
        world.account_of("consumer"),
        world.account_of("owner", account_id=6),
        world.account_of("owner", expires_at_ms=1),
    ):
        assert world.opens()
        before, world.account = world.account, account
        assert not world.opens()
        world.account = before
    world.project = None
    assert not world.opens()
    assert not World(expires_at_ms=int(time.time() * 1000)).opens()


def test_a_link_of_the_admin_needs_an_admin_and_no_other_name() -> None:
    world = World(Made(0, 0, None, "admin"))
    assert world.opens()
    world.admin_hash = None
    assert not world.opens()
    assert not World(Made(0, 0, None, "project secret")).opens()


def test_however_many_tokens_are_tried_no_link_is_forgotten() -> None:
    world = World()
    assert world.opens()
    for _ in range(SHARED_LINKS_KNOWN_MAX + 1):
        assert not world.opens(new_token())
    world.reads = world.guesses = 0
    assert world.opens()
    assert (world.reads, world.guesses) == (0, 0)
    assert not world.opens("no token")
    assert (world.reads, world.guesses) == (0, 0)


def test_a_refused_guess_reads_nothing() -> None:
    world = World()

    def refuse() -> None:
        raise RequestError(429, "too many")

    with pytest.raises(RequestError, match="too many"):
        asyncio.run(world.found.find(world.token, refuse))
    assert world.reads == 0


def test_the_reports_of_few_links_are_held_and_the_others_are_no_guesses() -> None:
    world = World()
    tokens = [new_token() for _ in range(SHARED_LINKS_HELD_MAX + 1)]
    for token in tokens:
        world.links[hash_of(token)] = ShareLink(1, 1, "report 7", hash_of(token), LATER_MS, MADE)
    for token in tokens:
        assert world.opens(token)
    world.reads = world.guesses = 0
    assert world.opens(tokens[-1])
    assert (world.reads, world.guesses) == (0, 0)
    assert world.opens(tokens[0])
    assert (world.reads, world.guesses) == (1, 0)
