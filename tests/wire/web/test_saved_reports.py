"""Saved reports: made and opened on pages, and the same ones that the API knows by their `bookmark_id`."""

import csv
import io
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.conftest import MakeProjects
from tests.support.demo_shop import load_demo_shop
from tests.support.reports import report
from tests.support.server import Project, Server
from tests.support.service_accounts import new_account
from tests.support.web.browser_window import PHONE
from tests.support.web.saved import ACTIVE, below, number_of, numbers_in, save, saved_by_api
from tests.support.web.visitor import Visit, signed_in
from tests.wire.web.conftest import OpenWindow
from trackway.projects.limits import BOOKMARKS_MAX, DASHBOARDS_MAX
from trackway.projects.saved import Bookmark, Creator, Dashboard
from trackway.projects.saved_table import Saved

RANGE = {"range": "custom", "from": "2025-03-01", "to": "2025-03-30"}
QUESTION: dict[str, Any] = {"event": ["Order placed", "Signed up"], "measure": "unique", "unit": "week", **RANGE}
HOSTILE = "<img src=x onerror=broken=1>"


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    [made] = make_projects(1)
    load_demo_shop(server, made)
    return made


def figures(visit: Visit, project: Project, query: str) -> dict[str, list[float]]:
    """The series of Trends as CSV."""
    head, *rows = csv.reader(io.StringIO(visit.get(below(project, f"/trends/csv?{query}")).body.decode()))
    return {name: [float(row[place] or 0) for row in rows] for place, name in enumerate(head) if place}


@pytest.mark.parametrize("javascript", [True, False])
def test_a_report_is_saved_opened_replaced_renamed_and_deleted(
    server: Server, windows: OpenWindow, session: dict[str, str], project: Project, javascript: bool
) -> None:
    window = windows(java_script_enabled=javascript)
    window.take_cookies(session)
    window.open(below(project, f"/trends?{urlencode(QUESTION, doseq=True)}"))
    name = f"Buyers {javascript}"
    window.fill("Name of the report", name)
    window.fill("Description", "who bought")
    window.press("Save")
    window.until(lambda: "The report is saved." in window.text())
    assert f"Saved report {name}: who bought" in window.text()
    [made] = [each for each in saved_by_api(server, project) if each["name"] == name]
    assert (made["type"], made["description"], made["creator_name"]) == ("insights", "who bought", "admin")
    answer = report(server, project, "insights", bookmark_id=made["id"])
    shown = figures(Visit(server, dict(session)), project, urlencode(QUESTION, doseq=True))
    assert {series: list(points.values()) for series, points in answer["series"].items()} == shown
    assert any(shown["Order placed"])

    window.choose("By", "month")
    window.press("Show")
    window.until(lambda: "unit=month" in window.path)
    window.press(f"Replace {name}")
    window.until(lambda: "The report has the question that you chose." in window.text())
    points = report(server, project, "insights", bookmark_id=made["id"])["series"]["Signed up"]
    assert list(points) == ["2025-03-01T00:00:00+00:00"]

    window.open(below(project, "/reports"))
    window.follow(name)
    window.until(lambda: "Saved report" in window.text())
    assert "unit=month" in window.path
    window.wait(window.page.get_by_text(f"Rename, describe or delete {name}", exact=True).click())
    window.fill("New name", "Renamed")
    window.press("Rename")
    window.until(lambda: "The report is changed." in window.text())
    assert saved_by_api(server, project, below=f"/{made['id']}")["name"] == "Renamed"
    window.wait(window.page.get_by_text("Rename, describe or delete Renamed", exact=True).click())
    window.press("Delete the report")
    window.until(lambda: "The report is deleted." in window.text())
    assert made["id"] not in {each["id"] for each in saved_by_api(server, project)}
    assert window.complaints == []


def test_a_relative_range_stays_relative(server: Server, project: Project, admin: Visit) -> None:
    for range, clause in (
        ("7", {"dateRangeType": "in the last", "window": {"unit": "day", "value": 7}}),
        ("yesterday", {"dateRangeType": "yesterday"}),
        ("month", {"dateRangeType": "this month"}),
    ):
        number = number_of(save(admin, project, f"Last {range}", event="Order placed", range=range))
        kept = saved_by_api(server, project, below=f"/{number}")["params"]
        assert kept["sections"]["time"] == [{"unit": "day", **clause}]
        assert report(server, project, "insights", bookmark_id=number)["series"]
        opened = urlsplit(dict(admin.get(below(project, f"/reports/{number}")).headers)["location"])
        assert parse_qs(opened.query)["range"] == [range]


