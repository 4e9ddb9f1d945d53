"""The page of trends: its numbers are those of the API, with a browser and without one."""

import csv
import io
import json
import re
import shlex
import time
from base64 import b64decode
from collections import Counter
from html import unescape
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.conftest import MakeProjects
from tests.support.demo_shop import load_demo_shop
from tests.support.http.encodings import JSON
from tests.support.http.events import import_all, import_numbered, record
from tests.support.http.exchange import Request
from tests.support.lookup.mapped import PRODUCTS, map_table, new_table
from tests.support.reports import at, report, values
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import new_account
from tests.support.web.browser_window import PHONE
from tests.support.web.visitor import Visit, signed_in
from tests.wire.web.conftest import OpenWindow
from trackway.commands.demo_shop import Shop

RANGE = {"range": "custom", "from": "2025-03-01", "to": "2025-03-30"}
DAYS = {"from_date": "2025-03-01", "to_date": "2025-03-30", "unit": "day"}
HOSTILE = "<img src=x onerror=broken=1>"


@pytest.fixture(scope="module")
def project(make_projects: MakeProjects) -> Project:
    return make_projects(1)[0]


@pytest.fixture(scope="module")
def shop(server: Server, project: Project) -> Shop:
    return load_demo_shop(server, project)


def below(project: Project, path: str = "", **fields: Any) -> str:
    return f"/app/projects/{project.project_id}/trends{path}?{urlencode(fields, doseq=True)}"


def table(visit: Visit, project: Project, **fields: Any) -> dict[str, list[float]]:
    """The series of the CSV."""
    reply = visit.get(below(project, "/csv", **RANGE | fields))
    assert reply.status == 200, reply
    assert "text/csv" in dict(reply.headers)["content-type"]
    head, *rows = csv.reader(io.StringIO(reply.body.decode()))
    return {name: [float(row[place] or 0) for row in rows] for place, name in enumerate(head) if place}


def shown(visit: Visit, project: Project, **fields: Any) -> str:
    reply = visit.get(below(project, **RANGE | fields))
    assert reply.status == 200, reply
    return reply.body.decode()


def sent(shop: Shop, name: str) -> list[dict[str, Any]]:
    return [event.properties for event in shop.events if event.name == name and event.time_ms < at("2025-03-31T00:00")]


@pytest.mark.parametrize(("measure", "kind"), [("total", "general"), ("unique", "unique"), ("per person", "average")])
def test_counts_are_those_of_segmentation(
    server: Server, project: Project, shop: Shop, admin: Visit, measure: str, kind: str
) -> None:
    found = table(admin, project, event=["Order placed", "Product viewed"], measure=measure)
    for event in ("Order placed", "Product viewed"):
        expected = values(report(server, project, "segmentation", event=event, type=kind, **DAYS))
        assert found[event] == pytest.approx(expected[event]), event
    assert any(found["Order placed"])


def test_a_breakdown_and_filters_choose_the_events_that_were_sent(project: Project, shop: Shop, admin: Visit) -> None:
    orders = sent(shop, "Order placed")
    found = table(admin, project, event="Order placed", by="category", chart="number")
    assert found == {name: [number] for name, number in Counter(each["category"] for each in orders).items()}
    conditions: dict[str, Any] = {"where": ["device", "amount"], "is": ["is", "above"], "value": ["phone", "30"]}
    expected = [each for each in orders if each["device"] == "phone" and each["amount"] > 30]
    assert expected
    spent = sum(each["amount"] for each in expected)
    buyers = len({each["$user_id"] for each in expected})
    for measure, number in (("total", len(expected)), ("sum", spent), ("sum per person", spent / buyers)):
        fields = {"event": "Order placed", "chart": "number", "measure": measure, "property": "amount", **conditions}
        assert table(admin, project, **fields)["Order placed"] == [pytest.approx(number)], measure


