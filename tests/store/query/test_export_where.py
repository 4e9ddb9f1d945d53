"""The export's `where` against a real store: which events are chosen, and that no text of it is part of a statement."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.support.ingest.bodies import ALPHA, BETA
from tests.support.query.events import ALL, ALL_KNOWN, NOON_MS, Events, event
from tests.support.query.profiles import INJECTIONS, insert_profiles
from tests.support.store.process import migrated_store
from tests.support.store.tables import emptied
from trackway.domain.endpoint import Endpoint
from trackway.edge.wire.streaming import refusal
from trackway.query import export as query_events
from trackway.query.export import export_sql
from trackway.query.expressions import Expression, ExpressionError, parse
from trackway.query.limits import EXPRESSION_BYTES_MAX
from trackway.store.client import Store
from trackway.store.errors import TIME_EXCEEDED_CODES, StoreError

PROFILES = """
CREATE TABLE IF NOT EXISTS profiles
(
    project_id UInt32, group_key String, profile_id String, position UInt64, deleted UInt8,
    updated DateTime64(6, 'UTC'), properties String
)
ENGINE = ReplacingMergeTree(position, deleted) ORDER BY (project_id, group_key, profile_id)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with migrated_store(tmp_path_factory.mktemp("store")) as running, closing(Store(running.url)) as client:
        client.command(PROFILES)
        yield client


@pytest.fixture
def events(store: Store) -> Iterator[Events]:
    yield Events(store)
    emptied(store, "events")
    emptied(store, "profiles")


def kept(events: Events, where: str, **changes: Any) -> list[str]:
    """The insert ids of what is chosen, without the common beginning."""
    return [found.removeprefix("id-") for found in events.exported_ids(where=parse(where), **changes)]


def fault_of(stored: Events, where: Expression, **changes: Any) -> int:
    """The position for which an export is refused, 0 if it is not."""
    try:
        stored.export(where=where, **changes)
    except ExpressionError as error:
        return error.position
    return 0


DAYS = ["2026-02-28", "2026-02-28T12:00:00.001"]
SENT: dict[str, Any] = {"$time": 7, "$distinct_id": "what the client calls it"}
SEEN = {"$email": "a@example.com", "$last_seen": "2026-01-31T09:00:00"}
# (where, the events kept of those below)
CHOSEN = [
    ('properties["plan"] == "pro"', "1"),
    ('properties["plan"] != "pro"', "23"),
    ('properties["plan"] in ["pro", "free"]', "12"),
    ('"r" in properties["plan"]', "12"),
    ('properties["price"] > 10', "1"),
    ('properties["price"] * 2 >= 9 and properties["plan"] == "free"', "2"),
    ('"b" in properties["tags"]', "12"),
    ('any(X, properties["tags"], X == "a")', "1"),
    ('all(X, properties["tags"], X == "b")', "2"),
    ('defined(properties["plan"])', "12"),
    ('not defined(properties["plan"])', "3"),
    ('event["$name"] == "bought"', "1"),
    (f'event["$time"] >= datetime({NOON_MS // 1000 + 1})', "23"),
    ('event["$time"] < datetime("2026-02-28T12:00:01")', "1"),
    (f'properties["time"] == {NOON_MS // 1000}', "1"),
    (f'properties["$time"] >= datetime({NOON_MS // 1000 + 1})', "23"),
    (f'properties["$time"]>=datetime({NOON_MS // 1000}) and properties["$time"]<datetime({NOON_MS // 1000 + 2})', "12"),
    (f'not properties["$time"] < datetime({NOON_MS // 1000 + 1})', "23"),
    ('properties["$time"] >= "2026-02-28T12:00:01"', "23"),
    ('properties["$time"] == "2026-02-28T13:00:01+01:00"', "2"),
    ('properties["$time"] in ["2026-02-28T12:00:00Z", "2026-02-28T12:00:02.000"]', "13"),
    (f'properties["time"] >= datetime({NOON_MS // 1000 + 1})', "23"),
    ('any(X, properties["days"], X > event["$time"])', "1"),
    ('properties["$distinct_id"] == "u-2"', "2"),
    ('properties["$distinct_id"] > "u-1"', "23"),
    ('properties["plan"] >= "g"', "1"),
    ('properties["distinct_id"] == "u-2"', "2"),
    ('properties["$insert_id"] == "id-3"', "3"),
    ('properties["$import"] and properties["$mp_api_endpoint"] == "/import"', "123"),
    ('defined(properties["mp_processing_time_ms"]) and properties["$mp_api_timestamp_ms"] > 0', "123"),
    ('properties["big"] > 1e22', "3"),
    ("true", "123"),
    ("1", ""),
    ('"true"', ""),
]


@pytest.mark.parametrize(("where", "ids"), CHOSEN)
def test_where_chooses_events(events: Events, where: str, ids: str) -> None:
    events.insert(
        event("id-1", NOON_MS, "bought", distinct_id="u-1", plan="pro", price=12.5, tags=["a", "b"], days=DAYS),
        event("id-2", NOON_MS + 1000, distinct_id="u-2", plan="free", price=4.5, tags=["b"], **SENT),
        event("id-3", NOON_MS + 2000, distinct_id="u-3", big=12345678901234567890123),
    )
    assert kept(events, where) == list(ids)
    assert fault_of(events, parse(where)) == 0


