"""Sessions of people in the database: seen by their person, ended one by one, and bounded."""

import pytest
from sqlalchemy import select

from trackway.domain.limits import SESSION_S_MAX
from trackway.projects import session_rows as module
from trackway.projects.audit import Author
from trackway.projects.database import ProjectsDatabase
from trackway.projects.personal_account_changes import PersonalAccounts
from trackway.projects.session_rows import SessionRow, SessionRows
from trackway.projects.tables.accounts import sessions

PASSWORD = "correct horse battery"
BEGUN_S = 1_800_000_000


@pytest.fixture
def people(database: ProjectsDatabase) -> PersonalAccounts:
    """With the project 1, and the accounts 1 and 2."""
    database.create("a", "us")
    people = PersonalAccounts(database)
    for name in ("ann", "ben"):
        _, token = people.invite(f"{name}@example.com", {1: "owner"})
        people.join(token, name, PASSWORD)
    return people


@pytest.fixture
def rows(database: ProjectsDatabase, people: PersonalAccounts) -> SessionRows:
    return SessionRows(database)


def row(session_id: str, account_id: int = 1, begun_s: int = BEGUN_S) -> SessionRow:
    return SessionRow(session_id, account_id, begun_s, begun_s, "192.0.2.1", "Firefox on Linux")


def ids(rows: SessionRows, account_id: int = 1, now_s: int = BEGUN_S) -> list[str]:
    return [each.session_id for each in rows.of_account(account_id, now_s)]


def test_sessions_are_those_of_their_account_with_the_last_used_first(rows: SessionRows) -> None:
    for session_id, account_id in (("a", 1), ("b", 1), ("c", 2)):
        assert rows.begin(row(session_id, account_id)) == []
    rows.seen("a", BEGUN_S + 600)
    assert (ids(rows), ids(rows, 2)) == (["a", "b"], ["c"])
    assert rows.of_account(1, BEGUN_S)[0] == SessionRow("a", 1, BEGUN_S, BEGUN_S + 600, "192.0.2.1", "Firefox on Linux")


def test_a_session_is_ended_by_its_account_alone_and_once(rows: SessionRows, database: ProjectsDatabase) -> None:
    rows.begin(row("a"))
    theirs = SessionRows(database.by(Author("ann@example.com", "192.0.2.9")))
    theirs.ended(2, "a")
    assert ids(rows) == ["a"]
    for _ in range(2):
        theirs.ended(1, "a")
        assert ids(rows) == []
    [entry] = [each for each in database.audit(100) if each.action == "session ended"]
    assert (entry.name, entry.address, entry.subject) == ("ann@example.com", "192.0.2.9", "Firefox on Linux")


def test_sessions_of_an_account_are_bounded_and_the_idle_one_goes(
    rows: SessionRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PERSON_SESSIONS_MAX", 2)
    for number, session_id in enumerate("ab"):
        rows.begin(row(session_id, begun_s=BEGUN_S + number))
    rows.seen("a", BEGUN_S + 60)
    for session_id in "cd":  # what is not forgotten is returned again
        assert row("b", begun_s=BEGUN_S + 1) in rows.begin(row(session_id, begun_s=BEGUN_S + 61))
    rows.forget(["a", "b"])
    assert sorted(ids(rows)) == ["c", "d"]


def test_expired_sessions_are_not_shown_and_are_forgotten(rows: SessionRows, database: ProjectsDatabase) -> None:
    rows.begin(row("a"))
    later_s = BEGUN_S + SESSION_S_MAX + 1
    assert ids(rows, now_s=later_s) == []
    rows.begin(row("b", 2, later_s))
    with database.reading() as connection:
        assert connection.execute(select(sessions.c.session_id)).scalars().all() == ["b"]


def test_what_ends_all_sessions_of_an_account_forgets_them(rows: SessionRows, people: PersonalAccounts) -> None:
    def reset() -> None:
        _, token = people.reset(1)
        people.set_password(token, "another horse battery")

    ends = [
        lambda: people.sign_out(1),
        lambda: people.sign_out_self(1),
        lambda: people.disable(1),
        lambda: people.change_password(1, people.one(1).secret_hash, "yet another battery"),
        reset,
    ]
    rows.begin(row("of another", 2))
    for end in ends:
        rows.begin(row("a"))
        before = people.one(1)
        end()
        assert ids(rows) == []
        assert (people.one(1).secret_hash, people.one(1).signed_out_ms) != (before.secret_hash, before.signed_out_ms)
    assert ids(rows, 2) == ["of another"]


def test_a_session_that_is_signed_out_is_forgotten(rows: SessionRows) -> None:
    rows.begin(row("a"))
    rows.forget(["a"])
    assert ids(rows) == []