@pytest.mark.parametrize(
    "fields",
    [
        {"event": ["Order placed", "Signed up"], "unit": "week"},
        {"event": "Order placed", "measure": "average", "property": "amount", "by": "$os"},
        {"event": "Order placed", "measure": "median", "property": "amount", "by": "category", "by2": "device"},
        {"event": ["Order placed", "Product viewed"], "formula": "100 * A / B", "measure": "unique", "rolling": "7"},
        {
            "event": "Order placed",
            "by": "plan",
            "by_whose": "user",
            "where": "amount",
            "is": "between",
            "value": "10 to 50",
        },
        {"event": "Order placed", "unit": "hour", "from": "2025-03-20"},
        {"event": "Page viewed", "where": "utm_campaign", "is": "not set", "value": "", "unit": "month"},
    ],
)
def test_the_command_that_is_copied_asks_the_api_for_the_same_numbers(
    server: Server, project: Project, shop: Shop, admin: Visit, fields: dict[str, Any]
) -> None:
    command = re.search(r'id="curl"[^>]*>(.*?)</pre>', shown(admin, project, **fields), re.DOTALL)
    assert command
    words = shlex.split(unescape(command[1]))
    assert words[:3] == ["curl", "-u", "<secret>:"]
    target, body = urlsplit(words[3]).path, words[words.index("-d") + 1]
    reply = server.ask(Request("POST", target, (basic(project.secret), JSON), body.encode()))
    assert reply.status == 200, reply
    expected: dict[str, list[Any]] = {}
    for name, found in json.loads(reply.body)["series"].items():
        expected |= flat(found, () if "by" in fields else (name,))
    page = table(admin, project, **fields)
    assert page == {name: [pytest.approx(figure or 0) for figure in figures] for name, figures in expected.items()}
    assert any(any(figures) for figures in page.values())


def flat(found: dict[str, Any], path: tuple[str, ...]) -> dict[str, list[Any]]:
    """The series of a metric by the values of its breakdown, without the wholes."""
    if not any(isinstance(each, dict) for each in found.values()):
        return {" · ".join(path): list(found.values())}
    parts: dict[str, list[Any]] = {}
    for value, inner in found.items():
        if value != "$overall":
            parts |= flat(inner, (*path, value))
    return parts


def test_annotations_are_those_of_the_api_and_are_marked_on_the_picture(
    server: Server, windows: OpenWindow, session: dict[str, str], project: Project, shop: Shop, admin: Visit
) -> None:
    api = f"/api/app/projects/{project.project_id}/annotations"
    headers, body = (JSON, basic(project.secret)), {"date": "2025-03-10 12:00:00", "description": HOSTILE}
    made = server.ask(Request("POST", api, headers, json.dumps(body).encode()))
    assert made.status == 201, made
    server.ask(Request("POST", api, headers, json.dumps({"date": "2025-04-01", "description": "later"}).encode()))
    window = windows()
    window.take_cookies(session)
    window.open(below(project, event="Order placed", **RANGE))
    assert f"2025-03-10 12:00:00 {HOSTILE}" in window.text(".notes") and "later" not in window.text(".notes")
    window.wait(window.page.get_by_text("Annotate a day", exact=True).click())
    window.fill("Day", "2025-03-20")
    window.fill("What happened", "Version 2")
    window.press("Annotate")
    window.until(lambda: "Version 2" in window.text())
    assert "event=Order" in window.path
    found = json.loads(server.ask(Request("GET", api, headers)).body)["results"]
    assert ("2025-03-20 00:00:00", "Version 2") in {(each["date"], each["description"]) for each in found}
    picture = window.wait(window.find("img.chart").get_attribute("src"))
    assert picture and b64decode(picture.partition(",")[2]).count(b'class="mark"') == 2
    assert window.violations() == [] and not window.is_wider_than_screen()
    window.screenshot("annotations")
    window.press("Remove annotation 2")
    window.until(lambda: "Version 2" not in window.text())
    assert window.complaints == []
    reader = new_account(server, {project.project_id: "consumer"})
    visit = signed_in(server, reader.username, reader.secret)
    page = shown(visit, project, event="Order placed")
    assert "Annotations" in page and "Annotate a day" not in page
    note = {"type": "insights", "question": "event=a", "date": "2025-03-20", "description": "x", "annotation": "1"}
    for path in ("add", "remove"):
        target = f"/app/projects/{project.project_id}/annotations/{path}"
        assert visit.post(target, note).status == 403
        assert admin.send(target, {**note, "csrf": "x"}, ("Origin", admin.origin)).status == 403
    for wrong in ({"date": "soon"}, {"description": " "}, {"type": "user"}):
        assert admin.post(target.replace("remove", "add"), note | wrong).status == 400, wrong


def test_a_trend_is_compared_with_the_period_before(server: Server, project: Project, shop: Shop, admin: Visit) -> None:
    asked: dict[str, Any] = {"event": "Order placed", "from": "2025-03-16", "to": "2025-03-30"}
    found = table(admin, project, **asked, compare="before", by="device")
    for device in ("phone", "desktop"):
        only = {"event": "Order placed", "where": "device", "is": "is", "value": device}
        [now] = table(admin, project, **asked | only).values()
        [before] = table(admin, project, **only, **{"from": "2025-03-01", "to": "2025-03-15"}).values()
        assert found[device] == now and found[f"{device}, period before"] == before
        assert any(before)
    counted = table(admin, project, **asked, compare="before", chart="number")
    [[orders], [orders_before]] = counted.values()
    assert orders_before == sum(sum(found[name]) for name in found if "before" in name)
    page = shown(admin, project, **asked, compare="before", chart="number")
    assert f"{100 * (orders / orders_before - 1):+.1f}\u202f%</td>" in page