def test_a_report_that_no_form_can_hold_is_shown_with_the_reason(
    server: Server, project: Project, admin: Visit
) -> None:
    made = saved_by_api(server, project, "POST", body={"name": "Active", "type": "insights", "params": ACTIVE})
    page = unescape(admin.get(below(project, f"/reports/{made['id']}")).body.decode())
    assert "It cannot be opened as a form: the form has no field for sections.show.0.measurement.math" in page
    [points] = report(server, project, "insights", bookmark_id=made["id"])["series"].values()
    cells = numbers_in(page)
    assert cells == list(points.values())[::-1] and any(cells)
    assert f'"bookmark_id": {made["id"]}' in page


@pytest.mark.parametrize(
    ("type", "params", "said"),
    [
        ("user", {"a": 1}, "no page shows reports of type user yet"),
        ("insights", {"a": 1}, "Extra inputs are not permitted at"),
        ("insights", ACTIVE | {"displayOptions": {"chartType": "spiral"}}, "'spiral' is not supported"),
    ],
)
def test_a_definition_that_cannot_be_answered_is_shown(
    server: Server, project: Project, admin: Visit, type: str, params: Any, said: str
) -> None:
    made = saved_by_api(server, project, "POST", body={"name": "Odd", "type": type, "params": params})
    reply = admin.get(below(project, f"/reports/{made['id']}"))
    assert (reply.status, said in unescape(reply.body.decode())) == (200, True)


def test_the_list_is_searched_and_texts_stay_texts(server: Server, make_projects: MakeProjects, admin: Visit) -> None:
    [project] = make_projects(1)
    assert "No report is saved yet." in admin.get(below(project, "/reports")).body.decode()
    save(admin, project, HOSTILE, event=HOSTILE)
    save(admin, project, "Sign-ups", event="Signed up")
    saved_by_api(server, project, "POST", body={"name": "Checkout", "type": "funnels", "params": {"steps": []}})

    def listed(**fields: str) -> list[str]:
        page = admin.get(below(project, f"/reports?{urlencode(fields)}")).body.decode()
        assert "<img src=x" not in page
        return [unescape(each) for each in re.findall(r'reports/[0-9]+">([^<]*)</a>', page)]

    assert listed() == [HOSTILE, "Checkout", "Sign-ups"]
    assert listed(search="sign") == ["Sign-ups"]
    assert listed(type="funnels") == ["Checkout"]
    assert listed(search="project secret") == ["Checkout"]
    assert "No saved report matches." in admin.get(below(project, "/reports?search=nothing")).body.decode()


def test_only_who_may_save_sees_forms_and_may_send_them(server: Server, project: Project, admin: Visit) -> None:
    number = number_of(save(admin, project, "Kept", event="Order placed"))
    account = new_account(server, {project.project_id: "consumer"})
    visit = signed_in(server, account.username, account.secret)
    assert "Kept" in visit.get(below(project, "/reports")).body.decode()
    page = visit.get(below(project, f"/trends?event=Order+placed&report={number}")).body.decode()
    assert "Saved report <b>Kept</b>" in page and "Keep this report" not in page
    fields = {"type": "insights", "name": "Mine", "question": "event=a"}
    for path in ("save", f"{number}/change", f"{number}/replace", f"{number}/delete"):
        assert visit.post(below(project, f"/reports/{path}"), fields).status == 403, path
        forged = admin.send(below(project, f"/reports/{path}"), {**fields, "csrf": "x"}, ("Origin", admin.origin))
        assert forged.status == 403, path
    assert saved_by_api(server, project, below=f"/{number}")["name"] == "Kept"


def test_reports_of_another_project_do_not_exist(
    server: Server, project: Project, make_projects: MakeProjects, admin: Visit
) -> None:
    [other] = make_projects(1)
    theirs = number_of(save(admin, other, "Theirs", event="a"))
    account = new_account(server, {project.project_id: "owner"})
    visit = signed_in(server, account.username, account.secret)
    fields = {"type": "insights", "name": "Mine", "question": "event=a"}
    for path in ("change", "replace", "delete"):
        assert visit.post(below(project, f"/reports/{theirs}/{path}"), fields).status == 404
        assert visit.post(below(other, f"/reports/{theirs}/{path}"), fields).status == 404
    for path in (f"/reports/{theirs}", "/reports/99999999999", "/reports/x"):
        assert visit.get(below(project, path)).status == 404, path
    assert "Theirs" not in visit.get(below(project, "/reports")).body.decode()
    assert "Theirs" not in visit.get(below(project, f"/trends?event=a&report={theirs}")).body.decode()
    assert saved_by_api(server, other, below=f"/{theirs}")["name"] == "Theirs"


