"""Ways to ask a report of a server."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from tests.support.http.encodings import JSON
from tests.support.http.exchange import Reply, Request
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import everywhere
from tests.support.waiting import wait_until

FACTS_S_MAX = 600
"""The compactor takes turns, some 0.8 s for each new project of an idle server and more beside a load. A server that
all tests share has five hundred projects, and the newest comes last."""


def ask_report(server: Server, project: Project, path: str, **parameters: Any) -> Reply:
    """The reply to GET /api/query/… with the project's secret; a list or an object goes as JSON."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    target = f"{server.prefix}/api/query/{path}?{urlencode(texts)}"
    return server.ask(Request("GET", target, (basic(project.secret),)))


def report(server: Server, project: Project, path: str, **parameters: Any) -> Any:
    """The answer to the same, which must be a 200."""
    reply = ask_report(server, project, path, **parameters)
    assert reply.status == 200, reply
    return json.loads(reply.body)


def post_report(server: Server, project: Project, path: str, body: Any) -> Reply:
    """The reply to the same by POST, with a JSON body."""
    headers = (basic(project.secret), JSON)
    return server.ask(Request("POST", f"{server.prefix}/api/query/{path}", headers, json.dumps(body).encode()))


def wait_for_facts(server: Server, project: Project) -> None:
    """Return when reports of the project read facts."""
    asked = {"event": "a", "from_date": "2025-03-01", "to_date": "2025-03-01", "explain": "sql"}

    def reads_facts() -> bool:
        [statement] = report(server, project, "segmentation", **asked)["statements"]
        return "FROM facts" in statement["sql"]

    wait_until(reads_facts, FACTS_S_MAX, lambda: "the facts are not complete")


def at(text: str, zone: str = "UTC") -> int:
    """The instant that a text spells in a zone, in milliseconds since the epoch."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def values(answer: Any) -> dict[str, list[float]]:
    """The values of each series, in order; a series must have all buckets, in order."""
    assert list(answer) == ["data", "legend_size"]
    assert answer["legend_size"] == len(answer["data"]["values"])
    assert all(list(points) == answer["data"]["series"] for points in answer["data"]["values"].values())
    return {name: [*points.values()] for name, points in answer["data"]["values"].items()}


def move_zone(server: Server, project: Project, zone: str) -> None:
    """Move a project to a zone that is never UTC, which every edge process knows at return."""
    server.projects.change_settings(project.project_id, time_zone=zone)
    asked = {"event": "a", "from_date": "2025-03-01", "to_date": "2025-03-01", "explain": "sql"}

    def known() -> bool:
        [statement] = report(server, project, "segmentation", **asked)["statements"]
        return "zone_offset" in statement["parameters"]

    assert everywhere(known)
