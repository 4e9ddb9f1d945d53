"""The Events page and those of event names, in a real browser, on a server fed by the real browser SDK."""

import json
import time
from base64 import b64decode
from itertools import pairwise
from urllib.parse import quote

import pytest

from tests.support.http.events import import_all, record, track
from tests.support.sdk.browser import Chromium
from tests.support.sdk.website import website
from tests.support.server import VISIBLE_TIMEOUT_S, Project, Server, running_server
from tests.support.service_accounts import accounts_of, everywhere, new_account
from tests.support.waiting import POLL_S
from tests.support.web.browser_window import PHONE, Window
from tests.support.web.event_stream import Stream, open_stream
from tests.support.web.visitor import Visit, admin_password, signed_in
from tests.wire.web.conftest import OpenWindow
from trackway.query.limits import SHOWN_PROPERTIES_BYTES_MAX
from trackway.web.limits import EVENTS_PER_PAGE, LIVE_EVENTS_MAX, LIVE_VIEWERS_MAX

HOSTILE = '<img src=x onerror="window.broken=1"><script>window.broken=1</script> & \' {{ 7*7 }}'
ROW = "#events > li"


def path_of(project: Project, page: str = "/events") -> str:
    return f"/app/projects/{project.project_id}{page}"


def open_events(window: Window, project: Project, query: str = "") -> None:
    """The page, once it says that it is live."""
    window.open(path_of(project) + query)
    window.until(lambda: window.text("#live-state") == "Live")


def names(window: Window) -> list[str]:
    return window.texts(f"{ROW} summary .name")


def test_events_of_the_browser_sdk_come_up_by_themselves(
    server: Server, project: Project, window: Window, chromium: Chromium
) -> None:
    open_events(window, project)
    assert "No event here yet." in window.text()
    with website() as site:
        tab = chromium.tab()
        tab.open(site)
        tab.start(project.token, server.url)
        for number in range(3):
            tab.call("track", f"Step {number}", {"plan": "pro", "large": 2**53 - 1})
        tab.wait_sent()
        tab.close()
    window.until(lambda: window.count(ROW) == 3)
    assert "No event here yet." not in window.text()
    assert window.run("() => document.querySelector('#live-count').textContent") == "3 new."
    window.wait(window.find(f"{ROW} summary").first.click())
    shown = window.text(f"{ROW} .event")
    for part in ("plan\npro", "$browser\nChrome", "Event time", "by /track", "Your properties", "Default properties"):
        assert part in shown, shown
    assert "web 2." in window.text(f"{ROW} summary"), "the SDK and its version"
    window.wait(window.page.locator(f"{ROW} summary", has_text="JSON").first.click())
    raw = json.loads(window.text(f"{ROW} pre"))
    assert (raw["event"], raw["properties"]["large"]) == (names(window)[0], 2**53 - 1)
    window.screenshot("events")
    assert window.violations() == []
    assert window.complaints == []


def test_paused_page_stays_and_then_shows_what_came(server: Server, project: Project, window: Window) -> None:
    open_events(window, project)
    track(server, record(project, "before"))
    window.until(lambda: names(window) == ["before"])
    window.press("Pause")
    track(server, record(project, "meanwhile"))
    server.wait_loaded()
    assert names(window) == ["before"] and window.text("#live-state") == "Paused"
    window.press("Go on")
    window.until(lambda: names(window) == ["meanwhile", "before"])
    assert window.text("#live-count") == "2 new."


def test_page_that_was_cut_off_goes_on_where_it_was(server: Server, project: Project, window: Window) -> None:
    open_events(window, project)
    track(server, record(project, "before"))
    window.until(lambda: names(window) == ["before"])
    window.wait(window.context.set_offline(True))
    window.run("() => { document.dispatchEvent(new Event('visibilitychange')) }")
    window.until(lambda: window.text("#live-state") == "Connecting again")
    track(server, [record(project, "meanwhile", insert_id=f"m-{number}") for number in range(3)])
    server.wait_loaded()
    window.wait(window.context.set_offline(False))
    window.until(lambda: names(window) == [*["meanwhile"] * 3, "before"])
    assert window.text("#live-count") == "4 new."


