"""A check of facts against events finds what was changed on purpose, and nothing else; a rebuild makes all anew."""

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.support.compaction.compared import PROJECT, Requests, check, compacted, compactor
from tests.support.loader.expected import DAY_US
from tests.support.loader.story import Place
from tests.support.store.questions import ask
from tests.support.store.tables import emptied
from trackway.compaction import compactor as loop
from trackway.compaction import untidy
from trackway.query import facts_check
from trackway.query.facts_check import Difference, compare, steps
from trackway.query.facts_state import ask_for_rebuild, facts_of, state_of
from trackway.query.sql.segments import COUNTS, HOURS, PERSONS, SUMS
from trackway.store.client import Store

STEP_EVENTS = (30, 80)
"""Steps that are pieces of a day, and steps of several days."""


@pytest.fixture
def store(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    monkeypatch.setattr(untidy, "TIDY_INTERVAL_S", 0)
    monkeypatch.setattr(facts_check, "FACTS_CHECK_EVENTS", STEP_EVENTS[0])
    with closing(Store(place.url)) as made:
        yield made


def filled(place: Place, store: Store, seed: int, requests: int = 5) -> Requests:
    made = Requests(seed, place.began_us - seed % 2 * 30 * DAY_US)
    place.append_payloads([made.next(20) for _ in range(requests)])
    place.load()
    finish(place, store)
    return made


def finish(place: Place, store: Store) -> None:
    compacted(place, store)


def differences(store: Store) -> list[Difference]:
    """All that a check of the project finds."""
    planned = ask(store, steps, PROJECT)
    assert planned
    found: list[Difference] = []
    for step, _ in planned:
        compared = ask(store, compare, PROJECT, step)
        assert compared is not None and compared.differing == len(compared.differences)
        found += compared.differences
    return found


@pytest.mark.parametrize("seed", [0, 3])
def test_facts_differ_from_events_at_no_time(
    place: Place, store: Store, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With duplicates, links, late copies, values of every kind, and a tail that the facts do not hold yet."""
    monkeypatch.setattr(facts_check, "FACTS_CHECK_EVENTS", STEP_EVENTS[seed // 2])
    requests = filled(place, store, seed)
    planned = ask(store, steps, PROJECT)
    assert planned and sum(number for _, number in planned) >= 80
    assert any(step.pieces > 1 if seed < 2 else step.from_date < step.to_date for step, _ in planned)
    for number in range(2):
        place.append_payloads([requests.next(15, days_later=number % 2 * 1.2)])
        place.load()
        assert differences(store) == []
        compactor(place, store).turn()
        assert differences(store) == []


@pytest.mark.one_machine
def test_a_value_that_was_changed_is_found(place: Place, store: Store) -> None:
    """The facts are copied with one value changed, since columns of the key cannot be updated."""
    filled(place, store, 1)
    keys = store.query("SELECT event, toString(day), toString(key) FROM facts ORDER BY event, day, key")
    for column in ("s00", "s01", "person", "time"):
        event, day, key = random.Random(column).choice(keys)
        other = "'x1'" if column[0] == "s" else f"{column} + 1"
        with altered(store, "facts", f"key = {key}", f"{other} AS {column}"):
            found = [each for each in differences(store) if each.table == "facts"]
        assert [(each.event, each.day) for each in found] == [(event, day)], column
        assert found[0].facts == found[0].events


@contextmanager
def altered(store: Store, table: str, chosen: str, values: str) -> Iterator[None]:
    """Let a table have other values in the rows that meet a condition, for a while: to fill a store takes longer."""
    store.command(f"CREATE TABLE kept AS {table} ENGINE = MergeTree PRIMARY KEY tuple() ORDER BY tuple()")
    try:
        store.command(f"INSERT INTO kept SELECT * FROM {table}")
        emptied(store, table)
        store.command(f"INSERT INTO {table} SELECT * FROM kept WHERE NOT ({chosen})")
        store.command(f"INSERT INTO {table} SELECT * REPLACE ({values}) FROM (SELECT * FROM kept WHERE {chosen})")
        yield
        emptied(store, table)
        store.command(f"INSERT INTO {table} SELECT * FROM kept")
    finally:
        store.command("DROP TABLE kept")


@pytest.mark.one_machine
@pytest.mark.parametrize(
    "pieces, alterations",
    [
        (
            True,
            [
                (COUNTS, "events + 1 AS events", 1),
                (COUNTS, "time + toIntervalHour(1) AS time", 0),
                (SUMS, "total + 1 AS total", 0),
            ],
        ),
        (
            False,
            [
                (COUNTS, "concat(raw, '1') AS raw", 0),
                (SUMS, "nan AS total", 0),
                (SUMS, "events - 1 AS events", -1),
            ],
        ),
    ],
)
def test_a_count_or_sum_that_was_altered_in_place_is_found(
    place: Place,
    store: Store,
    pieces: bool,
    alterations: list[tuple[str, str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(facts_check, "FACTS_CHECK_EVENTS", STEP_EVENTS[not pieces])
    filled(place, store, 1)
    facts = ask(store, facts_of, PROJECT)
    assert facts is not None
    for table, values, by in alterations:
        some = f"SELECT slot, event, toString(day), toString(time), raw FROM {table} WHERE slot < 64 AND raw != ''"
        if table == SUMS:  # a sum of small numbers, which rounding changes by less than 1
            some = (
                f"SELECT slot, event, toString(day), toString(time), '' FROM {table} WHERE abs(total) BETWEEN 1 AND 99"
            )
        slot, event, day, time, raw = random.Random(values).choice(store.query(f"{some} ORDER BY ALL"))
        chosen = f"slot = {slot} AND event = '{event}' AND toString(time) = '{time}'"
        if table == COUNTS:
            chosen += f" AND hex(raw) = '{raw.encode().hex().upper()}'"
        with altered(store, table, chosen, values):
            found = differences(store)
        assert {(each.event, each.day, each.table, each.property) for each in found} == {
            (event, day, table, facts.slots[slot])
        }, values
        assert sum(each.events - each.facts for each in found) == by, values
    assert differences(store) == []


@pytest.mark.one_machine
@pytest.mark.parametrize(
    "values, by",
    [
        ("arrayPopBack(hours) AS hours", -1),
        ("arrayPushBack(hours, hours[1]) AS hours", 1),
        ("arrayMap(hour -> hour + 1, hours) AS hours", 0),
        ("concat(raw, '1') AS raw", 0),
        ("period + 1 AS period", 0),
    ],
)
def test_an_hour_that_was_altered_in_place_is_found(
    place: Place, store: Store, many_values: None, values: str, by: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts_check, "FACTS_CHECK_EVENTS", STEP_EVENTS[by == 0])
    place.append_payloads([filled(place, store, 1).next(20)])
    place.load()
    finish(place, store)
    assert differences(store) == []
    some = store.query(f"SELECT slot, event, raw FROM {HOURS} WHERE raw != '' ORDER BY ALL")
    slot, event, raw = random.Random(values).choice(some)
    chosen = f"slot = {slot} AND event = '{event}' AND hex(raw) = '{raw.encode().hex().upper()}'"
    with altered(store, HOURS, chosen, values):
        found = differences(store)
    assert {(each.event, each.table) for each in found} == {(event, HOURS)}
    assert sum(each.events - each.facts for each in found) in (by * rows for rows in range(1, 9))
    assert differences(store) == []


@pytest.mark.one_machine
@pytest.mark.parametrize(
    "pieces, alterations",
    [
        (True, ["arrayMap(time -> time + 1, times) AS times", "1 - active AS active", "first_day - 1 AS first_day"]),
        (
            False,
            [
                "arrayMap(event -> if(event = 'seen', 'bought', 'seen'), events) AS events",
                "person + 1 AS person",
                "last_day + 1 AS last_day",
            ],
        ),
    ],
)
def test_times_of_a_person_that_were_altered_in_place_are_found(
    place: Place, store: Store, pieces: bool, alterations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts_check, "FACTS_CHECK_EVENTS", STEP_EVENTS[not pieces])
    filled(place, store, 1)
    assert store.query(f"SELECT count() FROM {PERSONS}") != [(0,)]
    [(some,)] = store.query(f"SELECT min(cityHash64(segment, active, period, person)) FROM {PERSONS}")
    for values in alterations:
        with altered(store, PERSONS, f"cityHash64(segment, active, period, person) = {some}", values):
            assert {each.table for each in differences(store)} == {PERSONS}, values
    assert differences(store) == []


@pytest.mark.one_machine
def test_sums_that_rounding_explains_are_equal_and_others_differ(place: Place, store: Store) -> None:
    """The engine adds up in any order, so the last bits of a sum of fractions are nobody's."""
    requests = filled(place, store, 1)
    assert requests
    fractions = "total != trunc(total) AND isFinite(total)"
    [(number,)] = store.query(f"SELECT count() FROM {SUMS} WHERE {fractions}")
    assert number
    with altered(store, SUMS, fractions, "total * (1 + exp2(-53)) AS total"):
        assert differences(store) == []
    with altered(store, SUMS, fractions, "total * (1 + exp2(-30)) AS total"):
        assert {each.table for each in differences(store)} == {SUMS}


@pytest.mark.one_machine
def test_facts_in_the_place_of_others_are_found(place: Place, store: Store) -> None:
    """As many rows as before, so that nothing else notices."""
    filled(place, store, 2)
    (first, *_), *_, (last, *_) = store.query("SELECT toString(key) FROM facts ORDER BY event, day, key")
    store.command("CREATE TABLE changed AS facts ENGINE = MergeTree PRIMARY KEY tuple() ORDER BY tuple()")
    store.command(f"INSERT INTO changed SELECT * FROM facts WHERE key != {first}")
    store.command(f"INSERT INTO changed SELECT * FROM facts WHERE key = {last} LIMIT 1")
    gone, there = (
        store.query(f"SELECT event, toString(day), count() FROM facts WHERE key = {key} GROUP BY event, day")
        for key in (first, last)
    )
    emptied(store, "facts")
    store.command("INSERT INTO facts SELECT * FROM changed")
    store.command("DROP TABLE changed")
    found = {(each.event, each.day): each.facts - each.events for each in differences(store) if each.table == "facts"}
    assert found == {gone[0][:2]: -1, there[0][:2]: 1}


def test_a_rebuild_ends_the_facts_at_once_and_makes_them_anew(place: Place, store: Store) -> None:
    filled(place, store, 3)
    before = ask(store, facts_of, PROJECT)
    assert before is not None and ask(store, state_of, PROJECT)[0]
    working = compactor(place, store)
    assert not working.turn()
    ask(store, ask_for_rebuild, PROJECT)
    ask(store, ask_for_rebuild, PROJECT)
    assert store.query("SELECT count() FROM facts_rebuilds") == [(1,)]
    assert check(store) is None and ask(store, steps, PROJECT) is None
    state = ask(store, state_of, PROJECT)
    assert not state.is_complete and state.behind == state.events > 0 and state.percent == 0
    while working.turn():
        pass
    after = check(store)
    assert after is not None and not set(after.segments) & set(before.segments)
    assert ask(store, state_of, PROJECT)[::2] == (True, 0)
    assert differences(store) == []


def test_a_rebuild_does_not_wait_for_more_events(place: Place, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    requests, working = filled(place, store, 5), compactor(place, store)
    place.append_payloads([requests.next(10)])
    place.load()
    assert working.turn()
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1_000_000)
    place.append_payloads([requests.next(10)])
    place.load()
    while working.turn():
        pass
    facts = ask(store, facts_of, PROJECT)
    assert facts is not None and facts.has_tail, "a few new events wait for more"
    ask(store, ask_for_rebuild, PROJECT)
    while working.turn():
        pass
    assert ask(store, state_of, PROJECT)[::2] == (True, 0)


def test_a_rebuild_that_is_asked_for_while_one_is_made_begins_again(place: Place, store: Store) -> None:
    filled(place, store, 4)
    ask(store, ask_for_rebuild, PROJECT)
    working = compactor(place, store)
    working.turn()
    ask(store, ask_for_rebuild, PROJECT)
    assert store.query("SELECT count() FROM facts_rebuilds") == [(2,)]
    while working.turn():
        pass
    assert store.query("SELECT argMax(rebuilds, sequence) FROM facts_versions") == [(2,)]
    assert differences(store) == []


def test_a_project_without_events_is_complete(place: Place, store: Store) -> None:
    ask(store, ask_for_rebuild, PROJECT)
    assert ask(store, state_of, PROJECT) == (True, 0, 0, None)