def test_properties_of_users_break_down_and_filter(server: Server, make_projects: MakeProjects, admin: Visit) -> None:
    [project] = make_projects(1)
    at_noon = at("2025-03-02T12:00")
    people = {"ann": ("pro", 3), "bob": ("free", 5), "eve": ("pro", 7)}
    events = [record(project, "a", distinct_id=name, time=at_noon, insert_id=name) for name in people]
    import_all(server, project, events)
    profiles = [
        {"$token": project.token, "$distinct_id": name, "$set": {"plan": plan, "visits": visits}}
        for name, (plan, visits) in people.items()
    ]
    server.ask(Request("POST", "/engage", (JSON,), json.dumps(profiles).encode()))
    server.wait_loaded()
    day: dict[str, Any] = {"event": "a", "chart": "number"}
    assert table(admin, project, **day, by="plan", by_whose="user") == {"pro": [2], "free": [1]}
    only = {"where": "plan", "is": "is", "value": "pro", "whose": "user"}
    assert table(admin, project, **day, **only) == {"a": [2]}
    measured = {"measure": "median", "property": "visits", "property_whose": "user"}
    assert table(admin, project, **day, **only, **measured) == {"a": [5]}
    between = {"where": "visits", "is": "between", "value": "4 to 6", "whose": "user"}
    assert table(admin, project, **day, **between) == {"a": [1]}


def test_the_statements_are_those_of_the_api(server: Server, project: Project, shop: Shop, admin: Visit) -> None:
    found = re.search(r'id="sql"[^>]*>(.*?)</pre>', shown(admin, project, event="Order placed"), re.DOTALL)
    assert found and "GROUP BY" in found[1] and "Order placed" in found[1].partition("-- ")[2]


def test_a_visitor_asks_in_the_browser_and_gets_suggestions(
    server: Server, windows: OpenWindow, session: dict[str, str], project: Project, shop: Shop
) -> None:
    import_numbered(server, project, [record(project, "seen lately")])
    window = windows()
    window.take_cookies(session)
    window.open(below(project, **RANGE))
    window.wait(window.find("#field-event-1").focus())
    suggested = "() => [...document.getElementById('list-event-1').options].map((each) => each.value)"
    window.until(lambda: window.run(suggested) == ["seen lately"])
    update = {"$token": project.token, "$distinct_id": "u", "$set": {"tier": "gold"}}
    server.ask(Request("POST", "/engage", (JSON,), json.dumps(update).encode()))
    server.wait_loaded()
    window.wait(window.find("#by-whose").select_option("user"))
    window.wait(window.find("#field-by-2").focus())
    by = "() => [...document.getElementById('list-by-2').options].map((each) => each.value)"
    window.until(lambda: "tier" in window.run(by))
    window.wait(window.find("#by-whose").select_option("event"))
    window.fill("Event", "Product viewed")
    window.fill("Only where", "device")
    window.fill("Value", "phone")
    window.fill("Break down by", "category")
    window.choose("By", "week")
    window.press("Show")
    window.until(lambda: window.run("() => document.querySelector('img.chart')?.naturalWidth > 0"))
    assert {"books", "clothes", "home"} == {name for name in window.texts("thead th") if name != "Time"}
    window.screenshot("trends")
    assert window.complaints == []


def test_suggestions_are_what_was_sent_lately(server: Server, make_projects: MakeProjects, admin: Visit) -> None:
    [project] = make_projects(1)
    import_numbered(server, project, [record(project, "buy", plan="pro"), record(project, "look", plan="free")])

    def suggested(**asked: str) -> Any:
        return json.loads(admin.get(below(project, "/suggestions", **asked)).body)

    assert sorted(suggested(kind="events")) == ["buy", "look"]
    assert "plan" in suggested(kind="properties", event="buy")
    assert suggested(kind="values", event="buy", property="plan") == ["pro"]
    assert sorted(suggested(kind="values", event="", property="plan")) == ["free", "pro"]
    update = {"$token": project.token, "$distinct_id": "u", "$set": {"plan of the user": "pro"}}
    server.ask(Request("POST", "/engage", (JSON,), json.dumps(update).encode()))
    server.wait_loaded()
    assert "plan of the user" in suggested(kind="users")
    account = new_account(server, {project.project_id: "consumer"})
    reader = signed_in(server, account.username, account.secret)
    assert json.loads(reader.get(below(project, "/suggestions", kind="users")).body) == []
    assert admin.get(below(project, "/suggestions", kind="secrets")).status == 400
    offered = admin.get(below(project)).body.decode()
    assert "Choose an event." in offered and "?event=buy" in offered


