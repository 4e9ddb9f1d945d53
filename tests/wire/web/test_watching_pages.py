"""Health, rejected records, the checklist, users and groups in a browser, on what the real browser SDK sent."""

import json
import re
import time
from base64 import b64decode
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.conftest import MakeProjects
from tests.support.http.encodings import JSON
from tests.support.http.events import record, track
from tests.support.http.exchange import Request
from tests.support.profile_server import ProfileServer
from tests.support.sdk.browser import Chromium
from tests.support.sdk.website import website
from tests.support.server import Project, Server
from tests.support.service_accounts import new_account
from tests.support.web.browser_window import PHONE, Window, open_window
from tests.support.web.visitor import Visit, signed_in
from tests.wire.web.conftest import OpenWindow

USER, DEVICE_EVENTS, COMPANY = "üser-1 <b>&amp;", 3, 'Söhne & <i>"Co"</i>'
LINKS_MAX = 400
"""Links that are followed: pages of a small project have fewer."""
EVIL = "<img src=x onerror=alert(1)>"
PAGES = (
    "users",
    "groups",
    "health",
    "health?span=day",
    "rejected",
    "checklist",
    "checklist?token=unknown",
)


def below(project: Project, path: str) -> str:
    return f"/app/projects/{project.project_id}/{path}"


@pytest.fixture(scope="module")
def fed(server: Server, make_projects: MakeProjects, chromium: Chromium) -> Iterator[Project]:
    """A project with a person of two ids, a group, and rejected records."""
    [project] = make_projects(1)
    with website() as origin:
        tab = chromium.tab()
        tab.open(origin)
        tab.start(project.token, server.url)
        for _ in range(DEVICE_EVENTS):
            tab.call("track", "Looked around", {"plan": "free", "list": [1, {"deep": EVIL}]})
        tab.tell("identify", USER)
        tab.call("track", EVIL, {EVIL: EVIL})
        tab.call("people.set", {"$name": "Ada", "$email": "ada@example.com", "visits": 3, EVIL: EVIL})
        tab.call("set_group", "company", COMPANY)
        tab.call("track", "Bought", {"price": 12.5})
        tab.call_group("company", COMPANY, "set", {"plan": "pro"})
        tab.wait_sent()
        tab.close()
    track(server, [record(project, "twice", insert_id="same"), record(project, "twice", insert_id="same")])
    track(server, record(project) | {"properties": record(project)["properties"] | {"$ignore": True}})
    for broken in (
        record(project, EVIL, distinct_id=None),
        record(project, time=1),
        record(project, distinct_id="null"),
    ):
        server.ask(Request("POST", "/track", (JSON,), json.dumps(broken).encode()))
    server.ask(Request("POST", "/engage", (JSON,), json.dumps({"$token": project.token, "$set": {}}).encode()))
    server.wait_loaded()
    yield project


def until(window: Window, path: str, text: str) -> None:
    """Open a page, again and again until it says so: counts come a moment after events."""

    def there() -> bool:
        window.open(path)
        return text in window.text()

    window.until(there)


def test_health_shows_that_outcomes_add_up(window: Window, fed: Project) -> None:
    until(window, below(fed, "health"), "ignored")
    said = window.text(".sum").replace("\u202f", "")
    received, stored, duplicate, ignored, rejected = map(
        int, (part.split()[0] for part in said.replace("+", "=").split("="))
    )
    assert received == stored + duplicate + ignored + rejected
    assert (duplicate, ignored, rejected) == (1, 1, 4)
    assert window.run(
        "() => { const i = document.querySelector('.picture img'); return i.complete && i.naturalWidth; }"
    )
    window.wait(window.find("summary").first.click())
    rows = [row.replace("\u202f", "").split("\t") for row in window.texts(".table table >> nth=0 >> tbody tr")]
    assert sum(int(row[1]) for row in rows) == received
    assert "distinct_id, missing or empty" in window.text()
    assert "up" in window.text("dl.pairs")
    window.screenshot("health")
    assert window.complaints == []


