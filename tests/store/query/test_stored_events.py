"""The numbers of a project's events by its loads, by its deletions, and by its rows."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.ingest.bodies import ALPHA, BETA
from tests.support.query.events import NOON_MS, Events, event
from tests.support.store.questions import readers_of
from tests.support.store.tables import emptied
from trackway.query.stored_events import Removed, StoredEvents, aged_events, stored_events
from trackway.store.client import Store

DAY_US = 86_400_000_000


def asked(store: Store, question: Callable[..., Awaitable[Any]]) -> Any:
    async def ask() -> Any:
        return await question(readers_of(store).reports, ALPHA.project_id)

    return asyncio.run(ask())


def load(store: Store, records: int, **changes: Any) -> None:
    """What the loader writes of a batch."""
    row = {
        "from_position": 1, "to_position": 100, "loaded": 0, "project_id": ALPHA.project_id, "minute": 0, "endpoint": 1,
        "outcome": "stored", "reason": "", "records": records,
    } | changes  # fmt: skip
    store.insert_rows("loads", tuple(row), json.dumps(row).encode(), "JSONEachRow")


@pytest.fixture
def events(store: Store) -> Events:
    for table in ("events", "loads"):
        emptied(store, table)
    return Events(store)


def test_events_are_counted_once_with_those_that_may_have_replaced_others(events: Events) -> None:
    events.insert(event("on-time"), event("late"), received_us=NOON_MS * 1000)
    events.insert(event("late"), received_us=NOON_MS * 1000 + DAY_US)
    load(events.store, 3)
    assert asked(events.store, stored_events) == StoredEvents(3, 2, 1)


def test_only_stored_events_of_the_project_count(events: Events) -> None:
    events.insert(event("one"), received_us=NOON_MS * 1000)
    load(events.store, 1)
    load(events.store, 5, outcome="duplicate")
    load(events.store, 5, endpoint=3)
    load(events.store, 5, project_id=BETA.project_id)
    found = asked(events.store, stored_events)
    assert found == StoredEvents(1, 1, 0) and found.fault(0) == ""


def test_aged_events_count_once_their_deletion_is_done(events: Events) -> None:
    store = events.store
    assert asked(store, aged_events) == Removed(0, False)
    rows = [
        (7, "events", 1, "202601", 4),
        (7, "events", 1, "202601", 3),
        (7, "profiles", 1, "", 9),
        (8, "events", 1, "", 5),
    ]
    store.command(f"INSERT INTO aged_rows (project_id, place, sequence, partition, `rows`) VALUES {str(rows)[1:-1]}")
    store.command("INSERT INTO event_ages (project_id, sequence) VALUES (7, 1)")
    assert asked(store, aged_events) == Removed(4, True)
    store.command("INSERT INTO event_ages (project_id, sequence) VALUES (7, 2)")
    assert asked(store, aged_events) == Removed(4, False)
