"""Requests that set profiles, and wait for them."""

import json
from collections.abc import Mapping
from typing import Any

from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.server import Project, Server


def set_profiles(server: Server, project: Project, profiles: Mapping[str, Mapping[str, Any]]) -> None:
    """Set properties of the profiles of some ids. Return when they can be queried."""
    updates = [{"$token": project.token, "$distinct_id": id, "$set": each} for id, each in profiles.items()]
    reply = server.ask(Request("POST", "/engage?strict=1", (JSON,), json.dumps(updates).encode()))
    assert reply.status == 200, reply
    server.wait_loaded()
