"""Verifying secrets: what is remembered and for how long, that the cost is bounded, and that it is the same for all."""

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.projects.migrated import migrated_file
from tests.support.projects.quick_hashes import quick_hashes
from trackway.domain.errors import RequestError
from trackway.edge.access import attempt_queue, secret_verification
from trackway.edge.access.attempt_queue import Charges, Comparisons
from trackway.edge.access.secret_verification import Verifier
from trackway.edge.limits import (
    ATTEMPTS_FADE_S,
    VERIFICATIONS_WAITING_MAX,
    VERIFICATIONS_WAITING_OF_ADDRESS_MAX,
    VERIFICATIONS_WAITING_OF_NAME_MAX,
    VERIFIED_REMEMBERED,
    VERIFIED_S_MAX,
)
from trackway.projects import passwords
from trackway.projects.account import Account
from trackway.projects.account_changes import ServiceAccounts
from trackway.projects.project_lookup import ProjectDirectory
from trackway.runtime.limits import QUIET_THREAD_NICENESS

ATTACKER, OWNER = "192.0.2.1", "192.0.2.2"
Answers = list[Account | BaseException | None]


class Known:
    """A database with one account, looked up as an edge process does, and a verifier whose comparisons are counted."""

    def __init__(self, path: Path, compared: list[str]):
        database = migrated_file(path)
        database.create("a", "us")
        self.accounts = ServiceAccounts(database)
        self.directory = ProjectDirectory(path)
        self.account, self.secret = self.accounts.create("a", {1: "owner"})
        self.directory.refresh()
        self.now_s = 0.0
        self.verifier = Verifier(self.directory, lambda: self.now_s)
        self.compared = compared
        self.secrets: list[str] = []

    def ask(self, *pairs: tuple[str, str], address: str = ATTACKER) -> Answers:
        """All at once, from one address."""
        return self.ask_from(*((name, secret, address) for name, secret in pairs))

    def ask_from(self, *tries: tuple[str, str, str]) -> Answers:
        """All at once: name, secret and address of each."""

        async def ask_all() -> Answers:
            return await asyncio.gather(*(self.verifier.account(*each) for each in tries), return_exceptions=True)

        return asyncio.run(ask_all())

    def others(self, number: int) -> list[tuple[str, str]]:
        """More accounts. Nothing is measured with their secrets, so they have quick hashes."""
        with quick_hashes():
            made = [self.accounts.create("b", {1: "analyst"}) for _ in range(number)]
        self.directory.refresh()
        return [(account.username, secret) for account, secret in made]


@pytest.fixture(autouse=True)
def hashes() -> None:
    """These tests are about what hashes cost: they are made as slowly as the product makes them."""


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Known]:
    compared: list[str] = []
    verify = passwords.verify

    def counted(kept: str, secret: str) -> bool:
        compared.append(kept)
        made.secrets.append(secret)
        return verify(kept, secret)

    monkeypatch.setattr(passwords, "verify", counted)
    made = Known(tmp_path / "projects.db", compared)
    yield made
    made.verifier.close()


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
    assert len(known.compared) == 1 + VERIFICATIONS_WAITING_OF_NAME_MAX
    assert len(refused) == 3 * VERIFICATIONS_WAITING_MAX - len(known.compared)
    assert {(each.status, each.retry_after_s) for each in refused} == {(503, 1)}


def test_unknown_names_wait_and_are_refused_as_known_ones_are(known: Known) -> None:
    names = [known.account.username, *(f"nobody-{n}@example.com" for n in range(3))]
    answers = known.ask(*((name, str(n)) for name in names for n in range(VERIFICATIONS_WAITING_OF_NAME_MAX)))
    assert answers == [None] * len(answers), "no name has more than may wait"
    assert len(known.compared) == len(answers)


def test_each_unknown_name_has_a_comparison_of_its_own(known: Known) -> None:
    pairs = [(name, "the same") for name in ("ann@example.com", "ben@example.com", known.account.username)]
    assert known.ask(*pairs, *pairs) == [None] * 6
    assert len(known.compared) == 3


