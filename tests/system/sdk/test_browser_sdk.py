"""The real browser SDK in a real browser, on another origin than the server: every way it sends an event.

What the SDK handed to its callback is the record it sent; the export must show exactly that.
"""

import time
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.sdk.browser import Tab
from tests.support.server import Project, Server

AWKWARD: dict[str, Any] = {
    "plan": "pro+ / 100% = ü ✓ 한 😀 👩‍👩‍👧",
    "quotes": "she said \"no\" & 'yes' \\ </script>",
    "lines": "one\r\ntwo\ttab",
    "empty": "",
    "price": 1.5,
    "large": 9_007_199_254_740_991,
    "paid": True,
    "tags": ["a&b", "c=d", 1, False, "😀"],
    "nested": {"count": 3, "deeper": {"none": None, "list": [1, "a"]}},
    "😀 key": "value",
}
SERVERS_OWN = {
    "$mp_api_endpoint",
    "$mp_api_timestamp_ms",
    "$mp_api_event_time_ms",
    "mp_processing_time_ms",
    "mp_sent_by_lib_version",
}
AT_ONCE = {"batch_requests": False}
EVENTS_ONLY = {"save_referrer": False}
"""Else the first `identify` also writes the referrer to the user's profile."""
OK_VERBOSE = {"error": None, "status": 1}
OPTED_OUT = (
    "Mixpanel warning: You are opted out of Mixpanel tracking. "
    "This will prevent the Mixpanel SDK from sending any data."
)
RECORDER_THROTTLE_S = 0.25
"""How long the SDK's recorder holds what happened on the page before it queues it."""
NO_REMOTE_SETTINGS = "Mixpanel error: No valid config keys found in remote settings."

# (name, configuration, method, what the SDK passes to the callback)
MODES: list[tuple[str, dict[str, Any], str, Any]] = [
    ("in batches, as by default", {}, "POST", 1),
    ("in batches of json", {"api_payload_format": "json"}, "POST", 1),
    ("at once", AT_ONCE, "POST", 1),
    ("at once, json", AT_ONCE | {"api_payload_format": "json"}, "POST", 1),
    ("at once, verbose", AT_ONCE | {"verbose": True}, "POST", OK_VERBOSE),
    ("by get", AT_ONCE | {"api_method": "GET"}, "GET", 1),
    ("by get, json", AT_ONCE | {"api_method": "GET", "api_payload_format": "json"}, "GET", 1),
    ("by get, verbose", AT_ONCE | {"api_method": "GET", "verbose": True}, "GET", OK_VERBOSE),
    ("by beacon", AT_ONCE | {"api_transport": "sendBeacon"}, "POST", 1),
    ("by beacon, json", AT_ONCE | {"api_transport": "sendBeacon", "api_payload_format": "json"}, "POST", 1),
    ("without the address", AT_ONCE | {"ip": False, "test": True}, "POST", 1),
    ("with local storage", {"persistence": "localStorage"}, "POST", 1),
]


