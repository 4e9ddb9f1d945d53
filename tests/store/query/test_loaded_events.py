"""Events by positions against a real store: each is in one range, and copies do not count twice."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import Any

import pytest

from tests.support.store.questions import readers_of
from tests.support.store.tables import emptied
from trackway.query.loaded_events import DayCount, Form, LoadedDays, LoadedRange, loaded_days, loaded_events
from trackway.store.client import Store

MINE, THEIRS = 7, 8


@pytest.fixture
def filled(store: Store) -> Store:
    for table in ("events", "loads"):
        emptied(store, table)
    for number, (day, position, received, project) in enumerate(
        [("01", 0, 1, MINE), ("01", 5, 1, MINE), ("02", 9, 1, MINE), ("01", 12, 1, MINE), ("01", 6, 1, THEIRS)]
    ):
        insert(store, f"id-{number}", day, position, received, project)
    cursor = {"from_position": 0, "to_position": 12, "project_id": MINE, "records": 0}
    store.insert_rows("loads", [*cursor], json.dumps(cursor).encode(), "JSONEachRow")
    return store


def insert(store: Store, insert_id: str, day: str, position: int, received: int, project: int = MINE) -> None:
    row = {
        "project_id": project, "time": f"2025-03-{day} 10:00:00.123", "event": "seen", "distinct_id": "ann",
        "insert_id": insert_id, "endpoint": 1, "received": f"2025-03-05 10:00:0{received}", "properties": '{"a":"é"}',
        "position": position,
    }  # fmt: skip
    store.insert_rows("events", [*row], json.dumps(row).encode(), "JSONEachRow")


def days(store: Store, begin: int, end: int | None = None) -> LoadedDays:
    return asyncio.run(loaded_days(readers_of(store).api, MINE, begin, end, []))


def ids(store: Store, begin: int, end: int, day: int, names: list[str] | None = None) -> list[str]:
    return sorted(each["insert_id"] for each in rows(store, LoadedRange(MINE, begin, end, names or []), day))


def rows(store: Store, wanted: LoadedRange, day: int, form: Form = Form.ROWS) -> list[dict[str, Any]]:
    async def read(opening: AbstractAsyncContextManager[Any]) -> bytes:
        async with opening as blocks:
            return b"".join([block async for block in blocks])

    opening = loaded_events(readers_of(store).exports, wanted, date(2025, 3, day), form)
    return [json.loads(line) for line in asyncio.run(read(opening)).splitlines()]


def test_a_range_ends_at_the_cursor_and_has_the_days_of_its_events(filled: Store) -> None:
    assert days(filled, 0) == LoadedDays(12, [DayCount("2025-03-01", 2), DayCount("2025-03-02", 1)])
    assert days(filled, 5) == LoadedDays(12, [DayCount("2025-03-01", 1), DayCount("2025-03-02", 1)])
    assert days(filled, 12) == LoadedDays(12, [])
    assert days(filled, 0, 9) == LoadedDays(9, [DayCount("2025-03-01", 2)])


def test_each_event_is_in_one_range(filled: Store) -> None:
    assert ids(filled, 0, 9, 1) == ["id-0", "id-1"]
    assert ids(filled, 9, 13, 1) == ["id-3"] and ids(filled, 9, 13, 2) == ["id-2"]
    assert ids(filled, 0, 13, 1, ["other"]) == [] and ids(filled, 0, 13, 1, ["seen", "other"]) != []


def test_an_event_that_came_again_is_in_the_later_range_only(filled: Store) -> None:
    insert(filled, "id-1", "01", 11, 2)
    assert ids(filled, 0, 9, 1) == ["id-0"]
    assert ids(filled, 9, 12, 1) == ["id-1"]
    assert ids(filled, 0, 12, 1) == ["id-0", "id-1"]


def test_a_row_has_every_column_and_a_line_is_that_of_the_raw_export(filled: Store) -> None:
    [row] = rows(filled, LoadedRange(MINE, 5, 6), 1)
    loaded_ms = int(row.pop("loaded_ms"))
    assert {name: int(value) if name in ("time_ms", "received_us") else value for name, value in row.items()} == {
        "event": "seen", "time_ms": 1_740_823_200_123, "distinct_id": "ann", "distinct_id_before_identity": "ann",
        "device_id": "", "user_id": "", "insert_id": "id-1", "endpoint": "/track",
        "received_us": 1_741_168_801_000_000, "properties": '{"a":"é"}',
    }  # fmt: skip
    [line] = rows(filled, LoadedRange(MINE, 5, 6), 1, Form.LINES)
    assert (line["event"], line["properties"]["a"], line["properties"]["mp_processing_time_ms"]) == (
        "seen",
        "é",
        loaded_ms,
    )