def test_a_long_name_counts_by_its_beginning(known: Known) -> None:
    async def both() -> list[bool]:
        names = ("x" * 300, "x" * 400)
        return await asyncio.gather(*(known.verifier.is_right(None, "a", name, ATTACKER) for name in names))

    assert asyncio.run(both()) == [False, False]
    assert len(known.compared) == 1


def test_flood_at_one_name_keeps_its_owner_waiting_for_one_comparison(known: Known) -> None:
    flood = [(known.account.username, str(n), ATTACKER) for n in range(50)]
    owner = (known.account.username, known.secret, OWNER)
    answers = known.ask_from(*flood, owner)
    assert answers[-1] == known.account
    assert known.secrets.index(known.secret) == 1


def quickly(known: Known, monkeypatch: pytest.MonkeyPatch, *pairs: tuple[str, str]) -> None:
    """Compare in no time; the pairs and that of the first account are right."""
    right = {known.secret, *(secret for _, secret in pairs)}
    monkeypatch.setattr(passwords, "verify", lambda _kept, secret: secret in right)


def let_in(answers: Answers) -> list[str]:
    return [each.username for each in answers if isinstance(each, Account)]


def test_flood_at_every_name_keeps_nobody_else_of_the_address_out_and_no_owner_elsewhere(
    known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    guessed = known.others(VERIFICATIONS_WAITING_OF_ADDRESS_MAX // VERIFICATIONS_WAITING_OF_NAME_MAX)
    flood = [(name, f"{name} {n}") for n in range(10) for name, _ in guessed]
    assert let_in(known.ask(*flood, *[("nobody", str(n)) for n in range(50)])) == []
    innocent = known.others(29)
    quickly(known, monkeypatch, *guessed, *innocent)
    assert let_in(known.ask(*flood, *innocent)) == [name for name, _ in innocent]
    everybody = [(*each, ATTACKER) for each in flood] + [(*each, OWNER) for each in guessed]
    assert let_in(known.ask_from(*everybody)) == [name for name, _ in guessed]


def test_flood_from_many_addresses_is_refused_before_one_that_has_not_tried_yet(
    known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = [f"198.51.100.{n}" for n in range(VERIFICATIONS_WAITING_MAX + 10)]
    flood = [("nobody", each, each) for each in addresses]
    quickly(known, monkeypatch)
    known.ask_from(*flood)
    answers = known.ask_from(*flood, (known.account.username, known.secret, OWNER))
    assert answers[-1] == known.account


def test_addresses_of_one_network_of_ipv6_are_one(known: Known) -> None:
    known.ask_from(*[("nobody", str(n), f"2001:db8::{n:x}") for n in range(50)])
    assert len(known.compared) == 1 + VERIFICATIONS_WAITING_OF_NAME_MAX


def test_attempts_fade_and_those_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_queue, "ATTEMPTS_REMEMBERED", 2)
    now_s = 0.0
    charges = Charges(lambda: now_s)
    for key in (b"a", b"b", b"b"):
        charges.add(key, 1.0)
    assert (charges.of(b"a"), charges.of(b"b")) == (1.0, 2.0)
    now_s = ATTEMPTS_FADE_S
    assert (charges.of(b"a"), charges.of(b"b")) == (0.5, 1.0)
    charges.add(b"c", 1.0)
    assert (charges.of(b"a"), charges.of(b"b"), charges.of(b"c")) == (0.0, 1.0, 1.0)


def test_secret_that_was_right_is_let_in_through_a_flood(known: Known) -> None:
    pair = (known.account.username, known.secret)
    known.ask(pair)
    known.now_s = VERIFIED_S_MAX + 1
    answers = known.ask(*[("nobody", str(n)) for n in range(2 * VERIFICATIONS_WAITING_MAX)], pair)
    assert answers[-1] == known.account


def test_number_of_remembered_secrets_is_bounded(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_verification, "VERIFIED_REMEMBERED", 2)
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
        inside: list[int] = []

        def compare() -> bool:
            inside.append(priority())
            return True

        thread = Comparisons("test")
        try:
            await thread.run(thread.source(OWNER, ""), compare, is_known_good=False)
            return inside[0], priority()
        finally:
            thread.close()

    inside, outside = asyncio.run(measured())
    assert inside == min(19, outside + QUIET_THREAD_NICENESS)
