"""Events as a client sends them, and what a project's reports see of them: each once, with its person."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tests.support.http.encodings import JSON
from tests.support.http.events import import_all
from tests.support.http.exchange import Request
from tests.support.report_model.clock import Clock
from tests.support.report_model.project_events import NO_PERSON, UTC, Event, ProjectEvents
from tests.support.server import Project, Server
from trackway.query.expressions import Value, from_json

REQUEST_RECORDS_MAX = 2000


class Sent(NamedTuple):
    """An event as it is sent. `ids`: `distinct_id`, or `$device_id` and `$user_id`; `own`: the other properties."""

    name: str
    time_ms: int
    insert_id: str
    ids: Mapping[str, str]
    own: Mapping[str, Any] = {}

    @property
    def link(self) -> tuple[str, str] | None:
        """The device and the user that the event says are one person."""
        if self.name == "$identify":
            return self.ids["$anon_distinct_id"], self.ids["distinct_id"]
        return (self.device, user) if self.device and (user := self.ids.get("$user_id")) else None

    @property
    def stored_id(self) -> str:
        """The id that the event is stored under in simplified mode."""
        if user := self.ids.get("$user_id"):
            return user
        return self.device or self.ids.get("distinct_id", NO_PERSON)

    @property
    def device(self) -> str:
        """The device's id as a `distinct_id`, or nothing."""
        device = self.ids.get("$device_id")
        return f"$device:{device}" if device else ""

    def record(self, token: str) -> dict[str, Any]:
        """The record for `/import`."""
        common = {"token": token, "time": self.time_ms, "$insert_id": self.insert_id}
        return {"event": self.name, "properties": {**self.own, **self.ids, **common}}


def load(server: Server, project: Project, sent: Sequence[Sent]) -> None:
    """Import events in their order, and wait until they can be queried."""
    records = [each.record(project.token) for each in sent]
    for begin in range(0, len(records), REQUEST_RECORDS_MAX):
        import_all(server, project, records[begin : begin + REQUEST_RECORDS_MAX])
    server.wait_loaded()


def set_profiles(server: Server, project: Project, profiles: Mapping[str, Mapping[str, Any]]) -> None:
    """Set the properties of users, by id."""
    records = [{"$token": project.token, "$distinct_id": id, "$set": own} for id, own in profiles.items()]
    reply = server.ask(Request("POST", "/engage", (JSON,), json.dumps(records).encode()))
    assert reply.body == b"1", reply


def seen(
    sent: Iterable[Sent], clock: Clock = UTC, now_ms: int = 0, profiles: Mapping[str, Mapping[str, Any]] | None = None
) -> ProjectEvents:
    """What reports see of events that came in this order within a day, in simplified mode: of those with the same name,
    stored id and `$insert_id` the first; a device belongs to the first user that came with it."""
    stored: dict[tuple[str, str, str], Sent] = {}
    user_of: dict[str, str] = {}
    for each in sent:
        stored.setdefault((each.name, each.stored_id, each.insert_id), each)
        if each.link:
            user_of.setdefault(*each.link)
    events = [
        Event(each.name, each.time_ms, user_of.get(each.stored_id, each.stored_id), _values(each), number)
        for number, each in enumerate(stored.values())
    ]
    found = {person: _parsed(properties) for person, properties in (profiles or {}).items()}
    return ProjectEvents(events, clock, now_ms, found)


def _values(sent: Sent) -> Mapping[str, Value]:
    return _parsed({**sent.own, **{name: id for name, id in sent.ids.items() if name != "distinct_id"}})


def _parsed(properties: Mapping[str, Any]) -> Mapping[str, Value]:
    """Values as they are stored: a property that is null is left out."""
    parsed = from_json(json.dumps({name: value for name, value in properties.items() if value is not None}))
    assert isinstance(parsed, Mapping)
    return parsed
