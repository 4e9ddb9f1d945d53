"""What `mixpanel-headless` saves and asks first: reports, cohorts, annotations, itself and its workspaces."""

from typing import Any

import pytest

from tests.support.clients.query_sdk import run_query_sdk
from tests.support.server import Project, Server
from tests.support.service_accounts import Credentials, new_account


@pytest.fixture(scope="module")
def account(server: Server, filled: Project) -> Credentials:
    return new_account(server, {filled.project_id: "analyst"})


@pytest.fixture(scope="module")
def found(
    server: Server, filled: Project, account: Credentials, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What each step of the driver gave."""
    home = tmp_path_factory.mktemp("home")
    answer: dict[str, Any] = run_query_sdk("drive_headless_saved.py", server, filled, account, home)
    return answer


def test_it_finds_itself_its_project_and_the_workspace(
    found: dict[str, Any], filled: Project, account: Credentials
) -> None:
    number = str(filled.project_id)
    assert found["me"]["user_email"] == account.username
    assert found["me"]["projects"][number]["name"] == filled.name
    assert [each["id"] for each in found["workspaces"]] == [filled.project_id] == [found["workspace"]]
    assert list(found["index"][number]["workspaces"]) == [number]


def test_it_saves_reports(found: dict[str, Any], account: Credentials) -> None:
    bookmark = found["bookmark"]
    assert (bookmark["name"], bookmark["type"], bookmark["description"]) == ("Checkout", "funnels", "d")
    assert bookmark["params"] == {"steps": [{"event": "Sign up"}, {"event": "Page View"}]}
    assert (bookmark["creator_id"], bookmark["creator_name"]) == (account.account_id, account.username)
    assert found["renamed"]["name"] == "Purchase"
    assert found["funnels"] == [{"funnel_id": bookmark["id"], "name": "Purchase"}]
    assert [each["name"] for each in found["bookmarks"]] == ["Purchase", "Views"]
    assert [each["name"] for each in found["bookmarks of a type"]] == ["Views"]
    assert [each["name"] for each in found["bookmarks v2"]] == ["Purchase"]
    assert [each["name"] for each in found["bookmarks by id"]] == ["Views"]
    assert found["deleted bookmark"]["raised"] == "QueryError"
    assert [each["name"] for each in found["bookmarks of the workspace"]] == ["Purchase"]


def test_it_saves_cohorts_and_finds_their_members(found: dict[str, Any]) -> None:
    """Events of even numbers are sign-ups. Those of numbers that 3 does not divide are of pros."""
    pros = [f"user-{number:04}" for number in range(0, 10, 2) if number % 3]
    assert (found["cohort"]["name"], found["cohort"]["description"]) == ("Pros", "d")
    assert found["changed cohort"]["description"] == "never"
    listed = {each["name"]: (each["count"], each["is_visible"]) for each in found["cohorts"]}
    assert listed == {"Pros": (len(pros), True), "Nobody": (0, True)}
    assert [each["name"] for each in found["cohorts full"]] == ["Pros", "Nobody"]
    assert found["one cohort"]["selector"] == found["cohort"]["selector"]
    assert found["members"] == pros
    assert found["members inline"] == pros[1:]
    assert found["deleted cohort"]["raised"] == "QueryError"
    assert "selector is required" in found["no definition"]["text"]


def test_it_keeps_annotations(found: dict[str, Any], account: Credentials) -> None:
    note = found["annotation"]
    assert (note["date"], note["description"], note["user"]["first_name"]) == (
        "2026-03-31 00:00:00",
        "v2",
        account.username,
    )
    assert [tag["name"] for tag in note["tags"]] == ["releases"]
    assert found["annotations"] == [found["changed annotation"]] == [note | {"description": "v2.1"}]
    assert found["annotations before"] == []
    assert [(tag["name"], tag["has_annotations"]) for tag in found["tags"]] == [("releases", True)]
    assert found["deleted annotation"]["raised"] == "QueryError"