def test_health_says_as_of_when_and_is_drawn_anew_while_it_is_looked_at(
    server: Server, project: Project, session: dict[str, str], windows: OpenWindow
) -> None:
    track(server, record(project, "first"))
    window = windows()
    window.take_cookies(session)
    window.wait(window.page.clock.install())
    until(window, below(project, "health"), "1 received")
    as_of = window.text("main time")
    assert window.text("main p").startswith(f"As of {as_of}, drawn anew every 10 s")
    window.wait(window.find("summary").first.click())
    window.wait(window.find("summary").first.focus())
    track(server, record(project, "second"))
    server.wait_loaded()

    def is_newer() -> bool:
        window.wait(window.page.clock.fast_forward(10_000))
        return window.text(".sum").startswith("2 received") and window.text("main time") != as_of

    window.until(is_newer)
    assert window.run("() => document.querySelector('main details').open"), "what was opened stays so"
    assert window.run("() => document.activeElement.tagName") == "SUMMARY"
    window.wait(window.context.clear_cookies())
    window.wait(window.page.clock.fast_forward(10_000))
    window.until(lambda: "the server did not give a newer page" in window.text("main p"))


def test_one_minute_of_an_import_leaves_the_others_to_be_seen(
    profile_server: ProfileServer, profile_project: Project, chromium: Chromium
) -> None:
    """Beside 150 000 records the bars of all other minutes would be lines on the axis, and rejected ones a hair."""
    server, now_s = profile_server.server, int(time.time()) // 60 * 60
    track(server, record(profile_project))
    server.wait_loaded()  # the store has its tables
    rows = [f"({profile_project.project_id}, toDateTime({now_s - 60 * ago}, 'UTC'), 'stored', 1, '', 100, 1, 1)"
            for ago in range(2, 40)]  # fmt: skip
    rows.append(f"({profile_project.project_id}, toDateTime({now_s - 1800}, 'UTC'), 'stored', 2, '', 150000, 2, 1)")
    rows.append(f"({profile_project.project_id}, toDateTime({now_s - 1800}, 'UTC'), 'rejected', 2, 'no', 122, 3, 1)")
    columns = "project_id, minute, outcome, endpoint, reason, records, to_position, loaded"
    profile_server.store.command(f"INSERT INTO loads ({columns}) VALUES {', '.join(rows)}")
    window = open_window(chromium, server.url)
    account = new_account(server, {profile_project.project_id: "analyst"})
    window.take_cookies(signed_in(server, account.username, account.secret).cookies)
    window.open(below(profile_project, "health"))
    assert "The axis ends at 150, so that the other bars are visible. Higher bars: 150\u202f222 at" in window.text()
    sources = window.run("() => [...document.querySelectorAll('img.chart')].map((each) => each.src)")
    pictures = [b64decode(source.partition(",")[2]).decode() for source in sources]
    assert len(pictures) == 2 and "Rejected a minute" in pictures[1]
    assert "rejected 122." in pictures[0] and "rejected 122." in pictures[1]
    heights = sorted(float(height) for height in re.findall(r'height="([0-9.]+)" class="rect reactive', pictures[0]))
    assert heights[-2] > heights[-1] / 2, "a bar of 100 beside one that ends at 150"
    window.close()


def test_rejected_record_is_mended_and_sent_again_in_the_browser(
    server: Server, window: Window, project: Project
) -> None:
    broken = record(project, "mended in a browser", distinct_id=None)
    server.ask(Request("POST", "/track", (JSON,), json.dumps(broken).encode()))
    until(window, below(project, "rejected"), "distinct_id, missing")
    window.screenshot("rejected")
    window.follow("distinct_id, missing or empty")
    window.wait(window.find(".record h2 a").first.click())
    window.press("Send again")
    window.until(lambda: "Still refused" in window.text())
    window.complaints.clear()  # the browser tells of the 400
    window.screenshot("rejected-record")
    mended = broken["properties"] | {"distinct_id": "somebody"}
    window.wait(window.find("textarea").fill(json.dumps({**broken, "properties": mended})))
    window.press("Send again")
    window.until(lambda: "Sent again" in window.text())
    [exported] = server.export_when(project, 1)
    assert exported["properties"]["distinct_id"] == "somebody"
    until(window, below(project, "rejected"), "1")
    assert window.texts("tbody td.number") == ["1", "1"]
    assert window.complaints == []


def test_all_of_a_reason_are_sent_again_in_the_browser(server: Server, window: Window, project: Project) -> None:
    broken = [record(project, f"event {number}", distinct_id=None) for number in range(3)]
    server.ask(Request("POST", "/track", (JSON,), json.dumps(broken).encode()))
    until(window, below(project, "rejected"), "distinct_id, missing")
    window.follow("distinct_id, missing or empty")
    window.wait(window.find("summary").first.click())
    window.choose("Change in each", "set")
    window.fill("Value, as JSON", '"everybody"')
    window.press("Send all again")
    window.until(lambda: "3 replayed" in window.text())
    window.screenshot("rejected-replayed")
    assert "older ones" not in window.text()
    assert {each["properties"]["distinct_id"] for each in server.export_when(project, 3)} == {"everybody"}
    assert window.violations() == []


