"""Files of events against a real store: where the bound of a table lies, and what counts as an export."""

import asyncio
import csv
import io
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
from trackway.web.event_files import EventsFile, FileParts, Format, check_columns

MINE = 7
PROJECT = Project(MINE, "test", "t" * 32, "s" * 32, "us", 0)
BOUND = 3
HOURLY = 2


class Arrivals:
    """The events table, filled row by row."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def insert(self, insert_id: str, received_us: int = 2, properties: str = "{}") -> None:
        row = {
            "project_id": MINE, "time": "2025-03-01 10:00:00.000", "event": "seen", "distinct_id": "ann",
            "insert_id": insert_id, "endpoint": 1, "received": f"2025-03-01 10:00:01.{received_us:06}",
            "properties": properties,
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
    for name in ("EVENT_TABLE_EVENTS_MAX", "EVENT_CSV_EVENTS_MAX", "EVENT_CSV_COLUMNS_MAX"):
        monkeypatch.setattr(event_files, name, BOUND)


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


@pytest.mark.parametrize(("format", "begin"), [(Format.TABLE, b"PAR1"), (Format.CELLS, b"event,time,")])
def test_a_table_ends_at_its_bound_with_a_reason(
    store: Store, arrivals: Arrivals, rates: RateLimits, format: Format, begin: bytes
) -> None:
    for number in range(BOUND):
        arrivals.insert(insert_id=f"id-{number}")
    arrivals.insert(insert_id="id-0", received_us=1)  # a copy is no further event
    status, table = sent(store, rates, format)
    assert status == 200 and table.startswith(begin)
    arrivals.insert(insert_id="another")
    with pytest.raises(RequestError, match=f"at most {BOUND} events, and more match: choose fewer days") as error:
        sent(store, rates, format)
    assert error.value.status == 400


def test_the_most_frequent_properties_have_columns_and_others_are_json(
    store: Store, arrivals: Arrivals, rates: RateLimits
) -> None:
    arrivals.insert("id-0", properties='{"a":1,"b":"x","c":null,"rare":[1,"\\u2028"],"time":"own","big":1.5e30}')
    arrivals.insert("id-1", properties='{"a":2,"b":"y","c":true,"other_properties":7}')
    arrivals.insert("id-2", properties='{"a":3,"b":"z"}')
    _, body = sent(store, rates, Format.CELLS)
    rows = {row["insert_id"]: row for row in csv.DictReader(io.StringIO(body.decode(), newline=""))}
    assert [*rows["id-0"]][-4:] == ["a", "b", "c", "other_properties"]
    assert [[*row.values()][-4:-1] for _, row in sorted(rows.items())] == [
        ["1", "x", ""], ["2", "y", "true"], ["3", "z", ""],
    ]  # fmt: skip
    others = [rows[f"id-{number}"]["other_properties"] for number in range(BOUND)]
    assert json.loads(others[0]) == {"rare": [1, "\u2028"], "time": "own", "big": 1.5e30}
    assert (json.loads(others[1]), others[2]) == ({"other_properties": 7}, "")


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([str(each) for each in range(BOUND + 1)], f"at most {BOUND} properties"),
        (["x" * 9000], "more than 8,192 bytes"),
    ],
)
def test_columns_are_bounded(names: list[str], reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        check_columns(names)
    assert check_columns(["time", "a", "other_properties", "a"]) == ["a"]


def test_names_that_are_too_long_for_a_question_stay_in_the_last_column(
    store: Store, arrivals: Arrivals, rates: RateLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_files, "EVENT_CSV_COLUMNS_BYTES_MAX", 10)
    arrivals.insert("id-0", properties='{"a":1,"long name":2}')
    _, body = sent(store, rates, Format.CELLS)
    assert (body.count(b"\n"), b"\r" in body) == (2, False), "all lines end alike"
    [row] = csv.DictReader(io.StringIO(body.decode(), newline=""))
    assert [*row.items()][-2:] == [("a", "1"), ("other_properties", '{"long name":2}')]


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
