"""`trackway account`: what it prints, and that it does what the HTTP API does."""

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.command_line import printed, trackway
from trackway.projects.database import ProjectsDatabase
from trackway.projects.passwords import verify
from trackway.projects.sqlite import SqliteReader

DATA = ("--data-dir", "d")


@pytest.fixture(autouse=True)
def two_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    database = ProjectsDatabase(Path("d") / "projects.db")
    database.migrate()
    for name in "ab":
        database.create(name, "us")


def test_account_is_created_listed_changed_and_revoked() -> None:
    made = json.loads(printed("account", "create", "Nightly", "--project", "1", "--role", "admin", "--json", *DATA))
    assert list(made) == ["account_id", "username", "created", "expires", "roles", "secret"]
    secret = made.pop("secret")
    assert re.fullmatch(r"[0-9a-f]{32}", secret)
    assert (made["roles"], made["expires"]) == ({"1": "admin"}, None)
    assert json.loads(printed("account", "list", "--json", *DATA)) == [made]
    printed("account", "add-to-project", "1", "--project", "1", "--project", "2", "--role", "analyst", *DATA)
    printed("account", "remove-from-project", "1", "--project", "2", *DATA)
    [account] = SqliteReader(Path("d") / "projects.db").all_accounts()
    assert account.roles == {1: "analyst"}
    assert verify(account.secret_hash, secret)
    assert printed("account", "revoke", "1", *DATA) == f"revoked {made['username']}\n"
    assert json.loads(printed("account", "list", "--json", *DATA)) == []
    assert "trackway account create NAME --project NAME" in trackway("account", "list", *DATA).stderr


def test_a_secret_is_replaced_and_the_old_one_opens_nothing() -> None:
    made = json.loads(printed("account", "create", "n", "--project", "1", "--json", *DATA))
    old = made.pop("secret")
    changed = json.loads(printed("account", "rotate", "1", "--json", *DATA))
    new = changed.pop("secret")
    assert changed == made and new != old
    [account] = SqliteReader(Path("d") / "projects.db").all_accounts()
    assert verify(account.secret_hash, new) and not verify(account.secret_hash, old)
    shown = re.search(r"secret +([0-9a-f]{32})", printed("account", "rotate", "1", *DATA))
    assert shown and shown[1] not in (old, new)


def test_changes_are_printed_as_json() -> None:
    made = json.loads(printed("account", "create", "n", "--project", "1", "--json", *DATA))
    added = printed("account", "add-to-project", "1", "--project", "2", "--role", "owner", "--json", *DATA)
    assert json.loads(added)["roles"] == {"1": "consumer", "2": "owner"}
    removed = printed("account", "remove-from-project", "1", "--project", "1", "--json", *DATA)
    assert json.loads(removed)["roles"] == {"2": "owner"}
    revoked = json.loads(printed("account", "revoke", "1", "--json", *DATA))
    assert revoked == {"account_id": 1, "revoked": made["username"]}


def test_secret_is_printed_once_for_people_and_never_again() -> None:
    table = printed("account", "create", "n", "--project", "1", *DATA)
    found = re.search(r"secret +([0-9a-f]{32})", table)
    assert found
    assert "1: consumer" in table, "the least role where none is named"
    assert found[1] not in printed("account", "list", *DATA)
    assert found[1] not in printed("account", "list", "--json", *DATA)


def test_expiry_is_a_number_of_days_or_a_date() -> None:
    made = printed("account", "create", "n", "--project", "1", "--expires", "90d", "--json", *DATA)
    days = (datetime.fromisoformat(json.loads(made)["expires"]).timestamp() - time.time()) / 86_400
    assert 89.9 < days < 90.1
    dated = printed("account", "create", "n", "--project", "1", "--expires", "2999-01-31", "--json", *DATA)
    assert datetime.fromisoformat(json.loads(dated)["expires"]) == datetime(2999, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("create", "n", "--project", "1", "--role", "boss"),
            "role must be one of owner, admin, analyst, consumer, not",
        ),
        (
            ("create", "n", "--project", "1", "--expires", "soon"),
            "expires must be days, such as 90d, or a date, such as 2027-01-31",
        ),
        (("create", "n", "--project", "1", "--expires", "0d"), "expires must lie in the future"),
        (("create", "n"), "missing option '--project'"),
    ],
)
def test_what_is_wrong_with_arguments_is_one_line_and_exit_code_2(arguments: tuple[str, ...], message: str) -> None:
    check_refused(arguments, 2, message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "n", "--project", "9"), "no project is named '9'"),
        (("revoke", "7"), "service account 7 was not found"),
        (("add-to-project", "7", "--project", "1"), "service account 7 was not found"),
        (("remove-from-project", "7", "--project", "1"), "service account 7 was not found"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_1(arguments: tuple[str, ...], message: str) -> None:
    check_refused(arguments, 1, message)


def check_refused(arguments: tuple[str, ...], code: int, message: str) -> None:
    done = trackway("account", *arguments, *DATA)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"trackway: {message}")
    assert done.stderr.count("\n") == 1
