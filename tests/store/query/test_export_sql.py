"""The export's SQL against a real store: what is chosen, how a line is written, which of two copies is shown."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.ingest.bodies import ALPHA, BETA, PROJECTS
from tests.support.query.events import (
    ALL,
    ALL_KNOWN,
    DAY,
    NOON_MS,
    RECEIVED_US,
    Events,
    event,
    insert_payload,
)
from tests.support.store.questions import pieces, readers_of
from tests.support.store.tables import emptied
from trackway.domain.endpoint import Endpoint
from trackway.ingest.arrival import Arrival
from trackway.ingest.request import ingest_events
from trackway.ingest.split import split_json
from trackway.query.export import export_lines, export_sql
from trackway.store.client import Store

SERVERS = {"$mp_api_endpoint", "$mp_api_timestamp_ms", "mp_processing_time_ms", "$import"}


@pytest.fixture(scope="module")
def store(store: Store) -> Store:
    store.command("SYSTEM STOP MERGES events")
    return store


@pytest.fixture
def events(store: Store) -> Iterator[Events]:
    yield Events(store)
    emptied(store, "events")


def test_a_line_has_everything_in_its_order(events: Events) -> None:
    events.insert(event("id-1", NOON_MS + 123, "Page View", **{"$device_id": "d", "a": [1, {"b": None}], "c": "x"}))
    (line,) = b"".join(pieces(export_lines(readers_of(events.store).exports, ALL))).splitlines()
    shown = json.loads(line)
    loaded_ms = shown["properties"].pop("mp_processing_time_ms")
    assert abs(loaded_ms - time.time_ns() // 1_000_000) < 3_600_000
    assert shown == {
        "event": "Page View",
        "properties": {
            "time": NOON_MS // 1000,
            "distinct_id": "$device:d",
            "$insert_id": "id-1",
            "$import": True,
            "$mp_api_endpoint": "/import",
            "$mp_api_timestamp_ms": RECEIVED_US // 1000,
            "$mp_api_event_time_ms": NOON_MS + 123,
            "$device_id": "d",
            "a": [1, {"b": None}],
            "c": "x",
        },
    }
    assert list(json.loads(line)["properties"])[:3] == ["time", "distinct_id", "$insert_id"]


def test_an_event_without_properties_is_a_line(events: Events) -> None:
    now_us = time.time_ns() // 1000
    events.insert(event("id-1", now_us // 1_000_000), received_us=now_us, endpoint=Endpoint.TRACK)
    (line,) = events.export()
    assert line["properties"].keys() == {"time", "distinct_id", "$insert_id"} | SERVERS - {"$import"}
    assert line["properties"]["$mp_api_endpoint"] == "/track"


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20) | st.sampled_from(
    [
        "'",
        '"',
        "\\",
        "\\'",
        "\n",
        "\r\n",
        "\t",
        "\0",
        "\x7f",
        "\u2028",
        "😀",
        "%",
        "{a:String}",
        "`",
        "--",
        "/*",
        "\\N",
        "</script>",
    ]
)
BATCHES = st.lists(
    st.tuples(TEXTS, st.dictionaries(TEXTS, TEXTS | st.integers() | st.lists(TEXTS, max_size=3), max_size=4)),
    min_size=1,
    max_size=20,
)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BATCHES)
def test_any_names_and_values_come_out_as_they_went_in(events: Events, batch: list[tuple[str, dict[str, Any]]]) -> None:
    emptied(events.store, "events")
    sent = [
        event(f"id-{number:02}", NOON_MS, name, **{"p " + key: value for key, value in properties.items()})
        for number, (name, properties) in enumerate(batch)
    ]
    events.insert(*sent)
    lines = events.export()
    assert len(lines) == len(sent)
    for line, each in zip(lines, sent, strict=True):
        assert line["event"] == each["event"]
        shown = {key: value for key, value in line["properties"].items() if key.startswith("p ")}
        assert shown == {key: value for key, value in each["properties"].items() if key.startswith("p ")}
    for name in {each["event"] for each in sent}:
        wanted = [each["properties"]["$insert_id"] for each in sent if each["event"] == name]
        assert events.exported_ids(events=[name]) == wanted


@pytest.mark.parametrize("distinct_id", ["", "'", '"\\', "ü 😀", "\n", "a\tb", "null-", "$device:d"])
def test_ids_of_any_characters_come_out_as_they_went_in(events: Events, distinct_id: str) -> None:
    events.insert(event("id-1", distinct_id=distinct_id))
    (line,) = events.export()
    assert line["properties"]["distinct_id"] == distinct_id


def test_indented_values_stay_on_their_line(events: Events) -> None:
    text = json.dumps([event("id-1", a={"b": [1, {"c": 2}]})], indent=2).encode()
    arrival = Arrival(endpoint=Endpoint.IMPORT, received_us=RECEIVED_US, find_project=PROJECTS.get, project=ALPHA)
    insert_payload(events.store, ingest_events(split_json(text), arrival).payload)
    assert b"".join(pieces(export_lines(readers_of(events.store).exports, ALL))).count(b"\n") == 1


LINE_ENDS = "".join(end for end in map(chr, range(0x110000)) if len(f"a{end}b".splitlines()) > 1)


def test_nothing_but_its_end_reads_as_the_end_of_a_line(events: Events) -> None:
    assert set("\n\r\x1c\x85\u2028\u2029") < set(LINE_ENDS)
    ids: dict[str, Any] = {"distinct_id": f"id{LINE_ENDS}", "$device_id": LINE_ENDS, "$user_id": f"{LINE_ENDS}user"}
    nested = [LINE_ENDS, {LINE_ENDS: f"\\{LINE_ENDS}\\"}]
    values: dict[str, Any] = {f"name{LINE_ENDS}": LINE_ENDS, "list": nested, "others": "é€…\u2027\u202a\x84"}
    events.insert(event("id-1", name=f"a{LINE_ENDS}", **ids, **values), event("id-2", distinct_id=LINE_ENDS))
    text = b"".join(pieces(export_lines(readers_of(events.store).exports, ALL))).decode()
    assert len(text.splitlines()) == len(text.split("\n")) - 1 == 2
    lines = {line["properties"]["$insert_id"]: line for line in map(json.loads, text.splitlines())}
    assert lines["id-1"]["event"] == f"a{LINE_ENDS}"
    shown = lines["id-1"]["properties"]
    assert {name: shown[name] for name in values} == values
    assert (shown["distinct_id"], shown["$device_id"]) == (f"{LINE_ENDS}user", LINE_ENDS)
    assert lines["id-2"]["properties"]["distinct_id"] == LINE_ENDS
    assert 'others":"é€…\u2027\u202a\x84"' in text


INJECTIONS = [
    "a' OR 1=1 --",
    "a') OR has(['b'], event) --",
    "') UNION ALL SELECT 'x' --",
    "\\') OR 1=1 --",
    "{project:UInt32}",
    "a\0' OR 1=1",
    "'; DROP TABLE events; --",
    "a','b",
    "]) OR has(['b",
    "\\",
    "a\\",
    "a\tb",
    "a\nb",
]


@pytest.mark.parametrize("name", INJECTIONS)
def test_an_event_name_is_never_part_of_the_statement(events: Events, name: str) -> None:
    events.insert(event("id-1"), event("id-2", name="b"), event("id-3", name=name))
    events.insert(event("id-4", token=BETA.token), endpoint=Endpoint.TRACK, received_us=NOON_MS * 1000)
    assert events.exported_ids(events=[name]) == ["id-3"]
    assert events.exported_ids(events=[name, "b"]) == ["id-2", "id-3"]
    assert export_sql(ALL._replace(events=[name]), ALL_KNOWN)[0] == export_sql(ALL._replace(events=["b"]), ALL_KNOWN)[0]


def test_a_project_sees_its_own_events_only(events: Events) -> None:
    events.insert(event("id-1"))
    events.insert(event("id-2", token=BETA.token), endpoint=Endpoint.TRACK, received_us=NOON_MS * 1000)
    assert events.exported_ids() == ["id-1"]
    assert events.exported_ids(project_id=BETA.project_id) == ["id-2"]
    assert events.exported_ids(project_id=99) == []


def test_names_choose_events_exactly(events: Events) -> None:
    events.insert(*(event(f"id-{number}", name=name) for number, name in enumerate(["a", "A", "a ", "ab", "ü"])))
    # (names, insert ids)
    for names, ids in [(None, [0, 1, 2, 3, 4]), (["a"], [0]), (["a", "ü", "none"], [0, 4]), (["none"], []), ([], [])]:
        assert events.exported_ids(events=names) == [f"id-{number}" for number in ids]


DAY_MS = 86_400_000
BEGIN_MS = NOON_MS - DAY_MS // 2
# (time in ms, whether the 28th of February has it)
MOMENTS = [
    (BEGIN_MS - 1, False),
    (BEGIN_MS, True),
    (BEGIN_MS + 1, True),
    (BEGIN_MS + DAY_MS - 1, True),
    (BEGIN_MS + DAY_MS, False),
]


def test_dates_are_inclusive_days_of_utc(events: Events) -> None:
    events.insert(
        *(event(f"id-{number}", time_ms) for number, (time_ms, _) in enumerate(MOMENTS)), received_us=RECEIVED_US
    )
    inside = [f"id-{number}" for number, (_, within) in enumerate(MOMENTS) if within]
    assert events.exported_ids(from_date=DAY, to_date=DAY) == inside
    assert events.exported_ids(from_date=date(2026, 2, 27), to_date=date(2026, 3, 1)) == [f"id-{n}" for n in range(5)]
    assert events.exported_ids(from_date=date(2026, 3, 2), to_date=date(2026, 3, 9)) == []


RANGES = [
    (date(1970, 1, 1), date(2199, 12, 31)),
    (date(1970, 1, 1), date(2149, 6, 5)),
    (date(1970, 1, 1), date(2149, 6, 6)),
    (date(1970, 1, 1), date(2149, 6, 7)),
    (date(1971, 1, 1), date(2106, 2, 7)),
]


@pytest.mark.parametrize(("from_date", "to_date"), RANGES)
def test_a_range_as_wide_as_can_be_has_all_events(events: Events, from_date: date, to_date: date) -> None:
    events.insert(event("id-1", 31_536_000), event("id-2"), event("id-3", RECEIVED_US // 1000))
    assert events.exported_ids(from_date=from_date, to_date=to_date) == ["id-1", "id-2", "id-3"]


def test_a_range_in_the_far_future_has_none(events: Events) -> None:
    events.insert(event("id-1"))
    for year in (2106, 2149, 2150, 2199):
        assert events.exported_ids(from_date=date(year, 12, 1), to_date=date(year, 12, 31)) == []


def test_a_limit_bounds_the_lines(events: Events) -> None:
    events.insert(*(event(f"id-{number}") for number in range(5)))
    for limit, lines in ((None, 5), (1, 1), (5, 5), (100_000, 5)):
        assert len(events.export(limit=limit)) == lines


def test_times_are_seconds_or_milliseconds(events: Events) -> None:
    events.insert(event("id-1", NOON_MS + 999))
    assert [line["properties"]["time"] for line in events.export()] == [NOON_MS // 1000]
    assert [line["properties"]["time"] for line in events.export(time_in_ms=True)] == [NOON_MS + 999]


@pytest.mark.parametrize("later_first", [False, True])
def test_of_identical_events_the_one_received_last_is_shown(events: Events, later_first: bool) -> None:
    arrivals: Sequence[int] = (RECEIVED_US, RECEIVED_US + 1)
    for received_us in reversed(arrivals) if later_first else arrivals:
        events.insert(event("id-1", copy=received_us), received_us=received_us)
    assert [line["properties"]["copy"] for line in events.export()] == [RECEIVED_US + 1]
    copies = sorted(line["properties"]["copy"] for line in events.export(deduplicated=False))
    assert copies == [RECEIVED_US, RECEIVED_US + 1]


def test_of_identical_events_received_at_once_the_one_inserted_last_is_shown(events: Events) -> None:
    events.insert(event("id-1", copy=1))
    events.insert(event("id-1", copy=2))
    assert [line["properties"]["copy"] for line in events.export()] == [2]


def test_events_that_differ_in_time_user_name_or_id_are_not_identical(events: Events) -> None:
    events.insert(event("id-1"))
    events.insert(event("id-1", NOON_MS + 1))
    events.insert(event("id-1", name="b"))
    events.insert(event("id-1", distinct_id="other"))
    events.insert(event("id-2"))
    assert len(events.export()) == 5


def test_closing_an_export_ends_it(events: Events) -> None:
    events.insert(*(event(f"id-{number}", text="x" * 250) for number in range(2000)))

    async def begin() -> None:
        async with export_lines(readers_of(events.store).exports, ALL) as lines:
            assert await anext(lines)

    asyncio.run(begin())
    assert len(events.export()) == 2000
