"""The audit holds what was done if and only if it was done, is bounded, and shows a project only what is its own."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from trackway.domain.errors import InvalidInput
from trackway.projects import audit_table
from trackway.projects.account_changes import ServiceAccounts
from trackway.projects.admin_password import first_password, new_password
from trackway.projects.audit import Author, Entry, Note
from trackway.projects.database import ProjectsDatabase
from trackway.projects.limits import AUDIT_REFUSALS_JOINED_S
from trackway.projects.read_statements import Reader

ANN = Author("ann", "192.0.2.7")
REFUSED = Note("sign-in refused")

# What is done, and what the audit says of it: action, project and subject, in this order.
CHANGES: list[tuple[Callable[[ProjectsDatabase], object], list[tuple[str, int | None, str]]]] = [
    (lambda it: it.create("two", "us"), [("project created", 2, "two")]),
    (
        lambda it: it.change_settings(1, {"export_concurrent_max": 7, "import_requests_per_hour": None}),
        [
            ("limits changed", 1, "export_concurrent_max is 7"),
            ("limits changed", 1, "import_requests_per_hour is that of the server"),
        ],
    ),
    (lambda it: it.change_identity_mode(1, "original"), [("identity mode changed", 1, "original")]),
    (lambda it: it.rotate("one", "secret", 60), [("key replaced", 1, "secret, the old one ends after 60 s")]),
    (lambda it: ServiceAccounts(it).create("new", {1: "admin"}), [("account created", 1, "new.{}: admin")]),
    (lambda it: ServiceAccounts(it).create("new", {}), [("account created", None, "new.{}")]),
    (lambda it: ServiceAccounts(it).add([1], {1: "consumer"}), [("role given", 1, "old.{}: consumer")]),
    (lambda it: ServiceAccounts(it).remove({1: [1]}), [("role taken", 1, "old.{}: analyst")]),
    (lambda it: ServiceAccounts(it).rotate(1), [("account secret replaced", 1, "old.{}: analyst")]),
    (lambda it: ServiceAccounts(it).revoke(1), [("account revoked", 1, "old.{}: analyst")]),
    (new_password, [("admin password changed", None, "")]),
    (first_password, []),
    (lambda it: it.note(Note("key shown", 1, "token")), [("key shown", 1, "token")]),
]
NAMES = ["create", "limits", "identity", "rotate", "account", "account of none", "add", "remove"]
NAMES += ["account rotated", "revoke", "password", "first password again", "note"]


@pytest.fixture
def known(database: ProjectsDatabase) -> ProjectsDatabase:
    """A project, an account of it and an admin password, and an empty audit."""
    database.create("one", "us")
    ServiceAccounts(database).create("old", {1: "analyst"})
    first_password(database)
    database.forget_audit(time.time_ns())
    return database.by(ANN)


def told(entries: list[Entry]) -> list[tuple[str, int | None, str]]:
    """In the order in which things were done; what makes a user name unique is left out."""
    found = [(each.action, each.project_id, each.subject) for each in reversed(entries)]
    return [(action, number, _plain(subject)) for action, number, subject in found]


def _plain(subject: str) -> str:
    name, dot, rest = subject.partition(".")
    role = rest.partition(": ")[2]
    return f"{name}.{{}}" + (f": {role}" if role else "") if dot else subject


@pytest.mark.parametrize(("change", "expected"), CHANGES, ids=NAMES)
def test_each_change_is_kept_with_who_made_it_and_from_where(
    known: ProjectsDatabase, change: Callable[[ProjectsDatabase], object], expected: list[tuple[str, int | None, str]]
) -> None:
    before_ms = time.time_ns() // 1_000_000
    change(known)
    entries = known.audit(10)
    assert told(entries) == expected
    for each in entries:
        assert (each.name, each.address, each.times) == (*ANN, 1)
        assert before_ms <= each.time_ms == each.last_ms <= time.time_ns() // 1_000_000


def test_what_was_refused_is_not_told_as_done(known: ProjectsDatabase) -> None:
    with pytest.raises(InvalidInput):
        known.create("one", "us")
    with pytest.raises(InvalidInput):
        known.change_settings(1, {"export_concurrent_max": -1})
    with pytest.raises(InvalidInput):
        known.rotate("nothing", "token", 0)
    assert known.audit(10) == []


def test_no_entry_holds_a_key(known: ProjectsDatabase) -> None:
    project = known.rotate("one", "token", 60)
    account, secret = ServiceAccounts(known).create("new", {1: "owner"})
    password = new_password(known)
    text = repr(known.audit(100))
    for key in (project.token, project.secret, account.secret_hash, secret, password, project.old_keys[0].key):
        assert key not in text


def test_refusals_of_one_name_and_address_are_one_entry_with_their_number(known: ProjectsDatabase) -> None:
    other = Author("ann", "192.0.2.8")
    known.count_refused({(ANN, REFUSED): 3, (other, REFUSED): 1})
    known.count_refused({(ANN, REFUSED): 2})
    found = {(each.name, each.address): each.times for each in known.audit(10)}
    assert found == {ANN: 5, other: 1}


def test_refusals_of_another_hour_are_another_entry(known: ProjectsDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = time.time_ns()
    for after_s in (0, AUDIT_REFUSALS_JOINED_S - 1, AUDIT_REFUSALS_JOINED_S + 1):
        monkeypatch.setattr(time, "time_ns", lambda after_s=after_s: now_ns + after_s * 10**9)
        known.count_refused({(ANN, REFUSED): 1})
    assert [each.times for each in known.audit(10)] == [1, 2]


def test_rows_are_bounded_and_refusals_drive_nothing_else_out(
    known: ProjectsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_table, "AUDIT_REFUSALS_MAX", 5)
    known.note(Note("key shown", 1, "first"))
    for n in range(12):
        known.count_refused({(Author("", f"192.0.2.{n}"), REFUSED): 1})
    entries = known.audit(100)
    assert [each.address for each in entries if each.action == "sign-in refused"] == [
        f"192.0.2.{n}" for n in (11, 10, 9, 8, 7)
    ]
    assert entries[-1].subject == "first"
    monkeypatch.setattr(audit_table, "AUDIT_ROWS_MAX", 4)
    for n in range(10):
        known.note(Note("key shown", 1, str(n)))
    assert [each.subject for each in known.audit(100)] == ["9", "8", "7", "6"]


def test_what_is_old_is_forgotten(known: ProjectsDatabase, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reader.oldest_audit_ms() is None
    now_ns = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now_ns - 100 * 10**9)
    known.note(Note("key shown", 1, "old"))
    monkeypatch.undo()
    known.note(Note("key shown", 1, "new"))
    assert reader.oldest_audit_ms() == (now_ns - 100 * 10**9) // 1_000_000
    known.forget_audit((now_ns - 50 * 10**9) // 1_000_000)
    assert [each.subject for each in known.audit(10)] == ["new"]


def test_a_project_sees_its_own_and_the_sessions_of_its_members(known: ProjectsDatabase) -> None:
    known.create("two", "us")
    for name in ("ann", "ben", ""):
        known.by(Author(name, "192.0.2.9")).note(Note("signed in"))
    known.count_refused({(ANN, REFUSED): 2, (Author("", "192.0.2.9"), REFUSED): 9})
    known.note(Note("admin password changed"), Note("key shown", 1, "token"), Note("key shown", 2, "secret"))
    assert told(known.audit(100, project_id=1, members=["ann"])) == [
        ("signed in", None, ""),
        ("sign-in refused", None, ""),
        ("key shown", 1, "token"),
    ]
    assert told(known.audit(100, project_id=2)) == [("project created", 2, "two"), ("key shown", 2, "secret")]


def test_pages_go_on_before_an_entry(known: ProjectsDatabase, at: Path | str) -> None:
    for n in range(5):
        known.note(Note("key shown", 1, str(n)))
    first = known.audit(2)
    assert [each.subject for each in first] == ["4", "3"]
    assert [each.subject for each in known.audit(9, first[-1].entry_id)] == ["2", "1", "0"]
