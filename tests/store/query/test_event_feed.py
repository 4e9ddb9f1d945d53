"""Events in the order they came, against a real store: pages, filters, what is shown of two copies, what is new."""

import asyncio
import json
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.store.questions import ask
from tests.support.store.tables import emptied
from trackway.domain.link import LinkKind
from trackway.domain.native import string
from trackway.loader.event_block import EVENT_COLUMNS
from trackway.query import event_feed
from trackway.query.event_feed import WINDOW_S, Cursor, ShownEvent, event_at, fresh, newest, read_cursor
from trackway.query.limits import SHOWN_PROPERTIES_BYTES_MAX
from trackway.query.sql.event_filter import EventFilter
from trackway.store.client import Store

NOW_MS = time.time_ns() // 1_000_000
DAY_MS = 86_400_000
MINE, ANOTHERS = 7, 8
ANY = EventFilter()


@dataclass
class Arrivals:
    """The events table, filled row by row with the loading times that a test wants."""

    store: Store
    inserted: int = field(default=0)

    def insert(self, *given: Any, **named: Any) -> str:
        """One event; its insert_id."""
        insert_id, row = self.row(*given, **named)
        self.insert_rows([row])
        return insert_id

    def insert_rows(self, rows: list[bytes]) -> None:
        if rows:
            self.store.insert_rows("events", (*EVENT_COLUMNS, "loaded"), rows)

    def row(
        self,
        name: str = "seen",
        loaded_ms: int = NOW_MS,
        *,
        project_id: int = MINE,
        received_us: int | None = None,
        time_ms: int = NOW_MS,
        distinct_id: str = "ann",
        insert_id: str = "",
        user_id: str = "",
        properties: dict[str, Any] | None = None,
        **named: Any,
    ) -> tuple[str, bytes]:
        """An event's insert_id, and its row."""
        self.inserted += 1
        insert_id = insert_id or f"id-{self.inserted}"
        received_us = (loaded_ms - 500) * 1000 + self.inserted if received_us is None else received_us
        texts = (name, distinct_id, insert_id, "", user_id, json.dumps(named | (properties or {})))
        row = struct.pack("<IqBq", project_id, received_us, 1, time_ms) + b"".join(string(t.encode()) for t in texts)
        row += struct.pack("<Qq", 0, loaded_ms)
        return insert_id, row

    def pages(self, wanted: EventFilter = ANY, rows: int = 3) -> list[list[ShownEvent]]:
        """All pages, one after the other."""
        found, before = [], None
        while True:
            page = ask(self.store, newest, MINE, wanted, before, rows)
            assert not page.is_cut
            found.append(page.events)
            before = page.rest
            if before is None:
                return found

    def ids(self, wanted: EventFilter = ANY) -> list[str]:
        return [event.insert_id for page in self.pages(wanted) for event in page]


@pytest.fixture(scope="module")
def store(store: Store) -> Store:
    store.command("SYSTEM STOP MERGES events")
    return store


@pytest.fixture
def arrivals(store: Store) -> Iterator[Arrivals]:
    yield Arrivals(store)
    for table in ("events", "identity_links"):
        emptied(store, table)


def test_pages_hold_every_event_once_newest_loaded_first(arrivals: Arrivals) -> None:
    ages_ms = [0, 1, 1, 30_000, 30_000, 30_000, 30_000, DAY_MS, 400 * DAY_MS, 4000 * DAY_MS]
    ids = [
        arrivals.insert(loaded_ms=NOW_MS - age, time_ms=NOW_MS - (index % 3) * DAY_MS)
        for index, age in enumerate(ages_ms)
    ]
    found = [event for page in arrivals.pages() for event in page]
    assert sorted(event.insert_id for event in found) == sorted(ids)
    assert [event.cursor for event in found] == sorted((event.cursor for event in found), reverse=True)
    assert [len(page) for page in arrivals.pages()] == [3, 3, 3, 1]


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    ages_s=st.lists(
        st.sampled_from([0, *(WINDOW_S * sum(8**n for n in range(k)) for k in range(1, 8)), 10**9]), max_size=12
    ),
    rows=st.integers(1, 5),
)
def test_any_ages_and_page_sizes_show_every_event_once(store: Store, ages_s: list[int], rows: int) -> None:
    arrivals = Arrivals(store)
    made = [arrivals.row(loaded_ms=NOW_MS - age_s * 1000) for age_s in ages_s]
    ids = [insert_id for insert_id, _ in made]
    arrivals.insert_rows([row for _, row in made])
    try:
        assert sorted(event.insert_id for page in arrivals.pages(rows=rows) for event in page) == sorted(ids)
    finally:
        emptied(store, "events")


