"""Rules of protocol §4 in large requests: a shortcut for the usual case must not let the unusual one pass."""

from collections.abc import Callable, Sequence

import pytest

from tests.support.server import Project, Server
from tests.support.wire_tables.large import CASES
from tests.support.wire_tables.playing import Table
from tests.support.wire_tables.row import Case


@pytest.fixture(scope="module")
def table(server: Server, make_projects: Callable[[int], Sequence[Project]]) -> Table:
    return Table(server, make_projects(len(CASES)), CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_large_request_is_looked_at_as_closely(table: Table, case: Case) -> None:
    table.assert_reply(case)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_export_shows_what_the_rules_left_of_a_large_request(table: Table, case: Case) -> None:
    table.assert_stored(case)