def test_a_thousand_events_a_second_are_counted_and_drawn_in_part(
    server: Server, project: Project, window: Window
) -> None:
    open_events(window, project)
    sent = 0
    begun_s = time.monotonic()
    for second in range(4):
        for tenth in range(10):
            due_s = begun_s + second + tenth / 10
            time.sleep(max(0.0, due_s - time.monotonic()))
            track(server, [record(project, f"tick {second}", number=number) for number in range(100)])
            sent += 100
    window.until(lambda: window.text("#live-count").startswith(f"{sent:,} new."))
    window.screenshot("events-live")
    assert "the newest" in window.text("#live-count")
    assert 0 < window.count(ROW) <= 200
    assert window.complaints == []
    assert names(window)[0] == "tick 3"


def test_html_in_names_properties_and_ids_stays_text(
    server: Server, project: Project, window: Window, windows: OpenWindow
) -> None:
    track(
        server, record(project, HOSTILE, distinct_id=HOSTILE, **{HOSTILE: HOSTILE, "mp_lib": HOSTILE, "$city": HOSTILE})
    )
    server.wait_loaded()
    one = quote(HOSTILE)
    for page in (
        "/events",
        "/names",
        f"/names/one?name={one}",
        f"/names/properties?name={one}",
        f"/events?event={one}",
    ):
        window.open(path_of(project, page))
        assert HOSTILE in window.text().replace("\n", " "), page
    open_events(window, project)
    track(server, record(project, HOSTILE, **{HOSTILE: 1}))
    window.until(lambda: names(window) == [HOSTILE, HOSTILE])
    assert window.run("() => window.broken") is None
    assert window.complaints == []