def test_what_cannot_be_saved_is_refused(project: Project, admin: Visit) -> None:
    for name, question, said in (
        (" ", "event=a", "name must be 1 to 255"),
        ("n", "", "choose an event"),
        ("n", "event=a&measure=sum", "the sum needs a property"),
    ):
        reply = admin.post(below(project, "/reports/save"), {"type": "insights", "name": name, "question": question})
        assert (reply.status, said in reply.body.decode().lower()) == (400, True), said
    assert admin.post(below(project, "/reports/save"), {"type": "flows", "name": "n"}).status == 400


def test_changes_are_in_the_audit(server: Server, make_projects: MakeProjects, admin: Visit) -> None:
    [project] = make_projects(1)
    number = number_of(save(admin, project, "Kept", event="a"))
    admin.post(below(project, f"/reports/{number}/change"), {"name": "Renamed"})
    admin.post(below(project, f"/reports/{number}/delete"))
    entries = server.projects.audit(3, project_id=project.project_id)
    assert [(each.name, each.action, each.subject) for each in reversed(entries)] == [
        ("admin", "report saved", f"{number} Kept"),
        ("admin", "report changed", f"{number} Renamed"),
        ("admin", "report deleted", f"{number} Renamed"),
    ]


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": PHONE}], ids=["light", "dark", "phone"])
def test_the_pages_shut_nobody_out(
    server: Server, windows: OpenWindow, session: dict[str, str], project: Project, options: dict[str, Any]
) -> None:
    made = saved_by_api(server, project, "POST", body={"name": "Active", "type": "insights", "params": ACTIVE})
    window = windows(**options)
    window.take_cookies(session)
    for path in ("/reports", f"/reports/{made['id']}", f"/trends?{urlencode(QUESTION, doseq=True)}"):
        window.open(below(project, path))
        assert window.violations() == [], path
        assert not window.is_wider_than_screen(), path
    assert window.complaints == []


def test_a_long_list_has_pages_and_tells_its_bound(
    server: Server, make_projects: MakeProjects, admin: Visit, windows: OpenWindow, session: dict[str, str]
) -> None:
    [project] = make_projects(1)
    saved, maker = Saved(server.projects), Creator(None, "admin")

    def named(number: int) -> dict[str, Any]:
        return {"name": f"Kept {number:03}", "description": ""}

    for number in range(BOOKMARKS_MAX - 1):
        saved.create(Bookmark, project.project_id, {**named(number), "type": "insights", "params": "{}"}, maker)
    page = admin.get(below(project, "/reports")).body.decode()
    assert "the most there may be" not in page and "1 to 100 of 499 reports" in page
    window = windows()
    window.take_cookies(session)
    window.open(below(project, "/reports?search=kept"))
    assert window.texts("tbody th")[0::99] == ["Kept 000", "Kept 099"]
    window.wait(window.page.get_by_role("link", name="Next page").click())
    window.until(lambda: "Kept 100" in window.text())
    assert "search=kept" in window.path and window.count("tbody tr") == 100
    assert window.violations() == [] and window.complaints == []
    last = admin.get(below(project, "/reports?page=99")).body.decode()
    assert "401 to 499 of 499" in last and "Next page" not in last and "Kept 498" in last
    assert "Next page" not in admin.get(below(project, "/reports?search=Kept+49")).body.decode()
    for wrong in ("0", "x", "-1"):
        assert admin.get(below(project, f"/reports?page={wrong}")).status == 400
    assert save(admin, project, "The last", event="a").status == 303
    full = save(admin, project, "One more", event="a")
    assert (full.status, b"500 reports" in full.body) == (400, True), full
    assert "has 500 saved reports, the most there may be" in admin.get(below(project, "/reports")).body.decode()
    assert "Make a dashboard" in admin.get(below(project, "/dashboards")).body.decode()
    for number in range(DASHBOARDS_MAX):
        saved.create(Dashboard, project.project_id, {**named(number), "cards": []}, maker)
    page = admin.get(below(project, "/dashboards")).body.decode()
    assert "has 100 dashboards, the most there may be" in page and "Make a dashboard" not in page
