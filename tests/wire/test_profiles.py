"""`/engage` and `/groups`: every encoding is understood, every operation does what protocol §5 says, and every reply
is exact."""

import pytest
from tests.conftest import MakeProjects
from tests.profiles import ProfileServer
from tests.wire.case import Case
from tests.wire.cases_profile_replies import CASES as REPLIES
from tests.wire.cases_profiles import CASES as PROFILES
from tests.wire.playing import ProfileTable

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