def assert_shows(line: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """The exported line holds what the SDK sent, and nothing but the server's own properties beside it."""
    sent = {name: value for name, value in record["properties"].items() if name != "token"}
    shown = {name: value for name, value in line["properties"].items() if name not in SERVERS_OWN}
    assert line["event"] == record["event"]
    assert shown == sent | {"time": int(sent["time"])}


def assert_content(tab: Tab, *expected: str) -> None:
    """Nothing went wrong as far as the SDK and the browser can tell, but for the complaints a test expects."""
    assert tab.reported() == []
    assert [each for each in tab.complaints if each not in expected] == []
    assert [each for each in tab.requests if each.status != 200 and each.method != "OPTIONS"] == []


@pytest.mark.parametrize(("name", "config", "method", "verdict"), MODES, ids=[row[0] for row in MODES])
def test_track_arrives_as_it_was_sent(
    server: Server, project: Project, tab: Tab, name: str, config: dict[str, Any], method: str, verdict: Any
) -> None:
    tab.start(project.token, server.url, **config)
    told = tab.call("track", "signed up", AWKWARD)
    assert told.given == verdict
    assert told.record["properties"].items() >= AWKWARD.items()
    tab.wait_sent()
    [line] = server.export_when(project, 1)
    assert_shows(line, told.record)
    [sent] = tab.sent_when("/track", 1)
    assert sent.method == method
    assert sent.reply == ('{"error":null,"status":1}' if "verbose=1" in sent.url else "1")
    assert_content(tab)


def test_many_events_go_in_batches_and_each_arrives_once(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url, batch_size=20)
    told = [tab.call("track", "seen", {"number": number, **AWKWARD}) for number in range(70)]
    tab.wait_sent()
    lines = sorted(server.export_when(project, 70), key=lambda line: int(line["properties"]["number"]))
    for line, each in zip(lines, told, strict=True):
        assert_shows(line, each.record)
    assert_content(tab)


def test_snippet_sends_what_was_called_before_the_sdk_was_there(
    server: Server, project: Project, site: str, tab: Tab
) -> None:
    tab.open(f"{site}/snippet")
    tab.start(project.token, server.url)
    tab.tell("track", "signed up", AWKWARD)
    [line] = server.export_when(project, 1)
    assert AWKWARD.items() <= line["properties"].items()
    tab.wait_sent()
    assert_content(tab)


def test_pixel_arrives(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url, **AT_ONCE, img=True, api_method="GET")
    tab.tell("track", "signed up", AWKWARD)
    [line] = server.export_when(project, 1)
    assert AWKWARD.items() <= line["properties"].items()
    [sent] = tab.sent_when("/track", 1)
    assert sent.status == 200
    assert_content(tab)


def test_events_of_a_page_that_is_left_arrive_once(server: Server, project: Project, site: str, tab: Tab) -> None:
    """On leaving, the SDK sends its queue by beacon; as it cannot know the outcome, it sends it again on return."""
    tab.start(project.token, server.url, batch_flush_interval_ms=1000)
    first = tab.call("track", "opened", AWKWARD)
    second = tab.call("track", "left", AWKWARD)
    tab.open(f"{site}/other")
    lines = {line["event"]: line for line in server.export_when(project, 2)}
    assert_shows(lines["opened"], first.record)
    assert_shows(lines["left"], second.record)
    tab.open(site)
    tab.start(project.token, server.url)
    tab.wait_sent()
    tab.sent_when("/track", 1)  # the events again; Playwright does not tell of beacons
    server.wait_loaded()
    assert len(server.export(project)) == 2
    assert_content(tab)


def test_event_sent_by_beacon_while_the_page_is_left_arrives(
    server: Server, project: Project, site: str, tab: Tab
) -> None:
    tab.start(project.token, server.url, api_transport="sendBeacon", **AT_ONCE)
    tab.on_leaving("track", "left", AWKWARD)
    tab.open(f"{site}/other")
    [line] = server.export_when(project, 1)
    assert AWKWARD.items() <= line["properties"].items()
    assert tab.complaints == []


def test_page_views_arrive_with_their_campaign(server: Server, project: Project, site: str, tab: Tab) -> None:
    tab.open(f"{site}/?utm_source=news%20letter&utm_campaign=ü&gclid=1")
    tab.start(project.token, server.url, track_pageview=True)
    tab.tell("track_pageview", {"page": "cart"})
    tab.wait_sent()
    lines = server.export_when(project, 2)
    assert {line["event"] for line in lines} == {"$mp_web_page_view"}
    assert {line["properties"].get("page") for line in lines} == {None, "cart"}
    for line in lines:
        assert (line["properties"]["utm_source"], line["properties"]["utm_campaign"]) == ("news letter", "ü")
        assert line["properties"]["current_page_title"] == "Shop"
    assert_content(tab)


def test_identify_links_device_and_user(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url, **EVENTS_ONLY)
    device = tab.property("$device_id")
    tab.tell("identify", "user-1 😀")
    tab.call("track", "paid", {})
    tab.wait_sent()
    lines = {line["event"]: line["properties"] for line in server.export_when(project, 2)}
    assert lines["$identify"]["$anon_distinct_id"] == f"$device:{device}"
    for event in ("$identify", "paid"):
        properties = lines[event]
        assert (properties["distinct_id"], properties["$user_id"]) == ("user-1 😀", "user-1 😀")
        assert properties["$device_id"] == device
    assert_content(tab)


def test_reset_makes_another_device(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url, **EVENTS_ONLY)
    tab.tell("identify", "user-1")
    tab.tell("reset")
    told = tab.call("track", "seen", {})
    tab.wait_sent()
    lines = {line["event"]: line["properties"] for line in server.export_when(project, 2)}
    assert lines["seen"]["distinct_id"] == f"$device:{told.record['properties']['$device_id']}"
    assert lines["seen"]["$device_id"] != lines["$identify"]["$device_id"]
    assert_content(tab)


def test_registered_properties_and_groups_come_with_every_event(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url)
    tab.tell("register", {"plan": "pro 😀", "once": 1})
    tab.tell("register_once", {"once": 2})
    tab.tell("unregister", "missing")
    tab.tell("register", {"$company": ["a b", "c&d"]})
    tab.tell("time_event", "read")
    for event in ("seen", "read"):
        tab.call("track", event, {})
    tab.wait_sent()
    lines = {line["event"]: line["properties"] for line in server.export_when(project, 2)}
    for properties in lines.values():
        assert (properties["plan"], properties["once"], properties["$company"]) == ("pro 😀", 1, ["a b", "c&d"])
    assert lines["read"]["$duration"] >= 0 and "$duration" not in lines["seen"]
    assert_content(tab)


def test_nothing_is_sent_between_opting_out_and_opting_in(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url)
    tab.tell("opt_out_tracking")
    assert tab.call("track", "unseen", {}).given == 0
    tab.tell("opt_in_tracking", {"track_properties": {"banner": "✓ 😀"}})
    tab.call("track", "seen", {})
    tab.wait_sent()
    lines = {line["event"]: line["properties"] for line in server.export_when(project, 2)}
    assert set(lines) == {"$opt_in", "seen"}
    assert lines["$opt_in"]["banner"] == "✓ 😀"
    assert_content(tab, OPTED_OUT)


def test_wrong_token_is_told_where_the_sdk_listens(server: Server, tab: Tab) -> None:
    tab.start("0" * 32, server.url, **AT_ONCE, verbose=True)
    assert tab.call("track", "seen", {}).given == {"error": "token, unknown", "status": 0}
    assert tab.call("track", "seen", {}).given["status"] == 0


def test_flags_and_settings_are_answered_across_origins(server: Server, project: Project, tab: Tab) -> None:
    """Both requests carry an Authorization header, so the browser asks for leave first."""
    tab.start(project.token, server.url, flags=True, remote_settings_mode="fallback")
    tab.call("track", "seen", {})
    tab.wait_sent()
    [flags] = tab.sent_when("/flags", 1)
    [settings] = tab.sent_when("/settings", 1)
    assert (flags.reply, settings.reply) == ('{"code":200,"flags":{}}', '{"sdk_config":{"config":{}}}')
    server.export_when(project, 1)
    assert_content(tab, NO_REMOTE_SETTINGS)


def test_session_recording_is_answered_across_origins(server: Server, project: Project, tab: Tab) -> None:
    tab.start(project.token, server.url)
    tab.tell("start_session_recording")
    tab.wait_recording()
    tab.click()
    time.sleep(2 * RECORDER_THROTTLE_S)
    tab.tell("stop_session_recording")
    [recorded] = tab.sent_when("/record", 1)
    assert (recorded.status, recorded.reply) == (200, '{"code":200,"status":"OK"}')
    assert_content(tab)
