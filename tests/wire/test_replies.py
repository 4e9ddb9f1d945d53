"""Every form of a reply (protocol §3), and that the form does not change what is stored."""

from collections.abc import Callable, Sequence

import pytest

from tests.support.server import Project, Server
from tests.support.wire_tables.playing import Table
from tests.support.wire_tables.replies import CASES
from tests.support.wire_tables.row import Case


@pytest.fixture(scope="module")
def table(server: Server, make_projects: Callable[[int], Sequence[Project]]) -> Table:
    return Table(server, make_projects(len(CASES)), CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_reply_has_the_form_asked_for(table: Table, case: Case) -> None:
    table.assert_reply(case)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_form_of_the_reply_does_not_change_what_is_stored(table: Table, case: Case) -> None:
    table.assert_stored(case)
