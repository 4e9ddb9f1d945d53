"""Dashboards: made, arranged and looked at, with scripts and without; their numbers are those of the API."""

import re
from base64 import b64decode
from html import unescape
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.demo_shop import load_demo_shop
from tests.support.http.exchange import Request
from tests.support.reports import report
from tests.support.server import Project, Server
from tests.support.service_accounts import new_account
from tests.support.web.browser_window import PHONE
from tests.support.web.saved import (
    ACTIVE,
    annotate,
    below,
    new_dashboard,
    number_of,
    numbers_in,
    save,
    saved_by_api,
)
from tests.support.web.visitor import HTML, Visit, signed_in
from tests.wire.web.conftest import OpenWindow

RANGE = {"range": "custom", "from": "2025-03-01", "to": "2025-03-30"}
HOSTILE = "<img src=x onerror=broken=1>"


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    [made] = make_projects(1)
    load_demo_shop(server, made)
    return made


@pytest.fixture
def trends(project: Project, admin: Visit) -> list[int]:
    """Saved reports: a line, a number, and a table."""
    asked: list[tuple[str, dict[str, Any]]] = [
        ("Orders by week", {"event": "Order placed", "unit": "week"}),
        ("Orders in all", {"event": "Order placed", "chart": "number"}),
        ("Buyers by device", {"event": "Order placed", "measure": "unique", "by": "device", "chart": "table"}),
    ]
    return [number_of(save(admin, project, name, **RANGE, **question)) for name, question in asked]


def expected(server: Server, project: Project, number: int) -> list[float]:
    """The figures that the API gives to a saved report, in the order of a table: the last time first."""
    [points] = report(server, project, "insights", bookmark_id=number)["series"].values()
    if "$overall" in points:
        columns = [list(each.values()) for name, each in points.items() if name != "$overall"]
        return [column[place] for place in reversed(range(len(columns[0]))) for column in columns]
    return list(points.values())[::-1]


def test_each_card_has_the_numbers_that_the_api_gives(
    server: Server, project: Project, trends: list[int], admin: Visit
) -> None:
    line, number, table = trends
    board = new_dashboard(admin, project, "Shop", *trends)
    shell = admin.get(below(project, f"/dashboards/{board}")).body.decode()
    assert numbers_in(shell) == [] and shell.count("data-card=") == 3
    parts = [admin.get(below(project, f"/dashboards/{board}/cards/{each}")).body.decode() for each in trends]
    assert numbers_in(parts[0]) == expected(server, project, line) and 'class="chart"' in parts[0]
    shown = re.search(r'class="figure">([^ ]*) ', parts[1])
    assert shown and [float(shown[1].replace("\u202f", ""))] == expected(server, project, number)
    assert numbers_in(parts[2]) == expected(server, project, table)
    complete = admin.get(below(project, f"/dashboards/{board}?complete=1")).body.decode()
    assert numbers_in(complete) == expected(server, project, line) + expected(server, project, table)


def test_cards_by_time_have_annotations_and_links_have_none(
    server: Server,
    windows: OpenWindow,
    session: dict[str, str],
    project: Project,
    trends: list[int],
    admin: Visit,
) -> None:
    annotate(server, project, "2025-03-12 12:00:00", HOSTILE)
    annotate(server, project, "2025-04-12 12:00:00", "after the range")
    board = new_dashboard(admin, project, "Noted", *trends)
    window = windows()
    window.take_cookies(session)
    window.open(below(project, f"/dashboards/{board}"))
    window.until(lambda: window.count("[data-card]") == 0 or "Loading" not in window.text())
    assert window.texts("ol.notes li") == [f"2025-03-12 12:00:00 {HOSTILE}"], "the card with a picture by time alone"
    pictures = [
        window.wait(window.page.locator("img.chart").nth(place).get_attribute("src"))
        for place in range(window.count("img.chart"))
    ]
    marked = [picture and b64decode(picture.partition(",")[2]).count(b'class="mark"') for picture in pictures]
    assert marked == [1]
    assert window.violations() == [] and window.complaints == []
    reply = admin.post(below(project, "/shares/create"), {"target": f"dashboard {board}", "expires": "7"})
    found = re.search(r'id="made-link">http://[^/<]*([^<]*)<', reply.body.decode())
    assert found
    stranger = server.ask(Request("GET", found[1], (HTML,))).body.decode()
    assert "Orders by week" in stranger and "2025-03-12 12:00:00" not in stranger


