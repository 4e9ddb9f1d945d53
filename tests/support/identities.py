"""Links that a server's identity API shows, and events that ask for them."""

import json
import time
import uuid
from typing import Any

from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic

JSON = ("Content-Type", "application/json")


def send(server: Server, project: Project, *events: dict[str, Any], endpoint: str = "/import?strict=1") -> None:
    """Import events, each a dict of ids and perhaps `event`."""
    common = {"time": time.time() - 60, "token": project.token}
    records = [
        {
            "event": each.get("event", "Seen"),
            "properties": {name: value for name, value in each.items() if name != "event"}
            | common
            | {"$insert_id": uuid.uuid4().hex},
        }
        for each in events
    ]
    request = Request("POST", endpoint, (basic(project.secret), JSON), json.dumps(records).encode())
    reply = server.ask(request)
    assert reply.status == 200, reply


def device(name: str, user: str = "") -> dict[str, Any]:
    return {"$device_id": name} | ({"$user_id": user} if user else {})


def people(server: Server, project: Project, count: int) -> list[str]:
    return sorted(line["properties"]["distinct_id"] for line in server.export_when(project, count))
