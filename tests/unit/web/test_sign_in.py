"""Signing in while the account changes, and with a name that nobody has."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

import pytest
from starlette.requests import Request

from tests.support.projects.migrated import migrated_file
from trackway.domain.errors import RequestError
from trackway.edge.access.credentials import Access
from trackway.edge.access.project_refresh import FreshProjects
from trackway.edge.access.secret_verification import Verifier
from trackway.edge.limits import VERIFICATIONS_WAITING_OF_NAME_MAX
from trackway.edge.quotas.in_flight import InFlight
from trackway.projects import passwords
from trackway.projects.audit import UNKNOWN
from trackway.projects.factor_secrets import FactorSecrets
from trackway.projects.personal_account_changes import PersonalAccounts
from trackway.projects.project_lookup import ProjectDirectory
from trackway.projects.second_factor_changes import SecondFactors
from trackway.settings.table import Settings
from trackway.web.second_step import SecondStep
from trackway.web.session import Sessions
from trackway.web.sign_in import SignIn

EMAIL, PASSWORD, OTHER = "ann@example.com", "correct horse battery", "another horse battery"


class Server:
    """What an edge process has, with one person."""

    def __init__(self, place: Path):
        path = place / "projects.db"
        self.database = migrated_file(path)
        self.database.create("a", "us")
        self.people = PersonalAccounts(self.database)
        _, token = self.people.invite(EMAIL, {1: "owner"})
        self.account_id = self.people.join(token, "Ann", PASSWORD).account_id
        self.directory = ProjectDirectory(path)
        self.directory.refresh()
        self.verifier = Verifier(self.directory)
        self.refused: list[str] = []
        settings, fresh = Settings(data_dir=place), FreshProjects(self.directory)
        self.sessions = Sessions(settings, self.directory, fresh)
        shared: dict[str, Any] = {
            "access": Access(self.directory, self.verifier, "us"),
            "audit": SimpleNamespace(refused=lambda author, _: self.refused.append(author.name)),
            "in_flight": InFlight(1 << 20, 1 << 20),
        }
        self.sign_in = SignIn(
            self.sessions,
            cast(Any, None),
            settings=settings,
            directory=self.directory,
            verifier=self.verifier,
            fresh_projects=fresh,
            **shared,
        )
        self.changes = SimpleNamespace()
        self.second_step = SecondStep(
            self.sessions,
            self.sign_in,
            FactorSecrets(self.sessions.key),
            changes=cast(Any, self.changes),
            **shared,
        )

    def change_password(self) -> None:
        self.people.change_password(self.account_id, self.people.one(self.account_id).secret_hash, OTHER)
        self.directory.refresh()

    def sign_out(self) -> None:
        self.people.sign_out(self.account_id)
        self.directory.refresh()

    def rename(self) -> None:
        self.people.rename(self.account_id, "Ann Lee")
        self.directory.refresh()

    def disable(self) -> None:
        self.people.disable(self.account_id)
        self.directory.refresh()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.verifier.close()


def form(**fields: str) -> Request:
    body = urlencode(fields).encode()
    headers = {
        "host": "here",
        "origin": "http://here",
        "content-type": "application/x-www-form-urlencoded",
        "content-length": str(len(body)),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": pairs, "client": ("192.0.2.1", 1)}, receive)


CHANGES = [Server.change_password, Server.sign_out, Server.disable]


@pytest.mark.parametrize("change", [*CHANGES, Server.rename])
def test_a_password_that_was_right_opens_nothing_once_the_account_has_changed(
    server: Server, change: Callable[[Server], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = passwords.verify

    def changed_meanwhile(kept: str, secret: str) -> bool:
        right = verify(kept, secret)
        monkeypatch.setattr(passwords, "verify", verify)
        change(server)
        return right

    monkeypatch.setattr(passwords, "verify", changed_meanwhile)
    is_right = asyncio.run(server.sign_in.is_right(form(), EMAIL, PASSWORD))
    assert (is_right, server.refused) == ((True, []) if change is Server.rename else (False, [EMAIL]))


@pytest.mark.parametrize("change", CHANGES)
def test_a_code_that_was_right_opens_nothing_once_the_account_has_changed(
    server: Server, change: Callable[[Server], None]
) -> None:
    SecondFactors(server.database).turn_on(
        server.account_id, server.people.one(server.account_id).secret_hash, "sealed", 0, 0
    )
    server.directory.refresh()
    step = server.sessions.begin_step(EMAIL)

    async def right(*_: object) -> str:
        change(server)
        return "code"

    server.changes.run = right
    reply = asyncio.run(server.second_step.submit(form(step=step, code="123456")))
    assert (reply.status_code, "set-cookie" in reply.headers) == (403, False)


def test_no_session_begins_of_an_account_that_has_ended(server: Server) -> None:
    server.disable()
    with pytest.raises(RequestError) as refused:
        server.sessions.begin(EMAIL)
    assert refused.value.status == 403


def test_a_flood_at_names_that_nobody_has_refuses_none_of_them_earlier(server: Server) -> None:
    async def tries(names: list[str]) -> list[bool | BaseException]:
        each = (server.sign_in.is_right(form(), name, str(n)) for n, name in enumerate(names))
        return await asyncio.gather(*each, return_exceptions=True)

    names = [EMAIL, *(f"nobody-{n}@example.com" for n in range(2 * VERIFICATIONS_WAITING_OF_NAME_MAX))]
    assert asyncio.run(tries(names)) == [False] * len(names)
    assert server.refused.count(UNKNOWN) == len(names) - 1, "the audit keeps no name that nobody has"
