"""Personal accounts in the database: how they begin, who may change them, and what a link is worth."""

import time
from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from trackway.domain.errors import InvalidInput, StateError
from trackway.projects import personal_account_changes as module
from trackway.projects.account_changes import ServiceAccounts
from trackway.projects.audit import Author
from trackway.projects.authorization import NotGranted, UnknownAccount
from trackway.projects.database import ProjectsDatabase
from trackway.projects.limits import INVITATION_S_MAX, RESET_S_MAX
from trackway.projects.passwords import verify
from trackway.projects.personal_account_changes import PersonalAccounts
from trackway.projects.read_statements import Reader
from trackway.projects.roles import GRANTS, ROLES, Role
from trackway.projects.tables.accounts import account_links

ANN, BEN = "ann@example.com", "ben@example.com"
PASSWORD, OTHER = "correct horse battery", "another horse battery"
GONE = "this link opens nothing"


@pytest.fixture
def people(database: ProjectsDatabase) -> PersonalAccounts:
    """On each kind of database, with the projects 1, 2 and 3."""
    for name in "abc":
        database.create(name, "us")
    return PersonalAccounts(database)


@pytest.fixture
def programs(database: ProjectsDatabase) -> ServiceAccounts:
    return ServiceAccounts(database)


def joined(people: PersonalAccounts, email: str, roles: dict[int, Role], by: int | None = None) -> int:
    _, token = people.invite(email, roles, by)
    return people.join(token, "Ann", PASSWORD).account_id


def test_somebody_who_is_invited_joins_with_name_and_password(
    people: PersonalAccounts, database: ProjectsDatabase, reader: Reader
) -> None:
    link, token = people.invite(" Ann@Example.com", {1: "owner", 3: "analyst"})
    assert (link.email, link.roles, link.purpose) == (ANN, {1: "owner", 3: "analyst"}, "invitation")
    assert link.expires_at_ms - link.created_at_ms == INVITATION_S_MAX * 1000
    assert people.opened(token) == (link, None) and people.links() == [link]
    account = people.join(token, " Ann Lee ", PASSWORD)
    assert (account.username, account.person_name, account.roles) == (ANN, "Ann Lee", {1: "owner", 3: "analyst"})
    assert verify(account.secret_hash, PASSWORD) and not account.expired(time.time() * 1000)
    assert people.all() == [account] == database.all_accounts() == reader.all_accounts()
    assert people.named("ANN@example.com") == account
    assert people.links() == []


def test_a_link_opens_once_and_is_stored_as_a_hash(people: PersonalAccounts, database: ProjectsDatabase) -> None:
    link, token = people.invite(ANN, {1: "analyst"})
    with database.reading() as connection:
        assert token not in str(connection.execute(select(account_links)).all())
    assert link.token_hash not in repr(link)
    people.join(token, "Ann", PASSWORD)
    tries: list[Callable[[], object]] = [lambda: people.join(token, "Ann", OTHER), lambda: people.opened(token)]
    for again in tries:
        with pytest.raises(UnknownAccount, match=GONE):
            again()
    assert verify(people.named(ANN).secret_hash, PASSWORD)


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "A" * 44, "\0" * 43, "ä" * 43])
def test_a_token_that_nobody_made_opens_nothing(people: PersonalAccounts, token: str) -> None:
    people.invite(ANN, {1: "analyst"})
    with pytest.raises(UnknownAccount, match=GONE):
        people.join(token, "Ann", PASSWORD)


def test_a_link_of_one_purpose_has_no_other(people: PersonalAccounts) -> None:
    account_id = joined(people, ANN, {1: "analyst"})
    _, reset = people.reset(account_id)
    _, invitation = people.invite(BEN, {1: "owner"})
    tries: list[Callable[[], object]] = [
        lambda: people.join(reset, "Ann", OTHER),
        lambda: people.accept(reset, account_id),
        lambda: people.set_password(invitation, OTHER),
    ]
    for wrong in tries:
        with pytest.raises(UnknownAccount, match=GONE):
            wrong()
    assert people.opened(invitation)[0].email == BEN and verify(people.one(account_id).secret_hash, PASSWORD)


