"""Verifying secrets: what is remembered and for how long, that the cost is bounded, and that it is the same for all."""

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from trackway.edge import verification
from trackway.edge.verification import QuietThread, Verifier
from trackway.errors import RequestError
from trackway.limits import VERIFICATION_NICENESS, VERIFICATIONS_WAITING_MAX, VERIFIED_REMEMBERED, VERIFIED_S_MAX
from trackway.projects import passwords
from trackway.projects.account import Account
from trackway.projects.accounts import ServiceAccounts
from trackway.projects.database import ProjectsDatabase
from trackway.projects.directory import ProjectDirectory


class Known:
    """A database with one account, looked up as an edge process does, and a verifier whose comparisons are counted."""

    def __init__(self, path: Path, compared: list[str]):
        database = ProjectsDatabase(path)
        database.migrate()
        database.create("a", "us")
        self.accounts = ServiceAccounts(database)
        self.directory = ProjectDirectory(path)
        self.account, self.secret = self.accounts.create("a", {1: "owner"})
        self.directory.refresh()
        self.now_s = 0.0
        self.verifier = Verifier(self.directory, lambda: self.now_s)
        self.compared = compared

    def ask(self, *pairs: tuple[str, str]) -> list[Account | BaseException | None]:
        """All at once."""

        async def ask_all() -> list[Account | BaseException | None]:
            return await asyncio.gather(*(self.verifier.account(*pair) for pair in pairs), return_exceptions=True)

        return asyncio.run(ask_all())


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Known]:
    compared: list[str] = []
    verify = passwords.verify

    def counted(kept: str, secret: str) -> bool:
        compared.append(kept)
        return verify(kept, secret)

    monkeypatch.setattr(passwords, "verify", counted)
    known = Known(tmp_path / "projects.db", compared)
    yield known
    known.verifier.close()


def test_right_secret_opens_and_is_compared_once(known: Known) -> None:
    for _ in range(3):
        assert known.ask((known.account.username, known.secret)) == [known.account]
    assert len(known.compared) == 1


def test_requests_at_once_share_one_comparison(known: Known) -> None:
    pair = (known.account.username, known.secret)
    assert known.ask(*[pair] * 100) == [known.account] * 100
    assert len(known.compared) == 1


def test_remembered_secret_is_compared_again_after_its_time(known: Known) -> None:
    pair = (known.account.username, known.secret)
    counts = []
    for now_s in (0.0, VERIFIED_S_MAX - 1, VERIFIED_S_MAX + 1, 2 * VERIFIED_S_MAX, 2 * VERIFIED_S_MAX + 2):
        known.now_s = now_s
        assert known.ask(pair) == [known.account]
        counts.append(len(known.compared))
    assert counts == [1, 1, 2, 2, 3]


def test_changed_and_deleted_account_is_not_remembered(known: Known) -> None:
    pair = (known.account.username, known.secret)
    known.ask(pair)
    known.accounts.add([known.account.account_id], {1: "consumer"})
    known.directory.refresh()
    [changed] = known.ask(pair)
    assert isinstance(changed, Account)
    assert changed.roles == {1: "consumer"}
    known.accounts.revoke(known.account.account_id)
    known.directory.refresh()
    assert known.ask(pair) == [None]


def test_unknown_user_and_wrong_secret_cost_the_same_comparison(known: Known) -> None:
    assert known.ask((known.account.username, "wrong")) == [None]
    assert known.ask(("nobody", "wrong")) == [None]
    assert known.compared == [known.account.secret_hash, passwords.NOBODYS_HASH]
    costs = [kept.rsplit("$", 2)[0] for kept in known.compared]
    assert costs[0] == costs[1], "the same function, rounds and memory"
    assert [len(part) for part in known.compared[0].split("$")] == [len(part) for part in known.compared[1].split("$")]


def test_wrong_secret_is_compared_each_time(known: Known) -> None:
    for _ in range(2):
        assert known.ask((known.account.username, "wrong"), ("nobody", known.secret)) == [None, None]
    assert len(known.compared) == 4


@pytest.mark.parametrize("pair", [("x" * 257, "y"), ("x", "y" * 257)])
def test_credentials_too_long_to_be_ours_are_not_even_compared(known: Known, pair: tuple[str, str]) -> None:
    assert known.ask(pair) == [None]
    assert known.compared == []


def test_flood_of_wrong_secrets_waits_in_a_short_queue_and_is_refused_beyond(known: Known) -> None:
    answers = known.ask(*[("nobody", str(n)) for n in range(3 * VERIFICATIONS_WAITING_MAX)])
    refused = [each for each in answers if isinstance(each, RequestError)]
    assert len(known.compared) == VERIFICATIONS_WAITING_MAX
    assert len(refused) == 2 * VERIFICATIONS_WAITING_MAX
    assert {(each.status, each.retry_after_s) for each in refused} == {(503, 1)}


def test_secret_that_was_right_is_let_in_through_a_flood(known: Known) -> None:
    pair = (known.account.username, known.secret)
    known.ask(pair)
    known.now_s = VERIFIED_S_MAX + 1
    answers = known.ask(*[("nobody", str(n)) for n in range(2 * VERIFICATIONS_WAITING_MAX)], pair)
    assert answers[-1] == known.account


def test_number_of_remembered_secrets_is_bounded(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "VERIFIED_REMEMBERED", 2)
    pairs = [(known.account.username, known.secret)]
    for _ in range(2):
        made, secret = known.accounts.create("b", {})
        pairs.append((made.username, secret))
    known.directory.refresh()
    for pair in pairs:
        known.ask(pair)
    before = len(known.compared)
    known.ask(pairs[2], pairs[1])
    assert len(known.compared) == before
    known.ask(pairs[0])
    assert len(known.compared) == before + 1
    assert VERIFIED_REMEMBERED >= 1000


def test_no_password_is_kept_in_memory_of_the_verifier(known: Known) -> None:
    known.ask((known.account.username, known.secret), ("nobody", "a-wrong-one"))
    kept = repr({name: value for name, value in vars(known.verifier).items() if name != "_accounts"})
    assert known.secret not in kept
    assert "a-wrong-one" not in kept


def test_thread_has_low_priority_and_the_others_keep_theirs() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def measured() -> tuple[int, int]:
        thread = QuietThread("test")
        try:
            return await thread.run(priority), priority()
        finally:
            thread.close()

    inside, outside = asyncio.run(measured())
    assert inside == min(19, outside + VERIFICATION_NICENESS)