def test_what_comes_while_somebody_pages_changes_no_later_page(arrivals: Arrivals) -> None:
    for age_s in range(9):
        arrivals.insert(loaded_ms=NOW_MS - age_s * 1000)
    first = ask(arrivals.store, newest, MINE, ANY, None, 3)
    before = ask(arrivals.store, newest, MINE, ANY, first.rest, 3)
    arrivals.insert("imported", NOW_MS + 1, time_ms=NOW_MS - 3000 * DAY_MS)
    assert ask(arrivals.store, newest, MINE, ANY, first.rest, 3) == before
    assert arrivals.pages()[0][0].event == "imported"


def test_of_two_copies_of_an_event_the_one_received_last_is_shown(arrivals: Arrivals) -> None:
    arrivals.insert(insert_id="same", loaded_ms=NOW_MS - DAY_MS, version=1)
    arrivals.insert(insert_id="same", loaded_ms=NOW_MS, version=2)
    assert [json.loads(event.properties) for page in arrivals.pages(rows=1) for event in page] == [{"version": 2}]
    only_first = EventFilter(properties=[("version", "1")])
    assert arrivals.ids(only_first) == [], "what was replaced is not found by what it said"


def test_an_event_that_a_killed_loader_left_behind_is_shown_once(arrivals: Arrivals) -> None:
    for loaded_ms in (NOW_MS - 1000, NOW_MS):
        arrivals.insert(insert_id="same", loaded_ms=loaded_ms, received_us=NOW_MS * 1000)
    assert arrivals.ids() == ["same"]


def iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat()


