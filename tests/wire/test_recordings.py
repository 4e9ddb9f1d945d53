"""What the real SDKs sent once, sent again: the server must take it and show it in the export."""

from collections.abc import Callable, Sequence

import pytest

from tests.support.recordings.requests import Recording, recordings, rows
from tests.support.server import Project, Server
from tests.support.wire_tables.playing import Table
from tests.support.wire_tables.row import Case

CASES = rows()


@pytest.fixture(scope="module")
def table(server: Server, make_projects: Callable[[int], Sequence[Project]]) -> Table:
    return Table(server, make_projects(len(CASES)), CASES)


@pytest.mark.parametrize("recording", recordings(), ids=lambda each: each.name)
def test_encoding_gives_the_bytes_the_sdk_sent(recording: Recording) -> None:
    text = recording.text()
    if recording.encoding is not None:
        assert recording.encoding(text) == recording.request.body
        assert recording.target == recording.request.target
    else:
        assert callable(recording.target)
        assert recording.target(text) == recording.request.target


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_recorded_request_is_answered_as_its_sdk_expects(table: Table, case: Case) -> None:
    table.assert_reply(case)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_export_shows_what_the_sdk_recorded(table: Table, case: Case) -> None:
    table.assert_stored(case)
