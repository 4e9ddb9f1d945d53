"""The shell of endpoints: a query is one row with two functions, and its checks come in one order."""

import asyncio
import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from tests.support.edge.credentials import access_to
from tests.support.projects.migrated import migrated_file
from trackway.domain.errors import RequestError, StorageError
from trackway.edge.access.change_queue import Changes
from trackway.edge.api.endpoint_shell import Query, Shell
from trackway.edge.quotas.in_flight import InFlight
from trackway.edge.quotas.rate_limits import RateLimits
from trackway.edge.wire.parameter_tables import PROFILE_QUERY
from trackway.projects.project import Project
from trackway.projects.project_lookup import ProjectDirectory
from trackway.projects.roles import Right
from trackway.settings.table import Settings
from trackway.store.reader import Reader, Readers

READERS = Readers(*(cast(Reader, None) for _ in Readers._fields))


class Report(NamedTuple):
    """What a query of these tests asks for."""

    project_id: int
    days: int


def read_report(parameters: Mapping[str, str], project: Project) -> Report:
    if not parameters.get("limit", "").isdigit():
        raise RequestError(400, "limit must be a number")
    return Report(project.project_id, int(parameters["limit"]))


async def count(readers: Readers, report: Report) -> object:
    if report.days == 13:
        raise StorageError("the store is away: /secret/path")
    if report.days == 99:
        await asyncio.Event().wait()
    return {"days": report.days}


REPORT = Query(PROFILE_QUERY, Right.EXPORT, "report", read_report, count)


class Asking:
    """One edge process and one project, whose secret may ask twice an hour."""

    def __init__(self, directory: Path):
        database = migrated_file(directory / "projects.db")
        self.project = database.create("a", "us")
        projects = ProjectDirectory(directory / "projects.db")
        projects.refresh()
        self.rates = RateLimits(directory / "rates", 0, Settings(workers=1, export_requests_per_hour=2))
        changes = Changes(projects, directory / "projects.db")
        self.client_leaves = False
        self._handler = Shell(access_to(projects), self.rates, InFlight(1 << 20, 1 << 20), READERS, changes).query(
            REPORT
        )

    def __call__(self, query: bytes, key: str | None = None) -> tuple[int, dict[str, Any]]:
        credentials = b"Basic " + base64.b64encode(f"{self.project.secret if key is None else key}:".encode())
        scope = {"method": "GET", "path": "/", "query_string": query, "headers": [(b"authorization", credentials)]}
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            if not self.client_leaves:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        async def ask() -> None:
            await self._handler(scope, receive, send)

        asyncio.run(asyncio.wait_for(ask(), 60))
        return (sent[0]["status"], json.loads(sent[1]["body"])) if sent else (0, {})


@pytest.fixture
def ask(tmp_path: Path) -> Asking:
    return Asking(tmp_path)


def test_a_query_needs_a_row_and_two_functions(ask: Asking) -> None:
    assert ask(b"limit=7") == (200, {"days": 7})


def test_checks_come_in_one_order(ask: Asking) -> None:
    """Credentials, parameters that cannot be read, the right, refused parameters, the query's own, the limits."""
    other = b"&project_id=77"
    refused = b"&behaviors=1"
    assert ask(b"limit=%ff" + other + refused, key="nobody")[0] == 401
    assert ask(b"limit=%ff" + other + refused)[1]["error"] == "query string must be valid utf8"
    assert ask(b"limit=x" + other + refused)[0] == 401
    assert ask(b"limit=x" + refused, key=ask.project.token)[0] == 403
    assert ask(b"limit=x" + refused)[1]["error"] == "behaviors is not supported"
    assert ask(b"limit=x")[1]["error"] == "limit must be a number"
    assert [ask(b"limit=1")[0] for _ in range(3)] == [200, 200, 429]  # what was refused before did not count
    assert ask(b"limit=x")[0] == 400


def test_a_failing_store_is_a_503_that_names_no_cause_and_gives_its_place_back(ask: Asking) -> None:
    status, body = ask(b"limit=13")
    assert (status, body["error"]) == (503, "the store cannot be read now")
    assert [use.used for use in ask.rates.uses(ask.project) if use.limit == "export_concurrent_max"] == [0]


def test_a_client_that_leaves_ends_its_query_and_gives_its_place_back(ask: Asking) -> None:
    ask.client_leaves = True
    assert ask(b"limit=99") == (0, {})
    assert [use.used for use in ask.rates.uses(ask.project) if use.limit == "export_concurrent_max"] == [0]
