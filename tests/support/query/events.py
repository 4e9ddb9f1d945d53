"""The events table, filled through the rules of `/import` and read through the export."""

import json
from datetime import UTC, date, datetime
from typing import Any

from tests.support.ingest.bodies import ALPHA, PROJECTS, dumps, record
from tests.support.store.questions import pieces, readers_of
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import decode_entries
from trackway.ingest.arrival import Arrival
from trackway.ingest.request import ingest_events
from trackway.ingest.split import split_json
from trackway.loader.placed import Placed
from trackway.loader.statements import insert_events
from trackway.query.export import ExportQuery, export_lines
from trackway.query.sql.person import Known
from trackway.store.client import Store

DAY = date(2026, 2, 28)
NOON_MS = int(datetime(2026, 2, 28, 12, tzinfo=UTC).timestamp()) * 1000
RECEIVED_US = NOON_MS * 1000 + 86_400_000_000
ALL = ExportQuery(ALPHA.project_id, date(1970, 1, 1), date(2199, 12, 31), None, None, False, True)
ALL_KNOWN = Known(links=True, refusals=True, conflicts=True)


def insert_payload(store: Store, payload: bytes, position: int = 0) -> None:
    """Store the events of a payload as a loader does, which read it at a position of its journal."""
    insert_events(store, [Placed(position, entry, 1) for entry in decode_entries(payload)])


class Events:
    """The events table, filled through the rules of `/import`."""

    def __init__(self, store: Store):
        self.store = store

    def insert(
        self, *events: dict[str, Any], received_us: int = RECEIVED_US, endpoint: Endpoint = Endpoint.IMPORT
    ) -> None:
        """Store events as one insert, which makes one part a month."""
        self.insert_text(*map(dumps, events), received_us=received_us, endpoint=endpoint)

    def insert_text(self, *events: bytes, received_us: int = RECEIVED_US, endpoint: Endpoint = Endpoint.IMPORT) -> None:
        """The same for events whose JSON is written as it stands here."""
        project = ALPHA if endpoint is Endpoint.IMPORT else None
        arrival = Arrival(endpoint=endpoint, received_us=received_us, find_project=PROJECTS.get, project=project)
        ingested = ingest_events(split_json(b"[" + b",".join(events) + b"]"), arrival)
        assert ingested.failures == []
        insert_payload(self.store, ingested.payload)

    def export(self, **changes: Any) -> list[dict[str, Any]]:
        """The exported lines, parsed, by time and insert_id."""
        content = b"".join(pieces(export_lines(readers_of(self.store).exports, ALL._replace(**changes))))
        assert not content or content.endswith(b"}\n")
        lines = [json.loads(line) for line in content.split(b"\n")[:-1]]
        return sorted(lines, key=lambda line: (line["properties"]["time"], line["properties"]["$insert_id"]))

    def exported_ids(self, **changes: Any) -> list[str]:
        return [line["properties"]["$insert_id"] for line in self.export(**changes)]


def event(insert_id: str, time_ms: int = NOON_MS, name: str = "a", **properties: Any) -> dict[str, Any]:
    return record({"$insert_id": insert_id, "time": time_ms} | properties, name=name)
