"""Funnels, retention and flows are saved on their pages, open there again, and are the ones that the API knows."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import MakeProjects
from tests.support.demo_shop import load_demo_shop
from tests.support.reports import report
from tests.support.server import Project, Server
from tests.support.web.report_page import address, csv_rows
from tests.support.web.saved import below, new_dashboard, number_of, saved_by_api
from tests.support.web.visitor import Visit
from tests.wire.web.conftest import OpenWindow

RANGE = {"range": "custom", "from": "2025-03-01", "to": "2025-03-30"}
DATES = {"from_date": "2025-03-01", "to_date": "2025-03-30", "interval": "30"}
QUESTIONS: dict[str, dict[str, str]] = {
    "funnels": {"event1": "Product viewed", "event2": "Order placed", "where1": "device", "is1": "is",
                "value1": "phone", "whose1": "event", "window": "3", **RANGE},
    "retention": {"event1": "Signed up", "unit": "week", "periods": "2", **RANGE},
    "flows": {"event1": "Added to cart", "before": "1", "hide": "Page viewed", **RANGE},
}  # fmt: skip


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    [made] = make_projects(1)
    load_demo_shop(server, made)
    return made


def numbers(type: str, answer: Any) -> list[Any]:
    """The numbers of an answer of the API, as the page's CSV has them."""
    match type:
        case "funnels":
            [found] = answer["data"].values()
            return [each["count"] for each in found["steps"]]
        case "retention":
            return [count for row in answer.values() for count in row["counts"]]
    return [int(flow["totalCount"]) for flow in answer["flows"]]


def of_page(type: str, visit: Visit, project: Project, fields: dict[str, str]) -> list[int]:
    rows = csv_rows(visit, address(project, f"/{type}/csv", **fields))
    column = {"funnels": "came", "retention": "came back", "flows": "flows"}[type]
    return [int(row[column]) for row in rows if row.get("began") != "mean"]


def asked_by_id(type: str, number: int) -> tuple[str, dict[str, Any]]:
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "funnels": ("funnels", {"funnel_id": number, **DATES}),
        "retention": ("retention", {"bookmark_id": number}),
        "flows": ("arb_funnels", {"bookmark_id": number, "query_type": "flows_top_paths"}),
    }
    return asked[type]


@pytest.mark.parametrize("type", QUESTIONS)
def test_a_report_is_saved_opened_and_replaced(
    server: Server, windows: OpenWindow, session: dict[str, str], project: Project, admin: Visit, type: str
) -> None:
    window, question, name = windows(), QUESTIONS[type], f"My {type}"
    window.take_cookies(session)
    window.open(address(project, f"/{type}", **question))
    window.fill("Name of the report", name)
    window.press("Save")
    window.until(lambda: "The report is saved." in window.text())
    assert f"Saved report {name}" in window.text() and f"/{type}?" in window.path
    [made] = [each for each in saved_by_api(server, project) if each["name"] == name]
    assert made["type"] == type
    path, parameters = asked_by_id(type, made["id"])
    found, shown = numbers(type, report(server, project, path, **parameters)), of_page(type, admin, project, question)
    # The picture of flows, which is what is saved, has fewer events than the table has paths.
    assert found == shown[: len(found)] and any(found)

    window.open(address(project, "/reports"))
    window.follow(name)
    window.until(lambda: "Saved report" in window.text())
    assert window.violations() == []
    window.wait(window.page.get_by_label("Custom to", exact=True).fill("2025-03-20"))
    window.press("Show")
    window.until(lambda: "to=2025-03-20" in window.path)
    window.press(f"Replace {name}")
    window.until(lambda: "The report has the question that you chose." in window.text())
    params = str(saved_by_api(server, project, below=f"/{made['id']}")["params"])
    assert "2025-03-20" in params and "2025-03-30" not in params
    assert window.complaints == []


@pytest.mark.parametrize("type", QUESTIONS)
def test_an_unfinished_question_is_not_saved(project: Project, admin: Visit, type: str) -> None:
    fields = {"type": type, "question": urlencode({"event2": "Order placed"}), "name": "x", "description": ""}
    assert admin.post(f"/app/projects/{project.project_id}/reports/save", fields).status == 400