def test_an_expired_link_opens_nothing(people: PersonalAccounts, database: ProjectsDatabase) -> None:
    _, token = people.invite(ANN, {1: "analyst"})
    with database.saving() as change:
        change.note()
        change.connection.execute(update(account_links).values(expires_at_ms=int(time.time() * 1000)))
    assert people.links() == []
    with pytest.raises(UnknownAccount, match=GONE):
        people.join(token, "Ann", PASSWORD)


def test_a_second_invitation_replaces_the_first_of_the_same_projects(people: PersonalAccounts) -> None:
    _, first = people.invite(ANN, {1: "analyst"})
    second, _ = people.invite(ANN.upper(), {1: "consumer"})
    other, _ = people.invite(ANN, {2: "consumer"})
    assert people.links() == [second, other]
    with pytest.raises(UnknownAccount, match=GONE):
        people.opened(first)


def test_an_admin_ends_no_invitation_of_an_owner_by_another(people: PersonalAccounts) -> None:
    owner, admin = joined(people, BEN, {1: "owner"}), joined(people, "x@example.com", {1: "admin"})
    high, _ = people.invite(ANN, {1: "owner"}, owner)
    low, _ = people.invite(ANN, {1: "analyst"}, admin)
    assert people.links() == [high, low]
    again, _ = people.invite(ANN, {1: "admin"}, owner)
    assert people.links() == [again]