def test_where_speaks_of_the_profile_of_the_events_user(events: Events) -> None:
    for number in range(4):
        events.insert(event(f"id-{number}", distinct_id=f"u-{number}"))
    insert_profiles(
        events.store,
        (
            ALPHA.project_id,
            "",
            "u-0",
            SEEN | {"plan": "pro", "score": 12345678901234567890123},
        ),
        (ALPHA.project_id, "", "u-1", {"$email": "b@example.com", "$last_seen": "2025-12-31T23:59:59"}),
        (ALPHA.project_id, "company", "u-2", {"$email": "a@example.com"}),
        (BETA.project_id, "", "u-2", {"$email": "a@example.com"}),
        (ALPHA.project_id, "", "u-3", {"$email": "a@example.com"}),
    )
    insert_profiles(events.store, (ALPHA.project_id, "", "u-3", {}), position=2, deleted=1)
    assert kept(events, 'user["$email"] == "a@example.com"') == ["0"]
    assert kept(events, 'user["$email"] != "a@example.com"') == ["1", "2", "3"]
    assert kept(events, 'user["$last_seen"] >= datetime("2026-01-01") and user["$last_seen"] < "2026-02"') == ["0"]
    assert kept(events, '"b@" in user["$email"] or user["plan"] == "pro"') == ["0", "1"]
    assert kept(events, 'user["score"] > 1e22 and user["$email"] != properties["$email"]') == ["0"]
    assert kept(events, 'user["plan"] == "pro" or not defined(user["$email"])', limit=3) == ["0", "2", "3"]


def test_an_operand_that_is_no_boolean_in_a_chosen_event_is_found(events: Events) -> None:
    events.insert(event("id-1", a=True), event("id-2", a="yes", name="b"), event("id-3"))
    events.insert(event("id-4", a=7, token=BETA.token), endpoint=Endpoint.TRACK, received_us=NOON_MS * 1000)
    where = parse('true and (properties["a"] or properties["b"])')
    assert fault_of(events, where) == 11
    assert fault_of(events, where, events=["a"]) == 0
    assert fault_of(events, where, events=["b"]) == 11
    assert fault_of(events, parse('user["a"] or true')) == 0
    insert_profiles(events.store, (ALPHA.project_id, "", "u-1", {"a": None}))
    events.insert(event("id-5", distinct_id="u-1"))
    assert fault_of(events, parse('user["a"] or true')) == 1


def test_of_identical_events_only_the_one_shown_is_asked(events: Events) -> None:
    events.insert(event("id-1", copy=1, a="no boolean"))
    events.insert(event("id-1", copy=2, a=True))
    where = parse('properties["a"] and true')
    assert kept(events, 'properties["copy"] == 1') == []
    assert kept(events, 'properties["copy"] == 2') == ["1"]
    assert fault_of(events, where) == 0


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_text_of_where_is_part_of_the_statement(events: Events, text: str) -> None:
    events.insert(
        event("id-1", NOON_MS, "a", **{f"p {text}": "x"}), event("id-2", p=text, l=["y", text]), event("id-3", p="x")
    )
    quoted, name = json.dumps(text), json.dumps(f"p {text}")
    # (where, the same with a harmless text, the events kept)
    cases = [
        (f'properties[{name}] == "x"', 'properties["q"] == "x"', ["1"]),
        (f'properties["p"] == {quoted}', 'properties["p"] == "q"', ["2"]),
        (f'{quoted} in properties["l"]', '"q" in properties["l"]', ["2"]),
        (f'any(X, properties["l"], X == {quoted})', 'any(X, properties["l"], X == "q")', ["2"]),
        (f'properties["p"] in [{quoted}, "z"]', 'properties["p"] in ["q", "z"]', ["2"]),
        (f'user[{name}] == "x"', 'user["q"] == "x"', []),
    ]
    for where, harmless, ids in cases:
        assert kept(events, where) == ids
        sql, _ = export_sql(ALL._replace(where=parse(where)), ALL_KNOWN)
        assert sql == export_sql(ALL._replace(where=parse(harmless)), ALL_KNOWN)[0]


def test_a_long_where_finds_the_same_as_its_parts(events: Events) -> None:
    events.insert(*(event(f"id-{number}", a=number, b=f"{number}") for number in range(9)))
    part = 'number(string(properties["a"], "x"), number(string(properties["b"], "y"), 1)) == %s'
    long = " or ".join(part % number for number in (1, 3, 5, 7)) + ' or properties["b"] == "8"'
    assert len(export_sql(ALL._replace(where=parse(long)), ALL_KNOWN)[0]) > 4096
    assert kept(events, long) == ["1", "3", "5", "7", "8"]


@pytest.mark.parametrize("filling", ["\u0001", "\\\\", "\n", "ü", "'"])
def test_a_where_as_long_as_can_be_reaches_the_store(events: Events, filling: str) -> None:
    events.insert(event("id-1", a="x"), event("id-2", a="y"))
    head, tail = 'properties["a"] in ["x", "', '"]'
    room = EXPRESSION_BYTES_MAX - len(head) - len(tail)
    assert kept(events, head + filling * (room // len(filling.encode())) + tail) == ["1"]


CHECKED = ALL._replace(where=parse('true and properties["on"]'))


def test_a_check_of_where_that_takes_too_long_is_ended(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    events.insert(*(event(f"id-{number}", on=True, text="x" * 200) for number in range(2000)))
    monkeypatch.setattr(query_events, "EXPORT_CHECK_S_MAX", 0.001)
    with pytest.raises(StoreError) as raised:
        events.export(where=CHECKED.where)
    assert raised.value.code in TIME_EXCEEDED_CODES
    refused = refusal(raised.value, "export", needy="where:")
    assert (refused.status, refused.retry_after_s) == (400, None)
    assert refused.message == "where: needs too much time, choose fewer days or a simpler expression"
