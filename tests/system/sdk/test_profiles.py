"""The real SDKs' profile calls: what they report to their caller, and what the profiles then are."""

import datetime
from collections.abc import Sequence
from typing import Any

import pytest
from mixpanel import BufferedConsumer, Consumer, Mixpanel, MixpanelException

from tests.support.profile_server import Profiles, ProfileServer
from tests.support.sdk.node import call_node_sdk
from tests.support.server import Project, Server

NAMES: dict[str, Any] = {"plan": "pro+ / 100% = ü ✓ 😀", "tags": ["a&b", "c=d"], "odd": "?>?>~~~", "paid": True}
DATE = datetime.datetime(2026, 1, 31, 12)
BOB, ACME = ("", "bob"), ("company", "Acme & Söhne")
Calls = list[list[Any]]
Row = tuple[str, Calls, dict[str, Any] | None]
"""Name, the calls but for whom they are, and the properties they leave; None for no profile."""

PYTHON: list[Row] = [
    ("set", [["people_set", NAMES]], NAMES),
    ("set a date", [["people_set", {"at": DATE, "none": None}]], {"at": "2026-01-31T12:00:00"}),
    ("set_once", [["people_set_once", {"a": 1}], ["people_set_once", {"a": 2, "b": 3}]], {"a": 1, "b": 3}),
    ("increment", [["people_increment", {"a": 1}], ["people_increment", {"a": -2.5}]], {"a": -1.5}),
    ("append", [["people_append", {"a": 1}], ["people_append", {"a": 1}]], {"a": [1, 1]}),
    ("union", [["people_union", {"a": [1, 2]}], ["people_union", {"a": [2, 3]}]], {"a": [1, 2, 3]}),
    ("remove", [["people_union", {"a": [1, 2]}], ["people_remove", {"a": 1}]], {"a": [2]}),
    ("unset", [["people_set", {"a": 1, "b": 2}], ["people_unset", ["a"]]], {"b": 2}),
    ("delete", [["people_set", {"a": 1}], ["people_delete"]], None),
    ("charge", [["people_track_charge", 9.5, {"sku": "x"}]], {"$transactions": [{"sku": "x", "$amount": 9.5}]}),
    ("clear charges", [["people_set", {"a": 1}], ["people_track_charge", 9.5], ["people_clear_charges"]], {"a": 1}),
]  # fmt: skip
PYTHON_GROUPS: list[Row] = [
    ("set", [["group_set", NAMES]], NAMES),
    ("set_once", [["group_set_once", {"a": 1}], ["group_set_once", {"a": 2}]], {"a": 1}),
    ("union", [["group_union", {"a": [1, 2]}], ["group_union", {"a": [2, 3]}]], {"a": [1, 2, 3]}),
    ("remove", [["group_union", {"a": [1, 2]}], ["group_remove", {"a": 1}]], {"a": [2]}),
    ("unset", [["group_set", {"a": 1, "b": 2}], ["group_unset", ["a"]]], {"b": 2}),
    ("delete", [["group_set", {"a": 1}], ["group_delete"]], None),
]
NODE: list[Row] = [
    ("set", [["set", NAMES]], NAMES),
    ("set one", [["set", "plan", "pro"]], {"plan": "pro"}),
    ("set_once", [["set_once", {"a": 1}], ["set_once", "a", 2]], {"a": 1}),
    ("union", [["union", {"a": [1, 2]}], ["union", {"a": 3}]], {"a": [1, 2, 3]}),
    ("remove", [["union", {"a": [1, 2]}], ["remove", {"a": 1}]], {"a": [2]}),
    ("unset", [["set", {"a": 1, "b": 2, "c": 3}], ["unset", ["a"]], ["unset", "b"]], {"c": 3}),
]
NODE_PEOPLE: list[Row] = [
    *NODE,
    ("increment", [["increment", "a"], ["increment", "a", 2], ["increment", {"a": -0.5, "b": 1}]], {"a": 2.5, "b": 1}),
    ("append", [["append", "a", 1], ["append", {"a": "x"}]], {"a": [1, "x"]}),
    ("charge", [["track_charge", 9.5, {"sku": "x"}]], {"$transactions": [{"sku": "x", "$amount": 9.5}]}),
    ("clear charges", [["track_charge", 9.5], ["clear_charges"]], {"$transactions": []}),
    ("delete", [["set", {"a": 1}], ["delete_user"]], None),
]
NODE_GROUPS: list[Row] = [*NODE, ("delete", [["set", {"a": 1}], ["delete_group"]], None)]


def consumer_urls(server: Server) -> dict[str, str]:
    return {"people_url": f"{server.url}/engage", "groups_url": f"{server.url}/groups"}


def plain(server: Server, **config: Any) -> dict[str, Any]:
    return {"protocol": "http", "host": f"127.0.0.1:{server.port}", **config}


def assert_left(profiles: Profiles, group_key: str, rows: Sequence[Row]) -> None:
    """Each row has left its profile, named as the row and seen at some time, and there is no other."""
    for properties in profiles.values():
        datetime.datetime.strptime(properties.pop("$last_seen"), "%Y-%m-%dT%H:%M:%S")
    assert profiles == {(group_key, name): left for name, _, left in rows if left is not None}