def test_columns_of_lookup_tables_are_suggested(server: Server, make_projects: MakeProjects, admin: Visit) -> None:
    project, other = make_projects(2)
    now_ms = time.time_ns() // 1_000_000
    import_all(server, project, [record(project, "a", time=now_ms - 1000, insert_id="1", P="P1", plan="pro")])
    server.wait_loaded()
    map_table(server, other, new_table(server, other, PRODUCTS), "P")

    def suggested(**asked: str) -> list[str]:
        found: list[str] = json.loads(admin.get(below(project, "/suggestions", **asked)).body)
        return found

    assert not [each for each in suggested(kind="properties", event="a") if "→" in each]
    map_table(server, project, new_table(server, project, PRODUCTS), "P")
    names = suggested(kind="properties", event="a")
    at = names.index("P")
    assert names[at + 1 : at + 3] == ["P → category", "P → price"] and "plan" in names
    assert suggested(kind="values", event="a", property="P → category") == ["pants"]


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": PHONE}], ids=["light", "dark", "phone"])
def test_the_page_shuts_nobody_out(
    windows: OpenWindow, session: dict[str, str], project: Project, shop: Shop, options: dict[str, Any]
) -> None:
    window = windows(**options)
    window.take_cookies(session)
    question: dict[str, Any] = {"event": ["Order placed", "Signed up"], **RANGE}
    for fields in ({}, question, {**question, "chart": "bar", "by": "$os"}, {**question, "chart": "number"},
                   {**question, "measure": "sum"}):  # fmt: skip
        window.open(below(project, **fields))
        assert window.violations() == [], fields
        assert not window.is_wider_than_screen(), fields
    assert [each for each in window.complaints if "400" not in each] == []


def test_a_question_is_asked_without_scripts(
    windows: OpenWindow, session: dict[str, str], project: Project, shop: Shop
) -> None:
    window = windows(java_script_enabled=False)
    window.take_cookies(session)
    window.open(below(project, **RANGE))
    window.fill("Event", "Order placed")
    window.choose("Measure", "unique")
    window.press("Show")
    window.until(lambda: "event=Order" in window.path)
    assert window.count("img.chart") == 1
    assert window.count("tbody tr") == 30
    assert "As of" in window.text()


def test_what_cannot_be_answered_keeps_the_form_and_says_why(project: Project, shop: Shop, admin: Visit) -> None:
    reply = admin.get(below(project, event="Order placed", measure="sum", **RANGE))
    assert reply.status == 400
    page = reply.body.decode()
    assert "The sum needs a property" in page and 'value="Order placed"' in page
    assert admin.get(below(project, event="a", chart="pie")).status == 400
    assert admin.get(below(project, "/csv", **RANGE)).status == 400


def test_a_project_without_events_says_what_to_do_next(make_projects: MakeProjects, admin: Visit) -> None:
    [empty] = make_projects(1)
    page = admin.get(below(empty)).body.decode()
    assert "No event has arrived" in page and "trackway demo" in page
    assert "No events match in this range." in shown(admin, empty, event="buy")


def test_texts_of_clients_stay_texts(
    server: Server, make_projects: MakeProjects, windows: OpenWindow, session: dict[str, str]
) -> None:
    [project] = make_projects(1)
    import_numbered(server, project, [record(project, HOSTILE, **{HOSTILE: HOSTILE})])
    window = windows()
    window.take_cookies(session)
    for fields in (
        {},
        {"event": HOSTILE},
        {"event": HOSTILE, "by": HOSTILE, "where": HOSTILE, "is": "is", "value": HOSTILE},
    ):
        window.open(below(project, **fields))
        assert HOSTILE in window.text().replace("\n", " "), fields
    assert window.run("() => window.broken") is None
    assert window.complaints == []


def test_the_page_is_for_those_who_may_run_reports_of_the_project(
    server: Server, project: Project, shop: Shop, make_projects: MakeProjects
) -> None:
    [other] = make_projects(1)
    account = new_account(server, {project.project_id: "consumer"})
    visit = signed_in(server, account.username, account.secret)
    assert any(table(visit, project, event="Order placed")["Order placed"])
    for path in ("", "/csv", "/suggestions"):
        assert visit.get(below(other, path, event="Order placed", kind="events")).status == 404