def test_filters_choose_and_pages_go_back_in_time(server: Server, project: Project, window: Window) -> None:
    total = EVENTS_PER_PAGE + 5
    track(
        server,
        [record(project, "seen", number=number, kind="odd" if number % 2 else "even") for number in range(total)],
    )
    server.wait_loaded()
    window.open(path_of(project))
    assert window.count(ROW) == EVENTS_PER_PAGE
    window.follow("Older →")
    window.until(lambda: window.count(ROW) == 5)
    window.follow("← Newest")
    window.until(lambda: window.count(ROW) == EVENTS_PER_PAGE)
    window.wait(window.page.locator("summary", has_text="Filter").click())
    window.fill("Property 1", "kind")
    window.fill("Value 1", "odd")
    window.press("Show")
    window.until(lambda: "property1=kind" in window.path and window.count(ROW) == total // 2)
    window.fill("Property 2", "number")
    window.fill("Value 2", "3")
    window.press("Show")
    window.until(lambda: window.count(ROW) == 1)
    track(server, [record(project, "other", kind="even", number=3), record(project, "wanted", kind="odd", number=3)])
    window.until(lambda: names(window) == ["wanted", "seen"])


def test_rows_show_the_events_own_time_under_a_heading_and_when_it_came_where_that_differs(
    server: Server, project: Project, window: Window
) -> None:
    old = 1_700_000_000
    import_all(server, project, [record(project, "old", time=old, insert_id="1")])
    track(server, record(project, "new"))
    server.wait_loaded()
    open_events(window, project)
    assert window.text("#heads").split("\n")[-1].endswith("Event time")
    assert window.text(".zone") == "Times in UTC"
    shown = dict(zip(names(window), window.texts(f"{ROW} .when"), strict=True))
    assert shown["old"].startswith("2023-11-14 22:13:20") and "came 20" in shown["old"]
    assert "came" not in shown["new"]
    window.open(path_of(project, "/events?begin=2023-11-01T00:00&end=2023-12-01T00:00"))
    assert names(window) == ["old"]
    track(server, record(project, "live"))
    open_events(window, project)
    import_all(server, project, [record(project, "old and live", time=old, insert_id="2")])
    window.until(lambda: "old and live" in names(window))
    assert "2023-11-14 22:13:20" in window.texts(f"{ROW} .when")[0]


def test_a_value_without_a_property_is_looked_for_in_all(server: Server, project: Project, window: Window) -> None:
    track(server, [record(project, "there", town="Berlin"), record(project, "elsewhere", town="Paris", plan="pro")])
    server.wait_loaded()
    open_events(window, project)
    window.wait(window.page.locator("summary", has_text="Filter").click())
    window.fill("Value 1", "Berlin")
    window.press("Show")
    window.until(lambda: names(window) == ["there"])
    assert window.text("details.filter summary") == "Filter: on"
    track(server, [record(project, "not wanted", town="Rome"), record(project, "wanted", city="Berlin")])
    window.until(lambda: names(window) == ["wanted", "there"])


def test_page_works_without_scripts(server: Server, project: Project, password: str, windows: OpenWindow) -> None:
    window = windows(java_script_enabled=False)
    window.sign_in("admin", password)
    window.open(path_of(project))
    window.press("Send a test event")
    window.until(lambda: "is saved" in window.text())
    server.wait_loaded()
    window.follow("Look again")
    window.until(lambda: names(window) == ["Test event"])
    window.wait(window.find(f"{ROW} summary").first.click())
    assert "sent from\nthe page of events" in window.text(f"{ROW} .event")


def test_test_event_comes_up_live(project: Project, window: Window) -> None:
    open_events(window, project)
    window.press("Send a test event")
    window.until(lambda: names(window) == ["Test event"])
    assert window.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_readable_on_a_phone_in_light_and_dark(
    server: Server, project: Project, password: str, windows: OpenWindow, scheme: str
) -> None:
    names_sent = [
        "Page View",
        "Sign Up",
        "A name that is much longer than a phone is wide, without an end in sight" * 2,
    ]
    track(
        server,
        [record(project, name, plan="pro", price=12.5, link="https://example.com/" + "x" * 200) for name in names_sent],
    )
    server.wait_loaded()
    window = windows(viewport=PHONE, color_scheme=scheme)
    window.sign_in("admin", password)
    for name, page in (("events", "/events"), ("names", "/names"), ("name", "/names/one?name=Sign+Up")):
        window.open(path_of(project, page))
        if page == "/events":
            window.wait(window.find(f"{ROW} summary").first.click())
        else:
            window.until(lambda: window.run("() => document.querySelector('img.chart').naturalWidth > 0"))
        window.screenshot(f"{name}-phone-{scheme}")
        assert not window.is_wider_than_screen(), page
        assert window.violations() == [], page
    assert window.complaints == []


def test_rows_on_a_phone_begin_with_the_name_and_shorten_ids(
    server: Server, project: Project, session: dict[str, str], windows: OpenWindow
) -> None:
    device = "$device:2f0f1f8e-0ad3-4a44-8d26-4f1b1c2d3e4f-and-more"
    track(server, [record(project, name, distinct_id=device) for name in ("Page view", "Sign up")])
    server.wait_loaded()
    window = windows(viewport=PHONE)
    window.take_cookies(session)
    open_events(window, project)
    boxes = window.run(
        "() => [...document.querySelectorAll('#events > li')].map((row) => ['.name', '.who', '.when'].map((part) => {"
        " const box = row.querySelector(part).getBoundingClientRect(); return [box.left, box.top, box.width] }))"
    )
    assert len(boxes) == 2
    for (name_left, name_top, name_width), (_, who_top, who_width), (_, when_top, when_width) in boxes:
        assert name_left < 30 and name_width > 200, boxes
        assert name_top < who_top == pytest.approx(when_top, abs=8)
        assert who_width > 80 and when_width > 100
    assert not window.is_wider_than_screen()


def test_tabs_on_a_phone_begin_at_the_present_one_also_on_its_parts(
    server: Server, project: Project, session: dict[str, str], windows: OpenWindow
) -> None:
    track(server, record(project, "Sign up", distinct_id="ann"))
    server.wait_loaded()
    window = windows(viewport=PHONE)
    window.take_cookies(session)
    tabs = {
        "/events": "Events",
        "/names/one?name=Sign+up": "Event names",
        "/users/one?id=ann": "Users",
        "/rejected": "Rejected records",
        "/settings": "Settings",
    }
    for page, tab in tabs.items():
        window.open(path_of(project, page))
        assert window.texts("body > nav [aria-current]") == [tab]
        left, right = window.run(
            "() => { const box = document.querySelector('body > nav [aria-current]').getBoundingClientRect();"
            " return [box.left, box.right] }"
        )
        assert 0 <= left < right <= PHONE["width"], page


@pytest.mark.parametrize("page", ["/names?days=365", "/users/one?id=ann"])
def test_charts_on_a_phone_are_readable_and_begin_at_the_newest_day(
    server: Server, project: Project, session: dict[str, str], windows: OpenWindow, page: str
) -> None:
    long_name = "a name that goes on and on" * 3
    track(server, [record(project, name, distinct_id="ann") for name in ("Sign up", long_name)])
    server.wait_loaded()
    window = windows(viewport=PHONE)
    window.take_cookies(session)
    window.open(path_of(project, page))
    window.until(lambda: window.run("() => document.querySelector('img.chart').naturalWidth > 0"))
    scrolled, end, drawn = window.run(
        "() => { const box = document.querySelector('.picture'); const image = box.querySelector('img');"
        " return [box.scrollLeft, box.scrollWidth - box.clientWidth, image.getBoundingClientRect().width] }"
    )
    assert end > 0 and scrolled == pytest.approx(end, abs=2)
    assert drawn / 800 * 15 >= 12, "pixels of the chart's letters"
    assert sorted(window.texts("ul.key li")) == sorted([long_name, "Sign up"])
    assert not window.is_wider_than_screen()


@pytest.mark.parametrize("days", [7, 30, 90, 365])
def test_dates_below_a_chart_do_not_run_into_one_another(
    server: Server, project: Project, window: Window, days: int
) -> None:
    track(server, record(project, "Sign up"))
    server.wait_loaded()
    window.open(path_of(project, f"/names?days={days}"))
    picture = window.wait(window.find("img.chart").get_attribute("src")) or ""
    window.wait(window.page.set_content(b64decode(picture.partition(",")[2]).decode()))
    boxes = window.run(
        "() => [...document.querySelectorAll('.axis.x text')].filter((text) => text.textContent)"
        ".map((text) => { const box = text.getBoundingClientRect(); return [box.left, box.right] })"
    )
    assert 4 <= len(boxes) <= 8
    for (_, end), (begin, _) in pairwise(boxes):
        assert begin > end + 4, boxes


def test_names_tell_volume_types_and_examples(server: Server, project: Project, window: Window) -> None:
    track(server, [record(project, "paid", price=price) for price in (5, 5, "free")] + [record(project, "seen")])
    server.wait_loaded()
    window.open(path_of(project, "/names"))
    assert window.texts("tbody tr th a") == ["paid", "seen"]
    window.until(lambda: window.run("() => document.querySelector('img.chart').naturalWidth > 0"))
    window.screenshot("event-names")
    assert window.violations() == []
    window.follow("paid")
    window.until(lambda: "3 events by 1 user in the last 30 days" in window.text())
    shown = " ".join(window.text("main").split())
    assert "price 3 number (2), string (1)" in shown, shown
    assert window.violations() == []
    window.screenshot("event-name")


def test_large_event_is_shown_by_itself(server: Server, project: Project, window: Window) -> None:
    parts = {f"part {number}": "x" * 250 for number in range(SHOWN_PROPERTIES_BYTES_MAX // 250 + 1)}
    track(server, record(project, "large", **parts))
    server.wait_loaded()
    window.open(path_of(project))
    window.wait(window.find(f"{ROW} summary").first.click())
    window.follow("open it by itself")
    window.until(lambda: "/events/one" in window.path and "part 7\nxxx" in window.text())
    assert window.violations() == []


def test_pages_of_another_project_do_not_exist(server: Server, project: Project, admin: Visit) -> None:
    mine = server.create_project()
    account = new_account(server, {mine.project_id: "owner"})
    visit = signed_in(server, account.username, account.secret)
    track(server, record(project, "secret"))
    server.wait_loaded()
    [at] = set(_cursors(admin.get(path_of(project)).body.decode()))
    pages = [
        "/events",
        f"/events/one?at={at}",
        "/events/stream?since=1.0",
        "/names",
        "/names/one?name=secret",
        "/names/properties",
    ]
    for page in pages:
        assert visit.get(path_of(project, page)).status == 404, page
    assert visit.post(path_of(project, "/events/test")).status == 404
    assert visit.get(path_of(mine, f"/events/one?at={at}")).status == 404, "another's event by its place"
    assert visit.get(path_of(mine, "/names/one?name=secret")).status == 404
    assert visit.get(path_of(mine, "/names/properties?name=secret")).status == 404
    assert admin.get(path_of(project, f"/events/one?at={at}")).status == 200


def _cursors(html: str) -> list[str]:
    return [part.split('"')[0] for part in html.split('<li id="e')[1:]]


def test_consumers_see_no_events_and_analysts_send_none(server: Server, project: Project) -> None:
    consumer = new_account(server, {project.project_id: "consumer"})
    analyst = new_account(server, {project.project_id: "analyst"})
    assert signed_in(server, consumer.username, consumer.secret).get(path_of(project)).status == 403
    visit = signed_in(server, analyst.username, analyst.secret)
    page = visit.get(path_of(project))
    assert page.status == 200 and b"Send a test event" not in page.body
    assert visit.post(path_of(project, "/events/test")).status == 403


REFUSED = [
    "?before=x",
    "?before=1.2.3.x",
    "?begin=yesterday",
    "?end=0001-01-01T00:00",
    "?event=" + "x" * 256,
    "?value1=%00" + "x" * 300,
]


@pytest.mark.parametrize("query", [*REFUSED, "/stream", "/stream?since=now"])
def test_what_makes_no_sense_is_refused_by_name(project: Project, admin: Visit, query: str) -> None:
    reply = admin.get(path_of(project) + query)
    assert reply.status == 400, reply.body[-300:]


def test_a_stream_ends_when_the_account_is_revoked(server: Server, project: Project) -> None:
    account = new_account(server, {project.project_id: "analyst"})
    visit = signed_in(server, account.username, account.secret)
    with open_stream(visit, path_of(project, "/events/stream?since=1.0")) as stream:
        assert stream.line() == "retry: 1000"
        accounts_of(server).revoke(account.account_id)
        stream.read_to_end()
    assert everywhere(lambda: visit.get(path_of(project)).status == 303)


def test_streams_are_bounded_and_give_their_place_back(server: Server, project: Project, admin: Visit) -> None:
    path = path_of(project, "/events/stream?since=1.0")
    opened: list[Stream] = []
    try:
        while len(opened) <= 2 * LIVE_VIEWERS_MAX:
            opened.append(open_stream(admin, path))
            if opened[-1].status != 200:
                break
        assert opened[-1].status == 503 and len(opened) > LIVE_VIEWERS_MAX
    finally:
        for each in opened:
            each.close()
    _opened(admin, path).close()


def _opened(visit: Visit, path: str, *headers: tuple[str, str]) -> Stream:
    """A stream, as soon as there is a place: those of streams that were closed come back a moment later."""
    deadline = time.monotonic() + VISIBLE_TIMEOUT_S
    while (stream := open_stream(visit, path, *headers)).status != 200:
        stream.close()
        assert time.monotonic() < deadline, "places are not given back"
        time.sleep(POLL_S)
    return stream


def test_a_stream_tells_count_and_newest_events_once(server: Server, project: Project, admin: Visit) -> None:
    path = path_of(project, "/events/stream?since=1.0")
    with _opened(admin, path) as stream:
        track(server, [record(project, "seen") for _ in range(LIVE_EVENTS_MAX + 10)])
        message = stream.message()
        assert (message["count"], message["html"].count("<li ")) == (LIVE_EVENTS_MAX + 10, LIVE_EVENTS_MAX)
        mark = stream.last_id
    with _opened(admin, path, ("Last-Event-ID", mark)) as stream:
        track(server, record(project, "later"))
        assert stream.message()["count"] == 1


def test_a_server_with_open_streams_stops_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """`running_server` fails when it does not, long before the grace is over."""
    place = tmp_path_factory.mktemp("stopping")
    with running_server(place, "--workers", "1", "--shutdown-grace-s", "3600") as server:
        visit = signed_in(server, "admin", admin_password(server))
        stream = open_stream(visit, path_of(server.project, "/events/stream?since=1.0"))
        assert stream.line() == "retry: 1000"
    stream.read_to_end()
    stream.close()