def test_nobody_s_invitations_keep_others_from_inviting(
    people: PersonalAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INVITATIONS_OF_AUTHOR_MAX", 2)
    ann, ben = joined(people, ANN, {1: "owner"}), joined(people, BEN, {2: "owner"})
    people.reset(ben)
    for email in ("x@example.com", "x@example.com", "y@example.com"):
        people.invite(email, {1: "analyst"}, ann)
    with pytest.raises(StateError, match="you have 2 open invitations, the most you may have"):
        people.invite("z@example.com", {1: "analyst"}, ann)
    people.invite("z@example.com", {2: "analyst"}, ben)
    member = joined(people, "member@example.com", {1: "analyst"})
    assert people.reset(member, ann)[0].email == "member@example.com"
    people.revoke_link(people.links(ann, 1)[0].link_id, ann)
    people.invite("z@example.com", {1: "analyst"}, ann)


def test_invitations_are_bounded_but_for_the_admin(people: PersonalAccounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INVITATIONS_MAX", 1)
    ann = joined(people, ANN, {1: "owner"})
    people.invite("x@example.com", {1: "analyst"}, ann)
    people.reset(ann)
    with pytest.raises(StateError, match="there are 1 open invitations, the most there may be"):
        people.invite("y@example.com", {1: "analyst"}, ann)
    people.invite("y@example.com", {1: "analyst"})


@pytest.mark.parametrize("actor", ROLES)
@pytest.mark.parametrize("of_person", [True, False], ids=["person", "program"])
def test_each_role_invites_to_the_roles_that_it_grants(
    people: PersonalAccounts, programs: ServiceAccounts, actor: Role, of_person: bool
) -> None:
    by = joined(people, BEN, {1: actor}) if of_person else programs.create("n", {1: actor})[0].account_id
    for role in ROLES:
        if role in GRANTS[actor]:
            _, token = people.invite(f"{role}@example.com", {1: role}, by)
            assert people.join(token, "Ann", PASSWORD).roles == {1: role}
        else:
            with pytest.raises(NotGranted):
                people.invite(f"{role}@example.com", {1: role}, by)
    with pytest.raises((NotGranted, UnknownAccount)):
        people.invite(ANN, {1: "consumer", 2: "consumer"}, by)


def test_a_link_ends_with_the_rights_of_its_creator(people: PersonalAccounts, database: ProjectsDatabase) -> None:
    losses: list[Callable[[int], object]] = [
        lambda by: people.add([by], {1: "admin"}),
        lambda by: people.remove({1: [by]}),
        lambda by: people.disable(by),
        lambda by: database.archive(1, archived=True),
        lambda by: database.delete(1, "a"),
    ]
    for number, lose in enumerate(losses):
        by = joined(people, f"boss-{number}@example.com", {1: "owner"})
        link, token = people.invite(ANN, {1: "owner"}, by)
        assert people.opened(token)[0] == link
        lose(by)
        with pytest.raises(UnknownAccount, match=GONE):
            people.join(token, "Ann", PASSWORD)
        if number == 3:
            database.archive(1, archived=False)


def test_somebody_with_an_account_accepts_with_it(people: PersonalAccounts) -> None:
    ann, ben = joined(people, ANN, {1: "analyst"}), joined(people, BEN, {1: "analyst"})
    _, token = people.invite(ANN, {1: "owner", 2: "consumer"})
    with pytest.raises(InvalidInput, match="there is an account of this address already"):
        people.join(token, "Ann", OTHER)
    with pytest.raises(NotGranted, match="for another address"):
        people.accept(token, ben)
    assert people.accept(token, ann).roles == {1: "owner", 2: "consumer"}
    assert people.one(ben).roles == {1: "analyst"} and verify(people.one(ann).secret_hash, PASSWORD)
    with pytest.raises(UnknownAccount, match=GONE):
        people.accept(token, ann)


def test_an_invitation_takes_no_role_that_its_creator_may_not_take(people: PersonalAccounts) -> None:
    ann, admin = joined(people, ANN, {1: "owner"}), joined(people, BEN, {1: "admin"})
    _, token = people.invite(ANN, {1: "consumer"}, admin)
    with pytest.raises(NotGranted):
        people.accept(token, ann)
    assert people.one(ann).roles == {1: "owner"}


def test_an_invitation_is_seen_and_revoked_by_those_who_may_give_its_roles(people: PersonalAccounts) -> None:
    owner, admin = joined(people, ANN, {1: "owner"}), joined(people, BEN, {1: "admin"})
    other = joined(people, "eve@example.com", {2: "owner"})
    high, _ = people.invite("x@example.com", {1: "owner"}, owner)
    low, token = people.invite("y@example.com", {1: "analyst"}, owner)
    _, reset = people.reset(admin, owner)
    assert people.links(owner, 1) == [high, low] and people.links(admin, 1) == [low] and people.links(other, 2) == []
    with pytest.raises(UnknownAccount):
        people.links(other, 1)
    for by in (admin, other):
        with pytest.raises(UnknownAccount, match="was not found"):
            people.revoke_link(high.link_id, by)
    people.revoke_link(low.link_id, admin)
    with pytest.raises(UnknownAccount, match=GONE):
        people.opened(token)
    assert people.opened(reset)[0].email == BEN


def test_a_password_is_set_by_a_link_of_somebody_who_may_take_all_roles(people: PersonalAccounts) -> None:
    ann = joined(people, ANN, {1: "analyst", 2: "owner"})
    boss, admin = joined(people, BEN, {1: "owner"}), joined(people, "x@example.com", {1: "admin", 2: "admin"})
    for by in (boss, admin):
        with pytest.raises(NotGranted):
            people.reset(ann, by)
    people.add([boss], {2: "owner"})
    link, token = people.reset(ann, boss)
    assert link.expires_at_ms - link.created_at_ms == RESET_S_MAX * 1000
    assert verify(people.one(ann).secret_hash, PASSWORD)
    people.set_password(token, OTHER)
    assert verify(people.one(ann).secret_hash, OTHER)
    with pytest.raises(UnknownAccount, match=GONE):
        people.set_password(token, PASSWORD)
    _, late = people.reset(ann, boss)
    people.add([ann], {3: "consumer"})
    with pytest.raises(UnknownAccount, match=GONE):
        people.set_password(late, PASSWORD)


def test_nobody_sets_the_own_password_by_a_link(people: PersonalAccounts) -> None:
    ann = joined(people, ANN, {1: "owner"})
    with pytest.raises(NotGranted, match="your own account"):
        people.reset(ann, ann)
    assert people.reset(ann)[0].email == ANN


def test_a_link_for_a_new_password_ends_when_the_person_changes_it_or_the_account_is_disabled(
    people: PersonalAccounts,
) -> None:
    ann, ben = joined(people, ANN, {1: "owner"}), joined(people, BEN, {1: "owner"})
    _, of_ben = people.reset(ben)
    invitation, _ = people.invite(ANN, {2: "owner"})
    ways: list[Callable[[], object]] = [
        lambda: people.change_password(ann, people.one(ann).secret_hash, OTHER),
        lambda: people.disable(ann),
    ]
    for end in ways:
        _, token = people.reset(ann)
        end()
        with pytest.raises(UnknownAccount, match=GONE):
            people.set_password(token, PASSWORD)
    _, token = people.reset(ann)
    people.enable(ann)
    assert verify(people.set_password(token, PASSWORD).secret_hash, OTHER), "the account as it was before"
    assert people.opened(of_ben)[0].email == BEN and people.links() == [invitation]


def test_a_disabled_account_is_expired_until_it_is_enabled(people: PersonalAccounts) -> None:
    ann, boss = joined(people, ANN, {1: "owner"}), joined(people, BEN, {1: "owner"})
    people.disable(ann, boss)
    assert people.one(ann).expired(time.time() * 1000) and people.one(ann).roles == {1: "owner"}
    with pytest.raises(NotGranted, match="revoked"):
        people.invite("x@example.com", {1: "owner"}, ann)
    people.enable(ann, boss)
    assert not people.one(ann).expired(time.time() * 1000)
    people.add([ann], {2: "consumer"})
    for change in (people.disable, people.enable, people.reset):
        with pytest.raises(NotGranted):
            change(ann, boss)


def test_a_person_changes_name_and_password(people: PersonalAccounts) -> None:
    ann = joined(people, ANN, {1: "owner"})
    kept = people.one(ann).secret_hash
    people.rename(ann, "Ann Lee")
    people.change_password(ann, kept, OTHER)
    assert people.one(ann).person_name == "Ann Lee" and verify(people.one(ann).secret_hash, OTHER)
    with pytest.raises(NotGranted, match="changed meanwhile"):
        people.change_password(ann, kept, PASSWORD)
    with pytest.raises(InvalidInput, match="at least 12 characters"):
        people.change_password(ann, people.one(ann).secret_hash, "short")


def test_people_and_programs_are_changed_apart(people: PersonalAccounts, programs: ServiceAccounts) -> None:
    ann = joined(people, ANN, {1: "owner"})
    program, _ = programs.create("n", {1: "owner"})
    assert [each.account_id for each in people.all()] == [ann] and programs.all() == [program]
    assert programs.of_project(1) == [program]
    tries: list[Callable[[], object]] = [
        lambda: programs.revoke(ann),
        lambda: programs.rotate(ann),
        lambda: programs.add([ann], {2: "owner"}),
        lambda: people.disable(program.account_id),
        lambda: people.reset(program.account_id),
        lambda: people.rename(program.account_id, "x"),
        lambda: people.change_password(program.account_id, program.secret_hash, OTHER),
    ]
    for wrong in tries:
        with pytest.raises(UnknownAccount, match="was not found"):
            wrong()


def test_the_audit_names_addresses_and_no_secret(people: PersonalAccounts, database: ProjectsDatabase) -> None:
    _, token = people.invite(ANN, {1: "analyst"})
    by_ann = PersonalAccounts(database.by(Author(ANN, "192.0.2.1")))
    ann = by_ann.join(token, "Ann", PASSWORD).account_id
    _, reset = people.reset(ann)
    by_ann.set_password(reset, OTHER)
    by_ann.change_password(ann, people.one(ann).secret_hash, PASSWORD)
    people.disable(ann)
    entries = database.audit(100)
    assert [(each.action, each.project_id, each.subject) for each in reversed(entries)][3:] == [
        ("person invited", 1, f"{ANN}: analyst"),
        ("person joined", 1, f"{ANN}: analyst"),
        ("password reset asked", 1, f"{ANN}: analyst"),
        ("password reset", None, ANN),
        ("password changed", None, ANN),
        ("account disabled", 1, f"{ANN}: analyst"),
    ]
    assert (entries[-5].name, entries[-5].address) == (ANN, "192.0.2.1")
    for secret in (token, reset, PASSWORD, OTHER):
        assert secret not in str(entries)
