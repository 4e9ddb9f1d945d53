"""Every encoding of protocol §2 is understood, and the export shows the event unharmed."""

from collections.abc import Callable, Sequence

import pytest

from tests.support.server import Project, Server
from tests.support.wire_tables.encodings import CASES
from tests.support.wire_tables.playing import Table
from tests.support.wire_tables.row import Case


@pytest.fixture(scope="module")
def table(server: Server, make_projects: Callable[[int], Sequence[Project]]) -> Table:
    return Table(server, make_projects(len(CASES)), CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_encoding_is_accepted(table: Table, case: Case) -> None:
    table.assert_reply(case)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_export_shows_the_event_unharmed(table: Table, case: Case) -> None:
    table.assert_stored(case)
