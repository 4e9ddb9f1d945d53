"""`identify`, `alias` and `reset` of the real browser SDK: the links it asks for, in either mode of a project."""

from typing import Any

from tests.links import asked_of
from tests.running import Project, Server
from tests.sdk.browser import Tab

from trackway.journal.entry import LinkKind

QUIET: dict[str, Any] = {"save_referrer": False}
"""Else the first `identify` also writes the referrer to the user's profile."""


def device_of(tab: Tab) -> str:
    """The device as its events name it before anybody logs in."""
    return f"$device:{tab.property('$device_id')}"


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