def test_checklist_names_what_keeps_events_away(window: Window, fed: Project) -> None:
    until(window, below(fed, "checklist"), "records came in the last hour")
    states = dict(zip(window.texts(".check h2"), window.texts(".check p:first-of-type"), strict=True))
    problems = {name.partition(". ")[2] for name in states if "Problem" in name}
    # The proxy is the server's question, not the project's: other tests of this server send X-Forwarded-For.
    assert problems - {"Is the proxy in front of the server known? Problem"} == {
        "Are timestamps inside five days? Problem",
        "Are records being rejected? Problem",
    }
    window.screenshot("checklist")
    window.fill("The token in your app", "no such token")
    window.press("Look up")
    window.until(lambda: "not one of this project" in window.text())
    window.fill("The token in your app", fed.token)
    window.press("Look up")
    window.until(lambda: "is this project's" in window.text())


def test_checklist_says_that_nothing_came(window: Window, project: Project) -> None:
    window.open(below(project, "checklist"))
    assert "Nothing ever came in" in window.text()
    window.open(below(project, "health"))
    assert "Nothing came in" in window.text()


def test_user_is_found_and_shown_with_ids_properties_and_activity(window: Window, fed: Project) -> None:
    until(window, below(fed, "users"), USER)
    window.screenshot("users")
    window.wait(window.find("summary:has-text('Filters')").click())
    window.fill("Property", "$email")
    window.fill("Value", "ada@example.com")
    window.press("Search")
    window.until(lambda: "email" in window.path)
    assert window.texts("tbody th") == [USER]
    window.follow(USER)
    window.until(lambda: window.text("h1") == USER)
    said = window.text()
    assert "ada@example.com" in said and EVIL in said
    ids = window.texts("main ul code")
    assert ids[0] == USER and ids[1].startswith("$device:")
    names = window.texts("details.event summary b")
    assert sorted(names) == sorted(["Looked around"] * DEVICE_EVENTS + [EVIL, "$identify", "Bought"])
    window.wait(window.find("details.event summary").first.click())
    window.screenshot("user")
    device = ids[1]
    window.open(below(fed, f"users/one?id={device}"))
    assert window.text("h1") == USER and f"{device} is one of the ids" in window.text()
    window.follow("Events of this user")
    window.until(lambda: window.count("#events > li") == DEVICE_EVENTS + 3)
    assert set(window.texts("#events > li summary .name")) == {"Looked around", EVIL, "$identify", "Bought"}
    assert window.complaints == []


def test_group_is_shown_with_properties_and_activity(window: Window, fed: Project) -> None:
    until(window, below(fed, "groups"), COMPANY)
    window.follow(COMPANY)
    window.until(lambda: COMPANY in window.text("h1"))
    assert "plan" in window.text() and "Bought" in window.text()
    window.screenshot("group")
    assert window.complaints == []


def test_search_that_finds_nothing_says_so(window: Window, fed: Project) -> None:
    window.open(below(fed, "users?search=nobody-of-that-name"))
    assert "No users match." in window.text()
    window.follow("open nobody-of-that-name")
    window.until(lambda: "has no profile" in window.text())
    assert "None." in window.text()


def pages_of(window: Window, project: Project) -> list[str]:
    """All pages, with those of one record, one user and one group."""
    window.open(below(project, "rejected"))
    reason = window.wait(window.find("tbody a").first.get_attribute("href"))
    window.follow(window.texts("tbody a")[0])
    record_page = window.wait(window.find(".record h2 a").first.get_attribute("href"))
    of_one = [f"users/one?id={USER.replace('&', '%26')}", f"groups/one?key=company&id={COMPANY.replace('&', '%26')}"]
    return [reason or "", record_page or "", *(below(project, path) for path in (*PAGES, *of_one))]


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": PHONE}], ids=["light", "dark", "phone"])
def test_pages_shut_nobody_out(windows: OpenWindow, password: str, fed: Project, options: dict[str, Any]) -> None:
    window = windows(**options)
    window.sign_in("admin", password)
    for path in pages_of(window, fed):
        window.open(path)
        assert window.violations() == [], path
        assert not window.is_wider_than_screen(), path
        if options:
            name = "-".join(re.findall("[a-z]+", path.partition("?")[0])[2:4])
            window.screenshot(f"{name}-{next(iter(options)).partition('_')[0]}")
    assert window.complaints == []


