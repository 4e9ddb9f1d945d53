"""Service accounts in the database: what is kept of them, and who may see and change which."""

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.support.projects.quick_hashes import REAL
from trackway.domain.errors import InvalidInput
from trackway.projects import account_changes as accounts_module
from trackway.projects import passwords
from trackway.projects.account import Account, accounts_of
from trackway.projects.account_changes import ServiceAccounts
from trackway.projects.authorization import Actor, NotGranted, UnknownAccount
from trackway.projects.database import ProjectsDatabase
from trackway.projects.passwords import verify
from trackway.projects.read_statements import Reader
from trackway.projects.roles import GRANTS, RIGHTS, ROLES, SECRET_RIGHTS, TOKEN_RIGHTS, Right, Role
from trackway.projects.tables.accounts import accounts as accounts_table
from trackway.projects.tables.accounts import memberships


@pytest.fixture
def accounts(database: ProjectsDatabase) -> ServiceAccounts:
    """On each kind of database, with the projects 1, 2 and 3."""
    for name in "abc":
        database.create(name, "us")
    return ServiceAccounts(database)


def test_created_account_is_what_is_read_back_either_way(
    accounts: ServiceAccounts, database: ProjectsDatabase, reader: Reader
) -> None:
    expires_at_ms = time.time_ns() // 1_000_000 + 1000
    plain, _ = accounts.create("plain", {})
    member, _ = accounts.create("member", {1: "owner", 3: "analyst"}, expires_at_ms, by=None)
    assert (plain.roles, plain.expires_at_ms, plain.creator) == ({}, None, None)
    assert (member.roles, member.expires_at_ms) == ({1: "owner", 3: "analyst"}, expires_at_ms)
    assert accounts.all() == [plain, member] == database.all_accounts() == reader.all_accounts()


def test_secret_is_kept_as_an_argon2id_hash_alone(
    file_database: ProjectsDatabase, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_hasher", REAL)
    accounts = ServiceAccounts(file_database)
    file_database.create("a", "us")
    account, secret = accounts.create("a", {1: "owner"})
    assert account.secret_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify(account.secret_hash, secret)
    assert not verify(account.secret_hash, secret[:-1])
    assert not verify(account.secret_hash, "")
    assert not verify("no hash", secret)
    assert account.secret_hash not in repr(account)
    files = b"".join(each.read_bytes() for each in path.parent.iterdir())
    assert account.secret_hash.encode() in files
    assert secret.encode() not in files


def test_two_accounts_of_one_name_differ_in_all_that_counts(accounts: ServiceAccounts) -> None:
    (one, one_secret), (two, two_secret) = accounts.create("a b!", {}), accounts.create("a b!", {})
    assert one.username.startswith("a-b.") and one.username.endswith(".mp-service-account")
    assert len({one.username, two.username}) == len({one.secret_hash, two.secret_hash}) == 2
    assert one_secret != two_secret


def test_id_of_an_account_is_never_given_twice(accounts: ServiceAccounts) -> None:
    first, _ = accounts.create("a", {1: "owner"})
    accounts.revoke(first.account_id)
    second, _ = accounts.create("a", {})
    assert second.account_id > first.account_id


def test_every_change_raises_the_revision_and_a_refused_one_does_not(
    accounts: ServiceAccounts, database: ProjectsDatabase
) -> None:
    seen = [database.revision()]
    changes: list[Callable[[], object]] = [
        lambda: accounts.create("a", {1: "analyst"}),
        lambda: accounts.add([1], {2: "admin"}),
        lambda: accounts.remove({1: [1]}),
        lambda: accounts.revoke(1),
    ]
    for change in changes:
        change()
        seen.append(database.revision())
    assert seen == [3, 4, 5, 6, 7]
    with pytest.raises(UnknownAccount):
        accounts.revoke(1)
    assert database.revision() == 7


def test_revoked_account_leaves_nothing_behind(accounts: ServiceAccounts, database: ProjectsDatabase) -> None:
    account, _ = accounts.create("a", {1: "owner", 2: "admin"})
    accounts.revoke(account.account_id)
    with database.reading() as connection:
        assert connection.execute(select(accounts_table)).all() == []
        assert connection.execute(select(memberships)).all() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda accounts: accounts.create("a", {9: "owner"}), "project 9 was not found"),
        (lambda accounts: accounts.create("", {}), "service account name must be 1 to 64 characters, not 0"),
        (lambda accounts: accounts.create("a", {}, 1), "expires must lie in the future, before the year 10000"),
        (lambda accounts: accounts.add([9], {1: "owner"}), "service account 9 was not found"),
        (lambda accounts: accounts.add([1], {9: "owner"}), "project 9 was not found"),
        (lambda accounts: accounts.remove({1: [1]}), "service account 1 is not in project 1"),
        (lambda accounts: accounts.of_project(9), "project 9 was not found"),
        (lambda accounts: accounts.one(9), "service account 9 was not found"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    accounts: ServiceAccounts, change: Callable[[ServiceAccounts], object], message: str
) -> None:
    before = accounts.create("there", {2: "analyst"})[0]
    with pytest.raises(InvalidInput) as refused:
        change(accounts)
    assert str(refused.value) == message
    assert accounts.all() == [before]


