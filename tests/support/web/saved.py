"""Saved reports and dashboards, made as pages and clients of the API make them."""

import json
import re
from typing import Any
from urllib.parse import urlencode

from tests.support.http.encodings import JSON
from tests.support.http.exchange import Reply, Request
from tests.support.server import Project, Server, basic
from tests.support.web.visitor import Visit

ACTIVE: dict[str, Any] = {
    "sections": {
        "show": [
            {
                "behavior": {"type": "event", "name": "Order placed", "resourceType": "events"},
                "measurement": {"math": "wau"},
            }
        ],
        "time": [{"dateRangeType": "between", "unit": "week", "value": ["2025-03-01", "2025-03-30"]}],
    },
    "displayOptions": {"chartType": "line"},
}
"""A question that the form of Trends has no field for."""


def below(project: Project, path: str = "") -> str:
    return f"/app/projects/{project.project_id}{path}"


def saved_by_api(server: Server, project: Project, method: str = "GET", below: str = "", body: Any = None) -> Any:
    """The results of a request for bookmarks, which must be answered."""
    path = f"/api/app/projects/{project.project_id}/bookmarks{below}"
    reply = server.ask(Request(method, path, (JSON, basic(project.secret)), json.dumps(body).encode() if body else b""))
    assert reply.status in (200, 201), reply
    return json.loads(reply.body)["results"]


def save(visit: Visit, project: Project, name: str, **question: Any) -> Reply:
    """The reply to the form that saves a trend."""
    fields = {"type": "insights", "name": name, "question": urlencode(question, doseq=True)}
    return visit.post(below(project, "/reports/save"), fields)


def number_of(reply: Reply) -> int:
    """The id of the saved report or dashboard that a form leads to."""
    assert reply.status == 303, reply
    found = re.search(r"/(?:reports|dashboards)/([0-9]+)", dict(reply.headers)["location"])
    assert found
    return int(found[1])


def new_dashboard(visit: Visit, project: Project, name: str, *reports: int) -> int:
    """The id of a new dashboard of some reports."""
    number = number_of(visit.post(below(project, "/dashboards/create"), {"name": name}))
    for report_id in reports:
        reply = visit.post(below(project, f"/dashboards/{number}/add"), {"report": str(report_id), "width": "half"})
        assert reply.status == 303, reply
    return number


def numbers_in(page: str) -> list[float]:
    """The figures of the tables of a page."""
    cells = re.findall(r'<td[^>]* class="number">([^<]*)</td>', page)
    return [float(cell.replace("\u202f", "")) for cell in cells]


def annotate(server: Server, project: Project, date: str, description: str) -> None:
    """A new annotation of the project."""
    path, body = f"/api/app/projects/{project.project_id}/annotations", {"date": date, "description": description}
    made = server.ask(Request("POST", path, (JSON, basic(project.secret)), json.dumps(body).encode()))
    assert made.status == 201, made
