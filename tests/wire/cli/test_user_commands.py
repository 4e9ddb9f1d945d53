"""`trackway user`: what it prints, and what its links open."""

import json
import re
from pathlib import Path

import pytest

from tests.support.command_line import printed, trackway
from trackway.projects.database import ProjectsDatabase
from trackway.projects.personal_account_changes import PersonalAccounts
from trackway.projects.second_factor_changes import SecondFactors

DATA = ("--data-dir", "d")
URL = ("--url", "https://events.example.com/stats/")
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PersonalAccounts:
    """With the projects 1 and 2."""
    monkeypatch.chdir(tmp_path)
    database = ProjectsDatabase(Path("d") / "projects.db")
    database.migrate()
    for name in "ab":
        database.create(name, "us")
    return PersonalAccounts(database)


def token_in(link: str) -> str:
    found = re.fullmatch(r"https://events\.example\.com/stats/app/account-links/([A-Za-z0-9_-]{43})", link.strip())
    assert found, link
    return found[1]


def test_a_person_is_invited_joins_and_is_listed(people: PersonalAccounts) -> None:
    made = json.loads(
        printed("user", "invite", "Ann@Example.com", "--project", "a", "--role", "owner", "--json", *URL, *DATA)
    )
    assert list(made) == ["invitation", "email", "expires", "roles", "link"]
    token = token_in(made.pop("link"))
    assert (made["email"], made["roles"]) == ("ann@example.com", {"1": "owner"})
    assert json.loads(printed("user", "list", "--json", *DATA)) == {"accounts": [], "invitations": [made]}
    people.join(token, "Ann", PASSWORD)
    listed = json.loads(printed("user", "list", "--json", *DATA))
    assert listed["invitations"] == [] and list(listed["accounts"][0]) == [
        "email",
        "name",
        "created",
        "disabled",
        "second_factor",
        "roles",
    ]
    assert re.search(r"ann@example.com +Ann +\S+ +enabled +1: owner", printed("user", "list", *DATA))


def test_a_person_is_disabled_enabled_and_given_roles(people: PersonalAccounts) -> None:
    token = token_in(printed("user", "invite", "ann@example.com", "--project", "1", *URL, *DATA))
    people.join(token, "Ann", PASSWORD)
    assert printed("user", "disable", "ANN@example.com", *DATA) == "disabled ann@example.com\n"
    assert json.loads(printed("user", "list", "--json", *DATA))["accounts"][0]["disabled"] is True
    assert printed("user", "sign-out", "ann@example.com", *DATA) == "signed out ann@example.com\n"
    assert printed("user", "enable", "ann@example.com", *DATA) == "enabled ann@example.com\n"
    added = printed("user", "add-to-project", "ann@example.com", "--project", "b", "--role", "admin", "--json", *DATA)
    assert json.loads(added)["roles"] == {"1": "consumer", "2": "admin"}
    printed("user", "remove-from-project", "ann@example.com", "--project", "1", *DATA)
    assert people.named("ann@example.com").roles == {2: "admin"}
    people.set_password(token_in(printed("user", "reset", "ann@example.com", *URL, *DATA)), "another horse battery")


def test_an_invitation_is_revoked(people: PersonalAccounts) -> None:
    assert "trackway user invite EMAIL --project NAME" in trackway("user", "list", *DATA).stderr
    printed("user", "invite", "ann@example.com", "--project", "1", *URL, *DATA)
    assert re.search(r"1 +ann@example.com +\S+ +1: consumer", printed("user", "list", *DATA))
    assert printed("user", "uninvite", "1", *DATA) == "revoked the invitation of ann@example.com\n"
    assert people.links() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("invite", "ann", "--project", "1", *URL), "e-mail must be an address such as 'ann@example.com'"),
        (("invite", "ann@example.com", "--project", "9", *URL), "no project is named '9'"),
        (("invite", "ann@example.com", "--project", "1"), "no server runs on"),
        (("invite", "ann@example.com", "--project", "1", "--url", "x"), "url must begin with http:// or https://"),
        (("disable", "ann@example.com"), "personal account 'ann@example.com' was not found"),
        (("reset", "ann@example.com", *URL), "personal account 'ann@example.com' was not found"),
        (("uninvite", "7"), "invitation 7 was not found"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    done = trackway("user", *arguments, *DATA)
    assert done.returncode in (1, 2) and done.stdout == ""
    assert message in done.stderr and done.stderr.count("\n") == 1


def test_a_lost_second_factor_is_taken_away(people: PersonalAccounts) -> None:
    token = token_in(printed("user", "invite", "ann@example.com", "--project", "1", *URL, *DATA))
    account = people.join(token, "Ann", PASSWORD)
    factors = SecondFactors(ProjectsDatabase(Path("d") / "projects.db"))
    factors.turn_on(account.account_id, account.secret_hash, "sealed", 0, 0)
    assert json.loads(printed("user", "list", "--json", *DATA))["accounts"][0]["second_factor"] is True
    printed_line = printed("user", "remove-second-factor", "Ann@example.com", *DATA)
    assert printed_line == "removed the second factor of ann@example.com\n"
    assert json.loads(printed("user", "list", "--json", *DATA))["accounts"][0]["second_factor"] is False
    assert factors.recovery_codes_left(account.account_id) == 0
