"""`identify`, `alias`, `reset` of the real browser SDK: the links asked for, and whose events and profiles are then."""

from typing import Any

from tests.support.journal_links import asked_of
from tests.support.sdk.browser import Tab
from tests.support.sdk.profile_operations import profiles_of
from tests.support.server import Project, Server
from trackway.domain.link import LinkKind

QUIET: dict[str, Any] = {"save_referrer": False}
"""Else the first `identify` also writes the referrer to the user's profile."""


def device_of(tab: Tab) -> str:
    """The device as its events name it before anybody logs in."""
    return f"$device:{tab.property('$device_id')}"


def people(server: Server, project: Project) -> dict[str, tuple[str, str | None]]:
    """By event: whose the export says it is, and the id before, where that differs."""
    server.wait_loaded()
    lines = {line["event"]: line["properties"] for line in server.export(project)}
    return {name: (each["distinct_id"], each.get("$distinct_id_before_identity")) for name, each in lines.items()}


def assert_content(tab: Tab) -> None:
    """Nothing went wrong as far as the SDK and the browser can tell."""
    assert (tab.reported(), tab.complaints) == ([], [])


def test_identify_asks_to_link_the_device(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url, **QUIET)
    device = device_of(tab)
    tab.call("track", "seen", {})
    assert asked_of(server, project) == []
    tab.tell("identify", "user-1 😀")
    tab.call("track", "paid", {})
    tab.wait_sent()
    assert asked_of(server, project) == [(LinkKind.DEVICE, device, "user-1 😀")]
    assert_content(tab)


def test_reset_between_two_users_asks_to_link_a_device_each(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url, **QUIET)
    expected = []
    for user in ("user-1", "user-2"):
        expected.append((LinkKind.DEVICE, device_of(tab), user))
        tab.tell("identify", user)
        tab.tell("reset")
    tab.wait_sent()
    assert asked_of(server, project) == expected
    assert_content(tab)


def test_another_user_without_reset_is_never_linked_to_the_first(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url, **QUIET)
    device = device_of(tab)
    tab.tell("identify", "user-1")
    tab.tell("identify", "user-2")
    tab.wait_sent()
    assert asked_of(server, project) == [(LinkKind.DEVICE, device, "user-1"), (LinkKind.DEVICE, device, "user-2")]
    assert_content(tab)


def test_alias_links_by_the_identify_that_follows(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url, **QUIET)
    device = device_of(tab)
    tab.tell("alias", "user-1")
    tab.sent_when("/track", 1)
    tab.wait_sent()
    assert asked_of(server, project) == [(LinkKind.DEVICE, device, "user-1")]
    assert_content(tab)


def test_identify_and_alias_ask_in_an_original_project(server: Server, original: Project, tab: Tab) -> None:
    tab.start(original.token, server.url, **QUIET)
    device = device_of(tab)
    tab.tell("identify", "user-1")
    tab.call("track", "paid", {})
    tab.tell("alias", "nickname", "user-1")
    tab.wait_sent()
    assert asked_of(server, original)[:2] == [
        (LinkKind.IDENTIFY, device, "user-1"),
        (LinkKind.ALIAS, "nickname", "user-1"),
    ]
    assert_content(tab)


def test_what_was_tracked_before_identify_is_the_users(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url, **QUIET)
    device = device_of(tab)
    tab.call("track", "seen", {})
    tab.wait_sent()
    assert people(server, project) == {"seen": (device, None)}
    tab.tell("identify", "user-1")
    tab.call("track", "paid", {})
    tab.wait_sent()
    mine = ("user-1", None)
    assert people(server, project) == {"seen": ("user-1", device), "$identify": mine, "paid": mine}
    assert_content(tab)


def test_what_comes_after_a_reset_is_of_nobody_until_the_next_log_in(
    server: Server, project: Project, tab: Tab
) -> None:
    tab.start(project.token, server.url, **QUIET)
    tab.tell("identify", "user-1")
    tab.tell("reset")
    device = device_of(tab)
    tab.call("track", "seen", {})
    tab.wait_sent()
    assert people(server, project)["seen"] == (device, None)
    tab.tell("identify", "user-2")
    tab.wait_sent()
    assert people(server, project)["seen"] == ("user-2", device)
    assert_content(tab)


def test_a_device_keeps_its_first_user_without_a_reset(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url, **QUIET)
    device = device_of(tab)
    tab.call("track", "seen", {})
    for user in ("user-1", "user-2"):
        tab.tell("identify", user)
        tab.call("track", f"paid by {user}", {})
    tab.wait_sent()
    found = people(server, project)
    assert found["seen"] == ("user-1", device)
    assert found["paid by user-1"] == ("user-1", None)
    assert found["paid by user-2"] == ("user-2", None)
    refused = {line["event"]: line["properties"].get("$identity_failure_reason") for line in server.export(project)}
    assert refused["paid by user-2"] == "device is linked to another user"
    assert refused["paid by user-1"] is None
    assert_content(tab)


def test_profile_after_identify_is_the_users_own(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url, **QUIET)
    tab.tell("people.set", {"plan": "pro"})
    tab.tell("identify", "user-1")
    tab.call("people.increment", {"logins": 1})
    tab.wait_sent()
    profiles = profiles_of(server, project)
    assert set(profiles) == {"user-1"}
    assert {"plan": "pro", "logins": 1}.items() <= profiles["user-1"].items()
    assert_content(tab)


def test_original_project_makes_one_person_of_device_user_and_alias(
    server: Server, original: Project, tab: Tab
) -> None:
    tab.start(original.token, server.url, **QUIET)
    device = device_of(tab)
    tab.call("track", "seen", {})
    tab.tell("identify", "user-1")
    tab.call("people.set", {"plan": "pro"})
    tab.tell("alias", "nickname", "user-1")
    tab.wait_sent()
    tab.call("track", "paid", {})
    tab.wait_sent()
    found = people(server, original)
    assert found["seen"] == ("user-1", device)
    assert {distinct_id for distinct_id, _ in found.values()} == {"user-1"}
    assert set(profiles_of(server, original)) == {"user-1"}
    assert_content(tab)


def test_original_project_keeps_a_device_with_its_first_user(server: Server, original: Project, tab: Tab) -> None:
    tab.start(original.token, server.url, **QUIET)
    device = device_of(tab)
    tab.call("track", "seen", {})
    tab.tell("identify", "user-1")
    tab.tell("identify", "user-2")
    tab.call("track", "paid", {})
    tab.wait_sent()
    found = people(server, original)
    assert (found["seen"], found["paid"]) == (("user-1", device), ("user-2", None))
    assert_content(tab)