def test_pages_say_the_same_without_scripts(windows: OpenWindow, password: str, fed: Project) -> None:
    window = windows(java_script_enabled=False)
    window.sign_in("admin", password)
    window.open(below(fed, "rejected"))
    assert "distinct_id, missing or empty" in window.text()
    window.open(below(fed, "health"))
    assert "received" in window.text(".sum")
    window.open(below(fed, f"users/one?id={USER.replace('&', '%26')}"))
    assert "ada@example.com" in window.text()


def test_pages_of_a_project_are_for_its_roles_alone(server: Server, fed: Project) -> None:
    rows = {
        "analyst": {
            "users": 200,
            "users/one?id=u": 200,
            "groups": 200,
            "health": 200,
            "rejected": 200,
            "checklist": 200,
        },
        "consumer": {
            "users": 403,
            "users/one?id=u": 403,
            "groups": 403,
            "health": 200,
            "rejected": 403,
            "checklist": 200,
        },
        None: dict.fromkeys(("users", "users/one?id=u", "groups/one?key=company&id=x", "health", "rejected"), 404),
    }
    for role, pages in rows.items():
        roles: dict[int, Any] = {server.project.project_id: "owner"} | ({fed.project_id: role} if role else {})
        account = new_account(server, roles)
        visit = signed_in(server, account.username, account.secret)
        assert {path: visit.get(below(fed, path)).status for path in pages} == pages, role


def test_unknown_tokens_are_told_to_the_admin_alone(server: Server, project: Project, admin: Visit) -> None:
    broken = record(project, token="0" * 32)
    server.ask(Request("POST", "/track", (JSON,), json.dumps(broken).encode()))
    account = new_account(server, {project.project_id: "owner"})
    owner = signed_in(server, account.username, account.secret)
    deadline = time.monotonic() + 30
    while "no project of this server" not in admin.get(below(project, "checklist")).body.decode():
        assert time.monotonic() < deadline
    assert "no project of this server" not in owner.get(below(project, "checklist")).body.decode()


def test_checklist_tells_that_a_proxy_is_not_trusted(server: Server, project: Project, admin: Visit) -> None:
    body = json.dumps(record(project)).encode()
    server.ask(Request("POST", "/track", (JSON, ("X-Forwarded-For", "198.51.100.77")), body))
    page = admin.get(below(project, "checklist")).body.decode()
    assert "an address of a private network sent X-Forwarded-For, and is not trusted" in page
    assert "trusted_proxies" in page and "198.51.100.77" not in page
    told = server.ask(Request("GET", "/metrics")).body.decode()
    assert 'trackway_forwarded_unheeded_timestamp_seconds{peer="private"}' in told


@pytest.mark.parametrize("path", ["users/one", "users/one?id=", "groups/one?key=a", "rejected?reason=x", "rejected/x"])
def test_page_of_nothing_is_not_found(project: Project, admin: Visit, path: str) -> None:
    assert admin.get(below(project, path)).status == 404


def kind_of(link: str) -> tuple[str, ...]:
    """The path of a link, and the names of its parameters."""
    path, _, query = link.partition("?")
    return path, *sorted(dict(parse_qsl(query, keep_blank_values=True)))


@pytest.mark.parametrize("role", ["consumer", "analyst", "admin", "owner"])
def test_no_page_links_to_one_that_the_visitor_may_not_open(server: Server, fed: Project, role: Any) -> None:
    """Every link of every page, followed: a page that another role may see is not linked to, or it is a refusal. Of
    links with the same path and the same parameters one is."""
    account = new_account(server, {fed.project_id: role})
    visit = signed_in(server, account.username, account.secret)
    seen, waiting = {kind_of("/app/")}, ["/app/"]
    while waiting and len(seen) < LINKS_MAX:
        path = waiting.pop()
        reply = visit.get(path)
        assert reply.status in (200, 303), (path, reply.status)
        is_page = reply.status == 200 and dict(reply.headers)["content-type"].startswith("text/html")
        found = re.findall(r'(?:href|data-times)="(/[^"#]*)', reply.body.decode()) if is_page else []
        found += [value for name, value in reply.headers if name == "location"]
        for link in sorted({unescape(link).partition("#")[0] for link in found}):
            if (kind := kind_of(link)) not in seen:
                seen.add(kind)
                waiting.append(link)
    parts = {re.sub(r"^/app/projects/\d+/", "", path) for path, *_ in seen}
    wanted = {"health", "checklist", "settings", "trends"}
    if role != "consumer":
        wanted |= {"events", "names", "names/one", "users", "users/one", "groups", "groups/one", "rejected"}
    assert wanted <= parts, parts