def test_there_are_no_more_accounts_than_the_limit(accounts: ServiceAccounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts_module, "ACCOUNTS_MAX", 1)
    accounts.create("a", {})
    with pytest.raises(InvalidInput, match="there are 1 accounts, the most there may be"):
        accounts.create("b", {})


def test_account_that_expired_or_was_revoked_changes_nothing_more(accounts: ServiceAccounts) -> None:
    soon, _ = accounts.create("soon", {1: "owner"}, time.time_ns() // 1_000_000 + 200)
    gone, _ = accounts.create("gone", {1: "owner"})
    accounts.revoke(gone.account_id)
    time.sleep(0.25)
    for account in (soon, gone):
        with pytest.raises(NotGranted, match="was revoked"):
            accounts.create("a", {1: "consumer"}, by=account.account_id)


# --- who may do what, as pure rules -------------------------------------------------------------------------------


def test_rights_grow_with_the_role() -> None:
    for stronger, weaker in pairwise(ROLES):
        assert RIGHTS[stronger] >= RIGHTS[weaker]
        assert GRANTS[stronger] >= GRANTS[weaker]
    assert RIGHTS["owner"] == SECRET_RIGHTS | {Right.MANAGE, Right.ALERTS, Right.AUDIT, Right.END} == frozenset(Right)
    assert frozenset({Right.IMPORT}) == TOKEN_RIGHTS
    assert not [role for role, granted in GRANTS.items() if role in granted and role != "owner"]


def test_admin_gives_and_takes_only_roles_below(accounts: ServiceAccounts) -> None:
    owner, admin = (accounts.create("a", {1: role})[0].account_id for role in ("owner", "admin"))
    low, _ = accounts.create("low", {1: "consumer"}, by=admin)
    accounts.add([low.account_id], {1: "analyst"}, by=admin)
    with pytest.raises(NotGranted, match="the role admin in project 1 is not yours to give or take; yours are analyst"):
        accounts.add([low.account_id], {1: "admin"}, by=admin)
    for change in (
        lambda: accounts.add([owner], {1: "consumer"}, by=admin),
        lambda: accounts.remove({1: [owner]}, by=admin),
        lambda: accounts.revoke(owner, by=admin),
        lambda: accounts.create("b", {1: "admin"}, by=admin),
    ):
        with pytest.raises(NotGranted):
            change()
    accounts.revoke(low.account_id, by=admin)
    accounts.remove({1: [admin]}, by=owner)
    with pytest.raises(NotGranted):
        accounts.all(by=admin)


@pytest.mark.parametrize("role", ["owner", "admin", None])
def test_members_of_an_archived_project_stay_and_only_whole_accounts_are_revoked(
    accounts: ServiceAccounts, database: ProjectsDatabase, role: Role | None
) -> None:
    by = None if role is None else accounts.create("by", {1: role, 2: role})[0].account_id
    member, _ = accounts.create("member", {1: "consumer"})
    outside, _ = accounts.create("outside", {2: "consumer"})
    leaked, _ = accounts.create("leaked", {1: "consumer", 2: "consumer"})
    database.archive(1, archived=True)
    before, revision = accounts.all(), database.revision()
    changes: list[Callable[[], object]] = [
        lambda: accounts.create("a", {1: "consumer"}, by=by),
        lambda: accounts.add([outside.account_id], {1: "consumer"}, by=by),
        lambda: accounts.add([member.account_id], {1: "analyst"}, by=by),
        lambda: accounts.remove({1: [member.account_id]}, by=by),
    ]
    for change in changes:
        with pytest.raises(NotGranted, match="this project is archived"):
            change()
    assert (accounts.all(), database.revision()) == (before, revision)
    assert member in accounts.of_project(1, by=by)
    assert accounts.revoke(leaked.account_id, by=by) == leaked
    accounts.remove({2: [outside.account_id]}, by=by)
    database.archive(1, archived=False)
    accounts.remove({1: [member.account_id]}, by=by)


@pytest.mark.parametrize("role", ["owner", None])
def test_a_deleted_project_has_no_members_to_change(
    accounts: ServiceAccounts, database: ProjectsDatabase, role: Role | None
) -> None:
    by = None if role is None else accounts.create("by", {1: role, 2: role})[0].account_id
    member, _ = accounts.create("member", {1: "consumer", 2: "consumer"})
    database.delete(1, database.named("1").name)
    changes: list[Callable[[], object]] = [
        lambda: accounts.create("a", {1: "consumer"}, by=by),
        lambda: accounts.add([member.account_id], {1: "consumer"}, by=by),
        lambda: accounts.remove({1: [member.account_id]}, by=by),
        lambda: accounts.of_project(1, by=by),
    ]
    for change in changes:
        with pytest.raises(UnknownAccount, match="project 1 was not found"):
            change()
    assert accounts.one(member.account_id).roles == {2: "consumer"}


def test_accounts_of_projects_of_others_do_not_exist_for_an_actor(accounts: ServiceAccounts) -> None:
    roles: list[dict[int, Role]] = [{1: "owner"}, {2: "owner"}, {1: "analyst", 2: "analyst"}]
    mine, theirs, shared = (accounts.create("a", each)[0] for each in roles)
    by = mine.account_id
    assert [each.account_id for each in accounts.all(by)] == [by, shared.account_id]
    for ask in (
        lambda: accounts.one(theirs.account_id, by),
        lambda: accounts.revoke(theirs.account_id, by),
        lambda: accounts.add([theirs.account_id], {1: "analyst"}, by),
        lambda: accounts.add([shared.account_id], {2: "consumer"}, by),
        lambda: accounts.remove({2: [shared.account_id]}, by),
        lambda: accounts.of_project(2, by),
        lambda: accounts.create("a", {2: "consumer"}, by=by),
    ):
        with pytest.raises(UnknownAccount):
            ask()
    with pytest.raises(NotGranted, match="is in projects that are not yours"):
        accounts.revoke(shared.account_id, by)
    accounts.remove({1: [shared.account_id]}, by)
    assert accounts.one(shared.account_id).roles == {2: "analyst"}


def account(account_id: int, roles: dict[int, Role], creator: int | None = None) -> Account:
    return Account(account_id, f"u{account_id}", "", 0, None, creator, roles)


ROLES_BY_PROJECT = st.dictionaries(st.integers(1, 4), st.sampled_from(ROLES))


@given(own=ROLES_BY_PROJECT, others=ROLES_BY_PROJECT, project_id=st.integers(1, 5), role=st.sampled_from(ROLES))
@settings(max_examples=300, deadline=None)
def test_actor_touches_only_projects_that_it_manages(
    own: dict[int, Role], others: dict[int, Role], project_id: int, role: Role
) -> None:
    actor, other = Actor(account(1, own), range(1, 5)), account(2, others)
    managed = {each for each, mine in own.items() if mine in ("owner", "admin")}

    def allowed(check: Callable[[], object]) -> bool:
        try:
            check()
        except InvalidInput:
            return False
        return True

    assert actor.sees(other) == bool(managed & others.keys())
    assert allowed(lambda: actor.check_manages(project_id)) == (project_id in managed)
    grants = project_id in managed and (own[project_id] == "owner" or role in ("analyst", "consumer"))
    assert allowed(lambda: actor.check_grants(project_id, role)) == grants
    revokes = all(each in managed and others[each] in GRANTS[own[each]] for each in others)
    assert allowed(lambda: actor.check_revokes(other)) == revokes
    assert allowed(actor.check_manages) == bool(managed)


def test_rows_of_one_account_become_one_account() -> None:
    program = (None, None, None, False)
    rows = [
        (1, "a", "h", 5, None, None, *program, 1, "owner"),
        (1, "a", "h", 5, None, None, *program, 2, "admin"),
        (2, "b", "h", 6, 7, 1, "Ben", 8, 9, True, None, None),
    ]
    one, two = accounts_of(rows)
    assert (one.account_id, one.roles) == (1, {1: "owner", 2: "admin"})
    assert (two.account_id, two.roles, two.expires_at_ms, two.creator) == (2, {}, 7, 1)
    assert not one.is_person and (two.person_name, two.signed_out_ms, two.proved_at_ms) == ("Ben", 8, 9)
    assert (one.has_second_factor, two.has_second_factor) == (False, True)
