"""Files of events against a real store: where the bound of a table lies, and what counts as an export."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.store.questions import readers_of
from tests.support.store.tables import emptied
from trackway.domain.errors import RequestError
from trackway.edge.quotas.rate_limits import RateLimits
from trackway.projects.project import Project
from trackway.query.filtered_events import find
from trackway.query.sql.event_filter import EventFilter
from trackway.settings.table import Settings
from trackway.store.client import Store
from trackway.web import event_files
from trackway.web.event_files import EventsFile, FileParts, Format

MINE = 7
PROJECT = Project(MINE, "test", "t" * 32, "s" * 32, "us", 0)
BOUND = 3
HOURLY = 2


class Arrivals:
    """The events table, filled row by row."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def insert(self, insert_id: str, received_us: int = 2) -> None:
        row = {
            "project_id": MINE, "time": "2025-03-01 10:00:00.000", "event": "seen", "distinct_id": "ann",
            "insert_id": insert_id, "endpoint": 1, "received": f"2025-03-01 10:00:01.{received_us:06}",
            "properties": "{}",
        }  # fmt: skip
        self._store.insert_rows("events", [*row], json.dumps(row).encode(), "JSONEachRow")


@pytest.fixture
def arrivals(store: Store) -> Arrivals:
    emptied(store, "events")
    return Arrivals(store)


@pytest.fixture
def rates(tmp_path: Path) -> RateLimits:
    return RateLimits(tmp_path / "rates", 0, Settings(workers=1, export_requests_per_hour=HOURLY))


@pytest.fixture(autouse=True)
def bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_files, "EVENT_TABLE_EVENTS_MAX", BOUND)


def sent(store: Store, rates: RateLimits, format: Format, method: str = "GET") -> tuple[int, bytes]:
    """The status and the body of a file of all events of the project."""
    messages: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        messages.append(message)

    async def receive() -> Any:
        await asyncio.sleep(60)

    async def run() -> None:
        parts = FileParts(readers_of(store).exports, rates)
        reply = EventsFile(parts, PROJECT, format, lambda reader: find(reader, MINE, EventFilter()))
        await reply({"type": "http", "method": method, "headers": []}, receive, send)

    asyncio.run(run())
    return messages[0]["status"], b"".join(each.get("body", b"") for each in messages[1:])


def test_a_table_ends_at_its_bound_with_a_reason_and_lines_do_not(
    store: Store, arrivals: Arrivals, rates: RateLimits
) -> None:
    for number in range(BOUND):
        arrivals.insert(insert_id=f"id-{number}")
    arrivals.insert(insert_id="id-0", received_us=1)  # a copy is no further event
    status, table = sent(store, rates, Format.TABLE)
    assert (status, table[:4], table[-4:]) == (200, b"PAR1", b"PAR1")
    arrivals.insert(insert_id="another")
    with pytest.raises(RequestError, match=f"at most {BOUND} events, and more match: choose fewer days") as error:
        sent(store, rates, Format.TABLE)
    assert error.value.status == 400


def test_lines_have_no_bound(store: Store, arrivals: Arrivals, rates: RateLimits) -> None:
    for number in range(BOUND + 1):
        arrivals.insert(insert_id=f"id-{number}")
    status, lines = sent(store, rates, Format.LINES)
    assert (status, lines.count(b"\n")) == (200, BOUND + 1)


def test_a_file_counts_as_an_export_and_a_head_as_none(store: Store, arrivals: Arrivals, rates: RateLimits) -> None:
    arrivals.insert(insert_id="id")
    assert sent(store, rates, Format.TABLE, "HEAD") == (200, b"")
    for _ in range(HOURLY):
        assert sent(store, rates, Format.LINES)[0] == 200
    with pytest.raises(RequestError) as error:
        sent(store, rates, Format.LINES)
    assert error.value.status == 429
    assert all(use.used == 0 for use in rates.uses(PROJECT) if use.limit == "export_concurrent_max")
