"""A flood of wrong sign-ins, by forms and by HTTP Basic, keeps no service account out, and nobody from signing in."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPException

import pytest

from tests.support.http.exchange import Reply, Request
from tests.support.server import Project, Server, basic, running_server
from tests.support.service_accounts import Credentials, new_account
from tests.support.web.visitor import Visit

ACCOUNTS = 29
FLOODERS = 4


@pytest.fixture(scope="module")
def flooded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("flood") / "data", "--workers", "1") as server:
        yield server


@contextmanager
def flood(wrong: Callable[[int], Reply]) -> Iterator[dict[int, int]]:
    """Wrong credentials from several threads meanwhile; how many were answered by which status."""
    stop, statuses = threading.Event(), dict[int, int]()

    def again_and_again(first: int) -> None:
        number = first
        while not stop.is_set():
            number += FLOODERS
            with suppress(OSError, HTTPException):
                status = wrong(number).status
                statuses[status] = statuses.get(status, 0) + 1

    with ThreadPoolExecutor(FLOODERS) as threads:
        try:
            for first in range(FLOODERS):
                threads.submit(again_and_again, first)
            yield statuses
        finally:
            stop.set()


def asks(server: Server, project: Project, account: Credentials) -> int:
    target = f"/api/app/rate-limits?project_id={project.project_id}"
    return server.ask(Request("GET", target, (account.basic,))).status


def all_ask(server: Server, accounts: list[Credentials]) -> list[int]:
    """What accounts that nobody has verified yet are answered, all at once."""
    with ThreadPoolExecutor(len(accounts)) as threads:
        return list(threads.map(lambda each: asks(server, server.project, each), accounts))


def new_accounts(server: Server) -> list[Credentials]:
    return [new_account(server, {server.project.project_id: "analyst"}) for _ in range(ACCOUNTS)]


def test_flood_of_forms_keeps_no_service_account_out(flooded: Server) -> None:
    accounts = new_accounts(flooded)
    with flood(lambda number: Visit(flooded).sign_in("admin", f"wrong {number}")) as statuses:
        assert all_ask(flooded, accounts) == [200] * ACCOUNTS
    assert statuses.keys() <= {403, 503}


def test_flood_of_basic_credentials_keeps_neither_accounts_nor_forms_out(flooded: Server) -> None:
    accounts, guessed = new_accounts(flooded), new_accounts(flooded)
    export = "/api/2.0/export?from_date=2026-01-01&to_date=2026-01-01"

    def wrong(number: int) -> Reply:
        name = guessed[number % ACCOUNTS].username if number % 2 else f"nobody {number}"
        return flooded.ask(Request("GET", export, (basic(name, f"wrong {number}"),)))

    with flood(wrong) as statuses:
        assert all_ask(flooded, accounts) == [200] * ACCOUNTS
        signed_in = Visit(flooded).sign_in(accounts[0].username, accounts[0].secret)
        assert signed_in.status == 303
    assert statuses.keys() <= {401, 503}
