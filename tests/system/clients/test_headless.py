"""`mixpanel-headless`, Mixpanel's own query SDK, led here by its environment variables."""

from typing import Any

import pytest

from tests.support.clients.query_sdk import run_query_sdk
from tests.support.server import Project, Server
from tests.support.service_accounts import new_account
from tests.system.clients.conftest import BEGIN_S, PEOPLE

PROFILES: dict[str, Any] = {"mode": "profiles", "limit": None}
DAYS: dict[str, Any] = {"from_date": "2023-11-14", "to_date": "2023-11-15", "raw": True}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "largest": ("query_user", PROFILES | {"sort_by": "n", "limit": 5}),
    "smallest": ("query_user", PROFILES | {"sort_by": "n", "sort_order": "ascending", "limit": 5}),
    "searched": ("query_user", PROFILES | {"search": "1199@EXAMPLE"}),
    "free": ("query_user", PROFILES | {"where": 'properties["plan"] == "free"', "properties": ["n"]}),
    "seen": ("query_user", PROFILES | {"where": 'properties["$last_seen"] >= "2026-01-01T00:00:00"'}),
    "lately": ("query_user", PROFILES | {"filter": ["in_the_last", "$last_seen", 7, "day"]}),
    "before": ("query_user", PROFILES | {"filter": ["not_in_the_last", "$last_seen", 7, "day"]}),
    "named": ("query_user", PROFILES | {"filter": ["contains", "$email", "77@"], "sort_by": "n"}),
    "some": ("query_user", PROFILES | {"distinct_ids": ["user-0007", "user-0003"]}),
    "every": ("query_user", PROFILES),
    "parallel": ("query_user", PROFILES | {"sort_by": "n", "parallel": True}),
    "cohort": ("query_user", PROFILES | {"cohort": 7}),
    "late": ("stream_events", DAYS | {"where": f'properties["$time"] >= datetime({BEGIN_S + 60 * 500})'}),
    "sign-ups": ("stream_events", DAYS | {"events": ["Sign up"], "limit": 7}),
    "one person": ("stream_events", DAYS | {"where": 'properties["$distinct_id"] == "user-0017"'}),
}
EVERYBODY = [f"user-{number:04}" for number in range(PEOPLE)]


@pytest.fixture(scope="module")
def found(server: Server, filled: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each call gave, all of one run."""
    account = new_account(server, {filled.project_id: "analyst"})
    home, calls = tmp_path_factory.mktemp("home"), list(CALLS.values())
    answers = run_query_sdk("drive_headless.py", server, filled, account, home, calls)
    return dict(zip(CALLS, answers, strict=True))


def names(found: dict[str, Any]) -> list[str]:
    return [each["distinct_id"] for each in found["profiles"]]


def test_profiles_are_sorted_searched_and_bounded(found: dict[str, Any]) -> None:
    assert names(found["largest"]) == EVERYBODY[:5]
    assert names(found["smallest"]) == EVERYBODY[:-6:-1]
    assert names(found["searched"]) == ["user-1199"]


def test_profiles_are_chosen(found: dict[str, Any]) -> None:
    assert names(found["free"]) == EVERYBODY[::3]
    assert names(found["seen"]) == EVERYBODY
    assert (names(found["lately"]), names(found["before"])) == (EVERYBODY, [])
    assert names(found["named"]) == [f"user-{number:04}" for number in range(77, PEOPLE, 100)]
    assert names(found["some"]) == ["user-0003", "user-0007"]
    assert "filter_by_cohort: cohort 7 was not found" in found["cohort"]["text"]


def test_all_profiles_are_paged_one_by_one_and_in_parallel(found: dict[str, Any]) -> None:
    assert (names(found["every"]), found["every"]["total"]) == (EVERYBODY, PEOPLE)
    assert names(found["parallel"]) == EVERYBODY


def test_events_are_chosen_as_connectors_choose_them(found: dict[str, Any]) -> None:
    assert len(found["late"]) == PEOPLE - 500
    assert [line["event"] for line in found["sign-ups"]] == ["Sign up"] * 7
    assert [line["properties"]["time"] for line in found["one person"]] == [BEGIN_S + 60 * 17]
