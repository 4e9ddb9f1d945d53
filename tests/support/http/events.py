"""Short ways to send events in tests that need several requests in a row."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.http.encodings import JSON
from tests.support.http.exchange import Reply, Request
from tests.support.server import Project, Server, basic


def record(project: Project, name: str = "signed up", **properties: Any) -> dict[str, Any]:
    """An event of now by user-1; a property named `insert_id` stands for `$insert_id`, None leaves one out."""
    known = {"token": project.token, "time": int(time.time()), "distinct_id": "user-1"}
    named = {("$insert_id" if key == "insert_id" else key): value for key, value in properties.items()}
    merged = {**known, **named}
    return {"event": name, "properties": {key: value for key, value in merged.items() if value is not None}}


def linking(project: Project, name: str, **ids: Any) -> dict[str, Any]:
    """A request to link ids as SDKs of servers send it: with nothing but the ids."""
    return {"event": name, "properties": {"token": project.token, **ids}}


def track(server: Server, records: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
    """POST /track, which must answer `1`."""
    reply = server.ask(Request("POST", f"{server.prefix}/track", (JSON,), json.dumps(records).encode()))
    assert (reply.status, reply.body) == (200, b"1"), reply


def import_strict(server: Server, project: Project, records: Any, flags: str = "") -> Reply:
    """POST /import?strict=1 with the project's secret."""
    headers = (JSON, basic(project.secret))
    return server.ask(Request("POST", f"/import?strict=1{flags}", headers, json.dumps(records).encode()))


def import_numbered(server: Server, project: Project, records: Sequence[dict[str, Any]], *again: int) -> None:
    """Import records with `$insert_id` `event-0`, `event-1`, … where they have none, those at the places `again` twice.
    Return when they can be queried."""
    for number, each in enumerate(records):
        each["properties"].setdefault("$insert_id", f"event-{number}")
    import_all(server, project, [*records, *(records[place] for place in again)])
    server.wait_loaded()


def import_all(server: Server, project: Project, records: Sequence[Mapping[str, Any]]) -> None:
    """The same, where every record must be imported."""
    reply = import_strict(server, project, records)
    assert reply.body == f'{{"code":200,"num_records_imported":{len(records)},"status":"OK"}}'.encode(), reply
