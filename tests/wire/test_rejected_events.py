"""Events that break a rule of protocol §4: each named in the reply, none stored."""

from collections.abc import Callable, Sequence

import pytest

from tests.support.server import Project, Server
from tests.support.wire_tables.playing import Table
from tests.support.wire_tables.rejected import CASES
from tests.support.wire_tables.row import Case


@pytest.fixture(scope="module")
def table(server: Server, make_projects: Callable[[int], Sequence[Project]]) -> Table:
    return Table(server, make_projects(len(CASES)), CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_reply_names_the_broken_rule(table: Table, case: Case) -> None:
    table.assert_reply(case)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_rejected_event_is_not_stored(table: Table, case: Case) -> None:
    table.assert_stored(case)
