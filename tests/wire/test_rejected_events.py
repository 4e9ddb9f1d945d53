"""Events that break a rule of protocol §4: each named in the reply, none stored."""

from collections.abc import Callable, Sequence

import pytest
from tests.running import Project, Server
from tests.wire.case import Case
from tests.wire.cases_rejected import CASES
from tests.wire.playing import Table


@pytest.fixture(scope="module")
def table(server: Server, make_projects: Callable[[int], Sequence[Project]]) -> Table:
    return Table(server, make_projects(len(CASES)), CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_reply_names_the_broken_rule(table: Table, case: Case) -> None:
    table.assert_reply(case)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_rejected_event_is_not_stored(table: Table, case: Case) -> None:
    table.assert_stored(case)
