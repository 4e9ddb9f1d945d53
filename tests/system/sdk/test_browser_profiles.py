"""Users' and groups' profiles from the real browser SDK: what is left of every kind of operation, in every mode."""

from typing import Any

import pytest

from tests.support.sdk.browser import Tab
from tests.support.sdk.profile_operations import AWKWARD, GROUP_ROWS, ROWS, left_of, own_of, profile_when, profiles_of
from tests.support.server import Project, Server

USER, GROUP_KEY, GROUP = "üser-1 😀", "company", "Söhne & Co 😀"
MODES: list[dict[str, Any]] = [
    {},
    {"api_payload_format": "json"},
    {"batch_requests": False},
    {"batch_requests": False, "api_payload_format": "json", "verbose": True},
    {"batch_requests": False, "api_method": "GET"},
    {"batch_requests": False, "api_method": "GET", "api_payload_format": "json"},
    {"batch_requests": False, "api_transport": "sendBeacon"},
]


def assert_content(tab: Tab) -> None:
    """Nothing went wrong as far as the SDK and the browser can tell."""
    assert (tab.reported(), tab.complaints) == ([], [])


def test_operations_on_users_are_applied(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url, save_referrer=False)
    for row in ROWS:
        tab.tell("identify", row.profile_id)
        for operation, argument in row.steps:
            if operation == "delete":
                tab.tell("people.delete_user")
            else:
                tab.call(f"people.{'increment' if operation == 'add' else operation}", argument)
        tab.wait_sent()
    assert own_of(profiles_of(server, project)) == left_of(ROWS)
    assert_content(tab)


def group_arguments(operation: str, argument: Any) -> list[Any]:
    """The SDK's `remove` for groups loses its callback when it is given an object."""
    if operation == "remove":
        [pair] = argument.items()
        return list(pair)
    return [] if argument is None else [argument]


def test_operations_on_groups_are_applied(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url)
    for row in GROUP_ROWS:
        for operation, argument in row.steps:
            tab.call_group(GROUP_KEY, row.profile_id, operation, *group_arguments(operation, argument))
        tab.wait_sent()
    assert own_of(profiles_of(server, project, GROUP_KEY)) == left_of(GROUP_ROWS)
    assert_content(tab)


@pytest.mark.parametrize("config", MODES, ids=lambda config: " ".join(map(str, config.values())) or "as by default")
def test_profiles_arrive_in_every_mode(server: Server, project: Project, tab: Tab, config: dict[str, Any]) -> None:
    tab.start(project.token, server.url, **config)
    tab.tell("identify", USER)
    verdict = tab.call("people.set", AWKWARD).given
    assert verdict == ({"error": None, "status": 1} if "verbose" in config else 1)
    tab.call("people.append", {"seen": 1})
    tab.call_group(GROUP_KEY, GROUP, "set", AWKWARD)
    tab.wait_sent()
    tab.sent_when("/groups", 1)
    users, groups = profiles_of(server, project), profiles_of(server, project, GROUP_KEY)
    assert AWKWARD.items() <= users[USER].items()
    assert users[USER]["seen"] == [1]
    assert AWKWARD.items() <= groups[GROUP].items()
    assert_content(tab)


def test_what_was_called_before_identify_is_applied(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url)
    for name, argument in (("set", {"a": 1}), ("increment", {"b": 2}), ("append", {"c": 3}), ("union", {"d": [4]})):
        tab.tell(f"people.{name}", argument)
    tab.tell("identify", USER)
    shown = profile_when(server, project, USER, "$initial_referrer", "a", "b", "c", "d")
    assert {"a": 1, "b": 2, "c": [3], "d": [4], "$initial_referrer": "$direct"}.items() <= shown.items()
    assert (shown["$os"], shown["$browser"]) == ("Linux", "Chrome")
    assert "$last_seen" in shown
    assert_content(tab)


def test_opting_out_deletes_the_user(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url, batch_requests=False, save_referrer=False)
    tab.tell("identify", USER)
    tab.call("people.set", {"a": 1})
    assert set(profiles_of(server, project)) == {USER}
    tab.tell("opt_out_tracking")
    tab.sent_when("/engage", 3)  # `a`, the deletion, and an empty list of transactions
    assert "a" not in profiles_of(server, project).get(USER, {})
