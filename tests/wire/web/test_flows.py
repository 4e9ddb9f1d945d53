"""The page of flows: its numbers are those of the API, with a browser and without one."""

import json
from collections import Counter
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.demo_shop import load_demo_shop
from tests.support.http.events import import_numbered, record
from tests.support.reports import at, post_report
from tests.support.server import Project, Server
from tests.support.service_accounts import new_account
from tests.support.web.browser_window import PHONE
from tests.support.web.report_page import address, answer_to_curl, csv_rows, shown, sql_shown
from tests.support.web.visitor import Visit, signed_in
from tests.wire.web.conftest import OpenWindow
from trackway.commands.demo_shop import Shop

RANGE = {"range": "custom", "from": "2025-03-01", "to": "2025-03-30"}
QUESTION = {"event1": "Added to cart", **RANGE}
HOSTILE = "<img src=x onerror=broken=1>"


@pytest.fixture(scope="module")
def project(make_projects: MakeProjects) -> Project:
    return make_projects(1)[0]


@pytest.fixture(scope="module")
def shop(server: Server, project: Project) -> Shop:
    return load_demo_shop(server, project)


def events(row: dict[str, str]) -> list[str]:
    return [value for name, value in row.items() if name.startswith("event ") and value]


def named(node: dict[str, Any]) -> str:
    return "left" if node["type"] == "DROPOFF" else str(node["event"])


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({}, {}),
        ({"counted": "total", "before": "2", "after": "1"}, {"count_type": "total"}),
        ({"counted": "session", "window_unit": "session"},
         {"count_type": "session", "conversion_window": {"unit": "session", "value": 1}}),
        ({"repeats": "each", "hide": "Product viewed", "window": "2", "window_unit": "hour"},
         {"collapse_repeated": False, "hidden_events": ["Product viewed"],
          "conversion_window": {"unit": "hour", "value": 2}}),
        ({"where": "device", "is": "is", "value": "phone"},
         {"filter_by_event": {"operator": "and", "children": [
             {"value": "device", "filterOperator": "equals", "filterValue": ["phone"]}]}}),
    ],
)  # fmt: skip
def test_the_paths_are_those_of_the_api(
    server: Server, project: Project, shop: Shop, admin: Visit, fields: dict[str, str], changed: dict[str, Any]
) -> None:
    step = {
        "event": "Added to cart",
        "forward": int(fields.get("after", "3")),
        "reverse": int(fields.get("before", "0")),
    }
    bookmark = {
        "steps": [step],
        "date_range": {"type": "between", "from_date": "2025-03-01", "to_date": "2025-03-30"},
        "cardinality_threshold": 25,
        "collapse_repeated": True,
        "conversion_window": {"unit": "day", "value": 7},
        **changed,
    }
    reply = post_report(server, project, "arb_funnels", {"bookmark": bookmark, "query_type": "flows_top_paths"})
    assert reply.status == 200, reply
    flows = json.loads(reply.body)["flows"]
    assert flows
    expected = [
        (
            int(flow["totalCount"]),
            ["left" if each["type"] == "DROPOFF" else each["event"] for each in flow["flowSteps"]],
        )
        for flow in flows
    ]
    rows = csv_rows(admin, address(project, "/flows/csv", **QUESTION | fields))
    assert [(int(row["flows"]), events(row)) for row in rows] == expected


@pytest.mark.parametrize("fields", [{}, {"before": "2", "where1": "category", "is1": "is", "value1": "books"}])
def test_the_command_that_is_copied_asks_the_api_for_the_same_numbers(
    server: Server, project: Project, shop: Shop, admin: Visit, fields: dict[str, str]
) -> None:
    page = shown(admin, address(project, "/flows", **QUESTION | fields))
    answer = answer_to_curl(server, project, page)
    rows = csv_rows(admin, address(project, "/flows/csv", **QUESTION | fields))
    entered = int(answer["metadata"]["totalCount"])
    assert sum(int(row["flows"]) for row in rows) <= entered
    assert float(rows[0]["part"]) == pytest.approx(int(rows[0]["flows"]) / entered)
    for step in answer["steps"]:
        for node in step["nodes"]:
            assert node["event"] == "$other" or f">{named(node)}<" in page
    assert "Added to cart" in sql_shown(page).partition("-- ")[2]


def test_the_table_by_place_adds_up(server: Server, project: Project, shop: Shop, admin: Visit) -> None:
    """Every user who begins is in each column: by an event, or as one who left."""
    page = shown(admin, address(project, "/flows", **QUESTION))
    answer = answer_to_curl(server, project, page)
    entered = int(answer["metadata"]["totalCount"])
    sums = Counter[int]()
    for column, step in enumerate(answer["steps"]):
        sums[column] += sum(int(node["totalCount"]) for node in step["nodes"])
    assert set(sums.values()) == {entered}
    assert f'<p class="sum">{entered} users</p>' in page