def test_dashboards_show_them(project: Project, admin: Visit) -> None:
    made = []
    for type, asked in QUESTIONS.items():
        fields = {"type": type, "name": type, "description": "", "question": urlencode(asked)}
        made.append(number_of(admin.post(below(project, "/reports/save"), fields)))
    board = new_dashboard(admin, project, "All kinds", *made)
    for type, number in zip(QUESTIONS, made, strict=True):
        card = admin.get(below(project, f"/dashboards/{board}/cards/{number}")).body.decode()
        assert 'class="chart"' in card and 'class="note wrong"' not in card, type
        first = of_page(type, admin, project, QUESTIONS[type])[0]
        assert type != "funnels" or f">{first} (100.0\u202f%)<" in card
    page = admin.get(below(project, f"/dashboards/{board}?complete=1")).body.decode()
    assert "1. Product viewed" in page and "Week 0" in page and "Added to cart, 1 before" not in page
    assert page.count('class="chart"') == len(QUESTIONS)


def test_a_funnel_that_no_form_can_hold_is_shown_with_the_reason(
    server: Server, project: Project, admin: Visit
) -> None:
    steps = [{"type": "event", "name": name} for name in ("Product viewed", "Order placed")]
    behavior = {"type": "funnel", "behaviors": steps, "aggregateBy": [{"value": "device"}], "resourceType": "events"}
    sections = {
        "show": [{"type": "metric", "behavior": behavior, "measurement": {"math": "conversion_rate_unique"}}],
        "time": [{"dateRangeType": "between", "unit": "day", "value": [RANGE["from"], RANGE["to"]]}],
    }
    params = {"sections": sections, "displayOptions": {"chartType": "funnel-steps"}}
    body = {"name": "Same device", "type": "funnels", "params": params}
    made = saved_by_api(server, project, "POST", body=body)
    page = admin.get(below(project, f"/reports/{made['id']}")).body.decode()
    assert "the form has no field for sections.show.0.behavior" in page
    came = numbers("funnels", report(server, project, "funnels", funnel_id=made["id"], **DATES))
    assert came[-1] > 0 and f">{came[0]} (100.0\u202f%)<" in page and f">{came[1]} (" in page


@pytest.mark.parametrize("type", ["funnels", "retention", "flows"])
def test_a_definition_of_another_type_spoils_its_own_card_alone(
    server: Server, project: Project, admin: Visit, type: str
) -> None:
    metrics = [{"behavior": {"type": "event", "name": "Order placed"}, "measurement": {"math": "total"}}] * 2
    time = [{"dateRangeType": "between", "unit": "day", "value": [RANGE["from"], RANGE["to"]]}]
    trend = {"sections": {"show": metrics, "time": time}, "displayOptions": {"chartType": "line"}}
    funnel = {"type": "funnel", "behaviors": [{"type": "event", "name": "Order placed"}] * 2}
    other = {
        "sections": {"show": [{"behavior": funnel, "measurement": {"math": "conversion_rate_unique"}}], "time": time},
        "displayOptions": {"chartType": "funnel-steps"},
    }
    wrong = [trend, {**trend, "sections": {"show": metrics[:1], "time": time}}]
    wrong += [other] if type == "retention" else []
    made = [
        saved_by_api(server, project, "POST", body={"name": f"Wrong {number}", "type": type, "params": params})["id"]
        for number, params in enumerate(wrong)
    ]
    fields = {"type": "flows", "name": "Right", "description": "", "question": urlencode(QUESTIONS["flows"])}
    right = number_of(admin.post(below(project, "/reports/save"), fields))
    board = new_dashboard(admin, project, f"Wrong {type}", *made, right)
    page = admin.get(below(project, f"/dashboards/{board}?complete=1"))
    assert page.status == 200 and page.body.decode().count('class="chart"') == 1
    for number in made:
        for path in (f"/reports/{number}", f"/reports/{number}?view=result", f"/dashboards/{board}/cards/{number}"):
            assert admin.get(below(project, path)).status == 200, path