@pytest.mark.parametrize("javascript", [True, False])
def test_a_dashboard_is_made_arranged_looked_at_and_deleted(
    server: Server,
    windows: OpenWindow,
    session: dict[str, str],
    project: Project,
    trends: list[int],
    javascript: bool,
) -> None:
    window = windows(java_script_enabled=javascript)
    window.take_cookies(session)
    window.open(below(project, "/dashboards"))
    window.fill("Name of the dashboard", f"Board {javascript}")
    window.press("Make it")
    window.until(lambda: "Arrange Board" in window.text())
    for number, width in zip(trends, ("wide", "half", "half"), strict=True):
        window.choose("Saved report", str(number))
        window.choose("Width", width)
        window.press("Add")
        window.until(lambda number=number: window.count(f"tbody input[value='{number}']") > 0)
    window.press("Move up Buyers by device")
    window.until(lambda: window.texts("tbody th") == ["Orders by week", "Buyers by device", "Orders in all"])
    window.press("Half a row Orders by week")
    window.until(lambda: window.texts("tbody td:nth-child(2)") == ["half a row"] * 3)
    window.follow("Back to the dashboard")
    window.until(lambda: window.count(".board img.chart") == 1 and window.count(".board .figure") == 1)
    assert window.texts(".board h2") == ["Orders by week", "Buyers by device", "Orders in all"]
    if javascript:
        window.until(lambda: "Loading" not in window.text())
        window.screenshot("dashboard")
        assert window.violations() == []
    else:
        assert window.path.endswith("?complete=1")
    window.follow("Orders in all")
    window.until(lambda: "Saved report Orders in all" in window.text())
    window.open(below(project, "/dashboards"))
    window.follow(f"Board {javascript}")
    window.follow("Add, arrange or rename")
    window.wait(window.page.get_by_text("Rename, describe or delete the dashboard", exact=True).click())
    window.press("Delete the dashboard")
    window.until(lambda: "The dashboard is deleted." in window.text())
    assert window.complaints == []


def test_a_report_is_added_from_its_own_page(
    windows: OpenWindow, session: dict[str, str], project: Project, trends: list[int], admin: Visit
) -> None:
    new_dashboard(admin, project, "For one more")
    window = windows()
    window.take_cookies(session)
    window.open(below(project, f"/reports/{trends[0]}"))
    window.follow("Add to a dashboard")
    window.until(lambda: "Choose the dashboard for Orders by week" in window.text())
    assert window.violations() == []
    window.press("Add to For one more")
    window.until(lambda: window.texts("tbody th") == ["Orders by week"])
    assert admin.get(below(project, "/dashboards?add=999999999")).status == 404
    assert window.complaints == []


def test_a_deleted_report_leaves_a_card_that_can_be_removed(
    server: Server, project: Project, trends: list[int], admin: Visit
) -> None:
    board = new_dashboard(admin, project, "Gaps", *trends)
    saved_by_api(server, project, "DELETE", f"/{trends[0]}")
    page = admin.get(below(project, f"/dashboards/{board}?complete=1")).body.decode()
    assert "This report was deleted." in page and "Orders in all" in page
    assert admin.get(below(project, f"/dashboards/{board}/cards/{trends[0]}")).status == 404
    removed = {"report": str(trends[0]), "move": "remove"}
    assert admin.post(below(project, f"/dashboards/{board}/move"), removed).status == 303
    assert "This report was deleted." not in admin.get(below(project, f"/dashboards/{board}")).body.decode()


def test_a_report_that_cannot_be_answered_is_said_to_be_so(server: Server, project: Project, admin: Visit) -> None:
    odd = ACTIVE | {"displayOptions": {"chartType": "spiral"}}
    made = [
        saved_by_api(server, project, "POST", body={"name": HOSTILE, "type": type, "params": params})["id"]
        for type, params in (("insights", odd), ("user", {"a": 1}), ("insights", ACTIVE))
    ]
    board = new_dashboard(admin, project, HOSTILE, *made)
    page = unescape(admin.get(below(project, f"/dashboards/{board}?complete=1")).body.decode())
    assert "'spiral' is not supported" in page and "Reports of type user have no picture here" in page
    assert numbers_in(page) == expected(server, project, made[2])