def test_the_events_of_another_project_are_no_part_of_flows(
    server: Server, make_projects: MakeProjects, admin: Visit
) -> None:
    mine, theirs = make_projects(2)
    times = [at(f"2025-03-02T10:0{minute}") // 1000 for minute in range(3)]
    import_numbered(server, mine, [record(mine, "buy", distinct_id="ann", time=times[0])])
    import_numbered(
        server,
        theirs,
        [record(theirs, name, distinct_id="ann", time=times[n]) for n, name in enumerate(["buy", "pay"])],
    )
    [row] = csv_rows(admin, address(mine, "/flows/csv", event1="buy", **RANGE))
    assert (row["flows"], events(row)) == ("1", ["buy", "left"])
    [row] = csv_rows(admin, address(theirs, "/flows/csv", event1="buy", **RANGE))
    assert events(row) == ["buy", "pay", "left"]


def test_a_visitor_asks_in_the_browser(
    windows: OpenWindow, session: dict[str, str], project: Project, shop: Shop
) -> None:
    window = windows()
    window.take_cookies(session)
    window.open(address(project, "/flows", **RANGE))
    window.fill("Event", "Order placed")
    window.choose("Events before it", "2")
    window.press("Show")
    window.until(lambda: window.run("() => document.querySelector('img.chart')?.naturalWidth > 0"))
    assert "Before and after Order placed" in window.text()
    assert "Checkout started → Order placed" in window.text()
    window.screenshot("flows")
    assert window.complaints == []


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": PHONE}], ids=["light", "dark", "phone"])
def test_the_page_shuts_nobody_out(
    windows: OpenWindow, session: dict[str, str], project: Project, shop: Shop, options: dict[str, Any]
) -> None:
    window = windows(**options)
    window.take_cookies(session)
    more = {"where1": "category", "is1": "is", "value1": "books", "hide": "Page viewed", "before": "5", "after": "5"}
    for fields in ({}, QUESTION, {**QUESTION, **more}, {**QUESTION, "window": "0"}):
        window.open(address(project, "/flows", **fields))
        assert window.violations() == [], fields
        assert not window.is_wider_than_screen(), fields
    assert [each for each in window.complaints if "400" not in each] == []


def test_a_question_is_asked_without_scripts(
    windows: OpenWindow, session: dict[str, str], project: Project, shop: Shop
) -> None:
    window = windows(java_script_enabled=False)
    window.take_cookies(session)
    window.open(address(project, "/flows", **RANGE))
    window.fill("Event", "Signed up")
    window.press("Show")
    window.until(lambda: "event1=Signed" in window.path)
    assert window.count("img.chart") == 1
    assert window.count("tbody tr") > 5


def test_an_empty_form_offers_events_and_what_cannot_be_answered_says_why(
    server: Server, make_projects: MakeProjects, admin: Visit
) -> None:
    [project] = make_projects(1)
    assert "trackway demo" in shown(admin, address(project, "/flows"))
    import_numbered(server, project, [record(project, "buy")])
    page = shown(admin, address(project, "/flows", before="2"))
    assert "Choose the event that flows begin with." in page and "?before=2&amp;event1=buy" in page
    assert "No flow has this event in this range." in shown(admin, address(project, "/flows", event1="other"))
    reply = admin.get(address(project, "/flows", event1="buy", after="0"))
    assert reply.status == 400 and "Choose how many events to show" in reply.body.decode()
    assert admin.get(address(project, "/flows/csv")).status == 400


def test_texts_of_clients_stay_texts(
    server: Server, make_projects: MakeProjects, windows: OpenWindow, session: dict[str, str]
) -> None:
    [project] = make_projects(1)
    import_numbered(server, project, [record(project, HOSTILE) for _ in range(2)])
    window = windows()
    window.take_cookies(session)
    for fields in ({}, {"event1": HOSTILE, "repeats": "each"}):
        window.open(address(project, "/flows", **fields))
        assert HOSTILE in window.text().replace("\n", " "), fields
    assert window.run("() => window.broken") is None
    assert window.complaints == []


def test_the_page_is_for_those_who_may_run_reports_of_the_project(
    server: Server, project: Project, shop: Shop, make_projects: MakeProjects
) -> None:
    [other] = make_projects(1)
    account = new_account(server, {project.project_id: "consumer"})
    visit = signed_in(server, account.username, account.secret)
    assert csv_rows(visit, address(project, "/flows/csv", **QUESTION))
    for path in ("", "/csv"):
        assert visit.get(address(other, f"/flows{path}", **QUESTION)).status == 404
