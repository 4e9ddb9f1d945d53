"""Bookmarks as Mixpanel's query SDK sends them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic


def metric(event: str, math: str = "total", of: str = "", *, filters: Sequence[Any] = (), **more: Any) -> Any:
    """A show clause of an event. `more` are further fields of the measurement, and the `name` of the clause."""
    named = {"name": more.pop("name")} if "name" in more else {}
    measurement = {"math": math, **({"property": {"name": of, "resourceType": "events"}} if of else {}), **more}
    behavior = {
        "type": "event",
        "name": event,
        "resourceType": "events",
        "filtersDeterminer": "all",
        "filters": list(filters),
    }
    return {"type": "metric", "behavior": behavior, "measurement": measurement, **named}


def formula(definition: str, operands: Sequence[Any] = (), **more: Any) -> dict[str, Any]:
    """A show clause of a formula."""
    return {
        "type": "formula",
        "definition": definition,
        "measurement": {},
        "referencedMetrics": list(operands),
        **more,
    }


def filtered(name: str, operator: str, value: Any = None, kind: str = "string", **more: Any) -> dict[str, Any]:
    """A filter clause."""
    return {
        "resourceType": "events",
        "filterType": kind,
        "defaultType": kind,
        "filterValue": value,
        "filterOperator": operator,
        "value": name,
        **more,
    }


def grouped(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    """A group clause."""
    return {
        "value": name,
        "propertyName": name,
        "resourceType": "events",
        "propertyType": kind,
        "propertyDefaultType": kind,
        **more,
    }


def bookmark(
    *show: Mapping[str, Any],
    days: Sequence[str] = ("2025-03-01", "2025-03-03"),
    unit: str = "day",
    filters: Sequence[Any] = (),
    groups: Sequence[Any] = (),
    chart: str = "line",
    **display: Any,
) -> dict[str, Any]:
    """A whole bookmark."""
    time = {"dateRangeType": "between", "unit": unit, "value": list(days)}
    return {
        "sections": {"show": list(show), "time": [time], "filter": list(filters), "group": list(groups)},
        "displayOptions": {"chartType": chart, "analysis": "linear", **display},
    }


def save_report(server: Server, project: Project, kind: str, params: Mapping[str, Any]) -> int:
    """The id of a report that is saved by the project's secret."""
    body = json.dumps({"name": "Saved", "type": kind, "params": params}).encode()
    target = f"/api/app/projects/{project.project_id}/bookmarks"
    reply = server.ask(Request("POST", target, (basic(project.secret), JSON), body))
    return int(json.loads(reply.body)["results"]["id"])
