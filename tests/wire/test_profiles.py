"""`/engage` and `/groups`: every encoding is understood, every operation does what protocol §5 says, and every reply
is exact."""

import pytest

from tests.conftest import MakeProjects
from tests.support.profile_server import ProfileServer
from tests.support.wire_tables.playing import ProfileTable
from tests.support.wire_tables.profile_replies import CASES as REPLIES
from tests.support.wire_tables.profiles import CASES as PROFILES
from tests.support.wire_tables.row import Case

CASES = PROFILES + REPLIES


@pytest.fixture(scope="module")
def table(profile_server: ProfileServer, make_profile_projects: MakeProjects) -> ProfileTable:
    return ProfileTable(profile_server, make_profile_projects(len(CASES)), CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_request_is_answered(table: ProfileTable, case: Case) -> None:
    table.assert_reply(case)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_store_holds_what_the_request_leaves(table: ProfileTable, case: Case) -> None:
    table.assert_stored(case)