def test_empty_pages_say_what_to_do_next(make_projects: MakeProjects, admin: Visit, server: Server) -> None:
    [project] = make_projects(1)
    assert "No dashboard yet." in admin.get(below(project, "/dashboards")).body.decode()
    board = new_dashboard(admin, project, "Empty")
    assert "This dashboard has no reports yet." in admin.get(below(project, f"/dashboards/{board}")).body.decode()
    assert "No report is saved yet." in admin.get(below(project, f"/dashboards/{board}/arrange")).body.decode()


def test_only_who_may_save_arranges(server: Server, project: Project, trends: list[int], admin: Visit) -> None:
    board = new_dashboard(admin, project, "Kept", trends[0])
    account = new_account(server, {project.project_id: "consumer"})
    visit = signed_in(server, account.username, account.secret)
    page = visit.get(below(project, f"/dashboards/{board}")).body.decode()
    assert "Orders by week" in page and "arrange" not in page
    assert visit.get(below(project, f"/dashboards/{board}/cards/{trends[0]}")).status == 200
    assert visit.get(below(project, f"/dashboards/{board}/arrange")).status == 403
    fields = {"name": "Mine", "report": str(trends[0]), "move": "remove", "width": "half"}
    for path in ("create", f"{board}/add", f"{board}/move", f"{board}/rename", f"{board}/delete"):
        assert visit.post(below(project, f"/dashboards/{path}"), fields).status == 403, path
        forged = admin.send(below(project, f"/dashboards/{path}"), {**fields, "csrf": "x"}, ("Origin", admin.origin))
        assert forged.status == 403, path


def test_dashboards_of_another_project_do_not_exist(
    server: Server, project: Project, trends: list[int], make_projects: MakeProjects, admin: Visit
) -> None:
    [other] = make_projects(1)
    theirs = number_of(save(admin, other, HOSTILE, event="a"))
    their_board = new_dashboard(admin, other, "Theirs", theirs)
    account = new_account(server, {project.project_id: "owner"})
    visit = signed_in(server, account.username, account.secret)
    my_board = new_dashboard(visit, project, "Mine", trends[0])
    assert visit.post(below(project, f"/dashboards/{my_board}/add"), {"report": str(theirs)}).status == 404
    for path in (f"/{their_board}", f"/{their_board}/arrange", f"/{my_board}/cards/{theirs}",
                 f"/{their_board}/cards/{theirs}", "/x"):  # fmt: skip
        assert visit.get(below(project, f"/dashboards{path}")).status == 404, path
    for path in ("add", "move", "rename", "delete"):
        fields = {"name": "Mine", "report": str(theirs), "move": "remove"}
        assert visit.post(below(project, f"/dashboards/{their_board}/{path}"), fields).status == 404, path
    assert "Theirs" not in visit.get(below(project, "/dashboards")).body.decode()
    assert "Theirs" in admin.get(below(other, f"/dashboards/{their_board}")).body.decode()


def test_what_cannot_be_arranged_is_refused(project: Project, trends: list[int], admin: Visit) -> None:
    board = new_dashboard(admin, project, "Kept", trends[0])
    for path, fields in (
        ("add", {"report": str(trends[0])}),
        ("move", {"report": str(trends[0]), "move": "sideways"}),
        ("move", {"report": str(trends[1]), "move": "up"}),
        ("rename", {"name": " "}),
    ):
        assert admin.post(below(project, f"/dashboards/{board}/{path}"), fields).status == 400, fields


@pytest.mark.parametrize("options", [{"color_scheme": "dark"}, {"viewport": PHONE}], ids=["dark", "phone"])
def test_the_pages_shut_nobody_out(
    windows: OpenWindow,
    session: dict[str, str],
    project: Project,
    trends: list[int],
    admin: Visit,
    options: dict[str, Any],
) -> None:
    board = new_dashboard(admin, project, HOSTILE, *trends)
    window = windows(**options)
    window.take_cookies(session)
    for path in ("/dashboards", f"/dashboards/{board}", f"/dashboards/{board}/arrange"):
        window.open(below(project, path))
        window.until(lambda: "Loading" not in window.text())
        assert window.violations() == [], path
        assert not window.is_wider_than_screen(), path
    assert window.complaints == []