CHOSEN: list[tuple[EventFilter, list[str]]] = [
    (EventFilter(event="paid"), ["paid"]),
    (EventFilter(event="Paid"), []),
    (EventFilter(distinct_id="bob"), ["paid"]),
    (EventFilter(properties=[("price", "12.5")]), ["paid"]),
    (EventFilter(properties=[("text", "12.5")]), ["quoted"]),
    (EventFilter(properties=[("fine", "true")]), ["quoted"]),
    (EventFilter(properties=[("price", "")]), ["paid"]),
    (EventFilter(properties=[("price", "12.5"), ("text", "")]), []),
    (EventFilter(properties=[("na\"me\\ '; --", "ü\n\u2028 {x:String} </script>")]), ["odd"]),
    (EventFilter(properties=[("$insert_id", "odd")]), ["odd"]),
    (EventFilter(properties=[("$time", iso(NOW_MS - 5 * DAY_MS))]), ["old"]),
    (EventFilter(properties=[("time", str((NOW_MS - 5 * DAY_MS) // 1000))]), ["old"]),
    (EventFilter(properties=[("$time", "sent by the client")]), []),
    (EventFilter(from_ms=NOW_MS - DAY_MS), ["paid", "quoted", "odd"]),
    (EventFilter(from_ms=NOW_MS - 9 * DAY_MS, before_ms=NOW_MS - DAY_MS), ["old"]),
    (EventFilter(event="seen' OR 1=1 --"), []),
    (EventFilter(event="paid", distinct_id="bob", properties=[("price", "12.5")], from_ms=NOW_MS), ["paid"]),
]


@pytest.mark.parametrize(("wanted", "expected"), CHOSEN)
def test_filters_choose(arrivals: Arrivals, wanted: EventFilter, expected: list[str]) -> None:
    arrivals.insert("paid", insert_id="paid", distinct_id="bob", price=12.5)
    arrivals.insert(insert_id="quoted", properties={"text": "12.5", "fine": True, "$time": "sent by the client"})
    arrivals.insert(insert_id="odd", properties={"na\"me\\ '; --": "ü\n\u2028 {x:String} </script>"})
    arrivals.insert(insert_id="old", time_ms=NOW_MS - 5 * DAY_MS)
    arrivals.insert("paid", project_id=ANOTHERS, distinct_id="bob", price=12.5)
    assert sorted(arrivals.ids(wanted)) == sorted(expected)


def link(store: Store, id: str, canonical_id: str) -> None:
    row = struct.pack("<I", MINE) + string(id.encode()) + struct.pack("<Q", 0) + string(canonical_id.encode())
    row += struct.pack("<QQBq", 1 << 62, 5, LinkKind.DEVICE, NOW_MS * 1000) + string(b"")
    columns = ("project_id", "id", "applied", "canonical_id", "rank", "sequence", "kind", "made", "reason")
    store.insert_rows("identity_links", columns, [row])


def test_a_person_is_found_by_any_id_and_shown_with_the_canonical_one(arrivals: Arrivals) -> None:
    arrivals.insert(insert_id="before", distinct_id="$device:d")
    arrivals.insert(insert_id="after", distinct_id="ann", user_id="ann")
    arrivals.insert(insert_id="other", distinct_id="bob", user_id="bob")
    link(arrivals.store, "$device:d", "ann")
    for id in ("ann", "$device:d"):
        assert sorted(arrivals.ids(EventFilter(distinct_id=id))) == ["after", "before"]
    shown = {event.insert_id: (event.person, event.distinct_id) for page in arrivals.pages() for event in page}
    assert shown == {"before": ("ann", "$device:d"), "after": ("ann", "ann"), "other": ("bob", "bob")}


def test_a_filter_and_an_export_mean_the_same_by_distinct_id(arrivals: Arrivals) -> None:
    arrivals.insert(insert_id="before", distinct_id="$device:d")
    arrivals.insert(insert_id="after", distinct_id="ann", user_id="ann")
    arrivals.insert(insert_id="other", distinct_id="bob", properties={"distinct_id": "ann"})
    link(arrivals.store, "$device:d", "ann")

    def ids(*pairs: tuple[str, str]) -> list[str]:
        return sorted(arrivals.ids(EventFilter(properties=pairs)))

    for name in ("distinct_id", "$distinct_id"):
        assert ids((name, "ann")) == ["after", "before"]
        assert ids((name, "$device:d")) == []
    assert ids(("$distinct_id_before_identity", "$device:d")) == ["before"]
    assert ids(("$distinct_id", "ann"), ("$distinct_id_before_identity", "")) == ["before"]
    assert ids(("$failure_reason", "")) == ids(("$identity_failure_reason", "")) == []


def test_a_filter_may_end_after_the_last_date_of_the_key(arrivals: Arrivals) -> None:
    made = arrivals.insert()
    assert arrivals.ids(EventFilter(before_ms=7_258_118_400_000)) == [made]


def test_large_properties_come_only_with_the_event_alone(arrivals: Arrivals) -> None:
    arrivals.insert(text="x" * SHOWN_PROPERTIES_BYTES_MAX)
    [[event]] = arrivals.pages()
    assert (event.properties, event.properties_bytes > SHOWN_PROPERTIES_BYTES_MAX) == ("", True)
    alone = ask(arrivals.store, event_at, MINE, event.cursor)
    assert alone is not None and len(alone.properties) == event.properties_bytes
    assert ask(arrivals.store, event_at, ANOTHERS, event.cursor) is None


def test_what_is_new_is_counted_and_the_newest_of_it_given(arrivals: Arrivals) -> None:
    for age_ms in (5000, 2000, 1000, 1000, 0):
        arrivals.insert(loaded_ms=NOW_MS - age_ms)
    arrivals.insert("another", loaded_ms=NOW_MS)
    found = ask(arrivals.store, fresh, MINE, EventFilter(event="seen"), NOW_MS - 2000, 2)
    assert found.counts == {NOW_MS - 2000: 1, NOW_MS - 1000: 2, NOW_MS: 1}
    assert [event.cursor.loaded_ms for event in found.events] == [NOW_MS, NOW_MS - 1000]
    assert ask(arrivals.store, fresh, MINE, EventFilter(event="none"), NOW_MS - 2000, 2).counts == {}


def test_events_that_come_between_counting_and_reading_are_not_given(
    arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = event_feed._counts

    async def overtaken(*asked: Any) -> list[tuple[int, int]]:
        counts = await counted(*asked)
        await asyncio.to_thread(arrivals.insert, loaded_ms=NOW_MS)
        await asyncio.to_thread(arrivals.insert, loaded_ms=NOW_MS + 1)
        return counts

    arrivals.insert(loaded_ms=NOW_MS)
    monkeypatch.setattr(event_feed, "_counts", overtaken)
    found = ask(arrivals.store, fresh, MINE, EventFilter(event="seen"), NOW_MS, 10)
    assert found.counts == {NOW_MS: 1}
    assert [event.cursor.loaded_ms for event in found.events] == [NOW_MS]


def test_a_search_that_runs_out_of_time_says_where_to_go_on(
    arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [arrivals.insert(loaded_ms=NOW_MS - age_ms) for age_ms in (0, 90 * DAY_MS, 900 * DAY_MS)]
    monkeypatch.setattr("trackway.query.event_feed.EVENTS_SEARCH_S_MAX", 0)
    found, before, cuts = [], None, 0
    while True:
        page = ask(arrivals.store, newest, MINE, ANY, before, 3)
        found += [event.insert_id for event in page.events]
        cuts += page.is_cut
        if page.rest is None:
            break
        assert before is None or page.rest < before, "it goes on"
        before = page.rest
    assert (found, cuts > 1) == (ids, True)


def test_cursors_are_read_back_and_nothing_else_is() -> None:
    cursor = Cursor(NOW_MS, NOW_MS * 1000, NOW_MS, 2**64 - 1)
    assert read_cursor(str(cursor)) == cursor
    for text in (
        "",
        "1.2.3",
        "1.2.3.4.5",
        "a.b.c.d",
        "-1.2.3.4",
        f"1.2.3.{2**64}",
        "1.2.3.4\n",
        "9" * 30 + ".1.1.1",
        "١.٢.٣.٤",
    ):
        assert read_cursor(text) is None, text


def test_events_are_found_by_a_value_of_any_property(arrivals: Arrivals) -> None:
    berlin = arrivals.insert(city="Berlin", number=5)
    quoted = arrivals.insert(properties={"a": 'x "y" \\ é', "city": "Berlin, DE"})
    arrivals.insert(properties={"Berlin": 1, "list": ["Berlin"]}, project_id=MINE)
    arrivals.insert(city="Berlin", project_id=ANOTHERS)
    of_person = arrivals.insert(distinct_id="Paris", insert_id="Rome")

    def ids(*pairs: tuple[str, str]) -> list[str]:
        return arrivals.ids(EventFilter(properties=pairs))

    assert ids(("", "Berlin")) == [berlin]
    assert ids(("", "5")) == [berlin]
    assert ids(("", 'x "y" \\ é')) == [quoted]
    assert ids(("", "Paris")) == ids(("", "Rome")) == [of_person]
    assert ids(("", "Berlin"), ("number", "5")) == [berlin]
    assert ids(("", "Berlin"), ("", "6")) == []
    assert ids(("", "nowhere")) == []