def test_python_people_calls_are_applied(profile_server: ProfileServer, profile_project: Project) -> None:
    client = Mixpanel(profile_project.token, Consumer(**consumer_urls(profile_server.server)))
    for name, calls, _ in PYTHON:
        for method, *given in calls:
            getattr(client, method)(name, *given)
    assert_left(profile_server.profiles_of(profile_project), "", PYTHON)


def test_python_group_calls_are_applied(profile_server: ProfileServer, profile_project: Project) -> None:
    client = Mixpanel(profile_project.token, Consumer(**consumer_urls(profile_server.server)))
    for name, calls, _ in PYTHON_GROUPS:
        for method, *given in calls:
            getattr(client, method)("company", name, *given)
    assert_left(profile_server.profiles_of(profile_project), "company", PYTHON_GROUPS)


def test_python_buffered_updates_keep_their_order(profile_server: ProfileServer, profile_project: Project) -> None:
    consumer = BufferedConsumer(max_size=50, **consumer_urls(profile_server.server))
    client = Mixpanel(profile_project.token, consumer)
    for number in range(120):
        client.people_append("bob", {"numbers": number})
        client.group_union(*ACME, {"numbers": [number // 2]})
    consumer.flush()
    profiles = profile_server.profiles_of(profile_project)
    assert profiles[BOB]["numbers"] == list(range(120))
    assert profiles[ACME]["numbers"] == list(range(60))


def test_python_meta_reaches_the_server(profile_server: ProfileServer, profile_project: Project) -> None:
    client = Mixpanel(profile_project.token, Consumer(**consumer_urls(profile_server.server)))
    client.people_set("ignoring", {"a": 1}, meta={"$ignore_time": True, "$ip": 0})
    client.people_set("dated", {"a": 1}, meta={"$time": 1_700_000_000})
    assert profile_server.profiles_of(profile_project) == {
        ("", "ignoring"): {"a": 1},
        ("", "dated"): {"$last_seen": "2023-11-14T22:13:20", "a": 1},
    }


def test_python_is_told_what_is_wrong(profile_server: ProfileServer, profile_project: Project) -> None:
    client = Mixpanel(profile_project.token, Consumer(**consumer_urls(profile_server.server)))
    with pytest.raises(MixpanelException, match=r"'\$add\.a' is invalid: must be a number"):
        client.people_increment("bob", {"a": "1"})
    with pytest.raises(MixpanelException, match="token, unknown"):
        Mixpanel("0" * 32, Consumer(**consumer_urls(profile_server.server))).group_set(*ACME, {"a": 1})


def node_left(
    profile_server: ProfileServer, project: Project, calls: Sequence[Sequence[Any]], **config: Any
) -> tuple[list[str | None], Profiles]:
    outcomes = call_node_sdk(project.token, plain(profile_server.server, **config), calls)
    return outcomes, profile_server.profiles_of(project)


@pytest.mark.parametrize("verbose", [False, True])
def test_node_people_calls_are_applied(profile_server: ProfileServer, profile_project: Project, verbose: bool) -> None:
    calls = [[f"people.{method}", name, *given] for name, each, _ in NODE_PEOPLE for method, *given in each]
    outcomes, profiles = node_left(profile_server, profile_project, calls, verbose=verbose)
    assert outcomes == [None] * len(calls)
    assert_left(profiles, "", NODE_PEOPLE)


def test_node_group_calls_are_applied(profile_server: ProfileServer, profile_project: Project) -> None:
    calls = [[f"groups.{method}", "company", name, *given] for name, each, _ in NODE_GROUPS for method, *given in each]
    outcomes, profiles = node_left(profile_server, profile_project, calls)
    assert outcomes == [None] * len(calls)
    assert_left(profiles, "company", NODE_GROUPS)


def test_node_modifiers_reach_the_server(profile_server: ProfileServer, profile_project: Project) -> None:
    calls: Calls = [
        ["people.set", "ignoring", {"a": 1}, {"$ignore_time": True, "$ip": 0}],
        ["people.set", "dated", {"a": 1}, {"$time": 1_700_000_000_000}],
        ["people.delete_user", "gone", {"$ignore_alias": True}],
    ]
    outcomes, profiles = node_left(profile_server, profile_project, calls)
    assert outcomes == [None, None, None]
    assert profiles == {
        ("", "ignoring"): {"a": 1},
        ("", "dated"): {"$last_seen": "2023-11-14T22:13:20", "a": 1},
    }


@pytest.mark.parametrize("verbose", [False, True])
def test_node_is_told_that_something_is_wrong(
    profile_server: ProfileServer, profile_project: Project, verbose: bool
) -> None:
    calls: Calls = [["people.increment", "bob", {"a": "1 apple"}], ["people.set", "", {"a": 1}]]
    outcomes, profiles = node_left(profile_server, profile_project, calls, verbose=verbose)
    assert all(outcomes)
    assert profiles == {}
    if verbose:
        assert "must be a number" in str(outcomes[0])
