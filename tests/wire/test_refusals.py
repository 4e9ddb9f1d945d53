"""Requests refused as a whole (protocol §1, §3): the exact reply, and nothing of them stored."""

from collections.abc import Callable, Sequence

import pytest

from tests.support.server import Project, Server
from tests.support.wire_tables.playing import Table
from tests.support.wire_tables.refusals import CASES
from tests.support.wire_tables.row import Case


@pytest.fixture(scope="module")
def table(server: Server, make_projects: Callable[[int], Sequence[Project]]) -> Table:
    return Table(server, make_projects(len(CASES)), CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_request_is_answered_as_documented(table: Table, case: Case) -> None:
    table.assert_reply(case)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_refused_request_stores_nothing(table: Table, case: Case) -> None:
    table.assert_stored(case)
