"""Service accounts for tests: made as `trackway account create` does, without a process for each."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.support.http.encodings import JSON
from tests.support.http.exchange import Reply, Request
from tests.support.server import Server, basic
from tests.support.waiting import POLL_S
from trackway.projects.account_changes import ServiceAccounts
from trackway.projects.roles import Role

ORGANIZATION = "/api/app/organizations/1/service-accounts"
TAKEN_OVER_S = 2.0
"""A change must have reached every edge process after so long."""


class Credentials(NamedTuple):
    """An account as its owner knows it."""

    account_id: int
    username: str
    secret: str

    @property
    def basic(self) -> tuple[str, str]:
        return basic(self.username, self.secret)


def accounts_of(server: Server) -> ServiceAccounts:
    return ServiceAccounts(server.projects)


def new_account(server: Server, roles: Mapping[int, Role], expires_at_ms: int | None = None) -> Credentials:
    """A new account, which works at once: an unknown user name makes an edge process look again."""
    created, secret = accounts_of(server).create("test", roles, expires_at_ms)
    time.sleep(0.005)
    return Credentials(created.account_id, created.username, secret)


def ask_json(server: Server, method: str, path: str, account: Credentials, body: Any = None) -> Reply:
    """A request of the service accounts API."""
    text = b"" if body is None else json.dumps(body).encode()
    return server.ask(Request(method, path, (JSON, account.basic), text))


def everywhere(holds: Callable[[], bool], times: int = 16) -> bool:
    """Whether something holds within TAKEN_OVER_S, in `times` requests in a row, so in every edge process."""
    deadline = time.monotonic() + TAKEN_OVER_S
    while time.monotonic() < deadline:
        if all(holds() for _ in range(times)):
            return True
        time.sleep(POLL_S)
    return False
