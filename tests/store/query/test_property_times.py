"""When properties were first and last seen, against a real store: exact, of top-level names only, and honest where time
runs out."""

import itertools
from collections import defaultdict
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.ingest.bodies import ALPHA, BETA, PROJECTS, KnownProject, dumps, record
from tests.support.query.events import insert_payload
from tests.support.store.questions import ask
from tests.support.store.tables import emptied
from trackway.domain.endpoint import Endpoint
from trackway.ingest.arrival import Arrival
from trackway.ingest.request import ingest_events
from trackway.ingest.split import split_json
from trackway.query import property_times as searched
from trackway.query.property_times import Between, PropertyTimes, property_times
from trackway.store.client import Store

HOUR_MS = 3_600_000
START_MS = int(datetime(2025, 12, 30, tzinfo=UTC).timestamp()) * 1000
RECEIVED_MS = START_MS + 400 * 24 * HOUR_MS
NAMES = (
    *(
        "plain",
        "a.b",
        'quo"te',
        "back\\slash",
        "ünï",
        "😀",
        "line\nend",
        "tab\t",
        "nul\0",
        "",
        "'",
        "%",
        "sl/ash",
        "\x7f",
    ),
    "n" * 9000,
)
EVENTS = ("seen", "Ünusual 'name'")


def insert_text(store: Store, project: KnownProject, body: bytes, received_ms: int) -> None:
    arrival = Arrival(
        endpoint=Endpoint.IMPORT, received_us=received_ms * 1000, find_project=PROJECTS.get, project=project
    )
    done = ingest_events(split_json(body), arrival)
    assert done.failures == []
    insert_payload(store, done.payload)


def insert(
    store: Store, *events: dict[str, Any], project: KnownProject = ALPHA, received_ms: int = RECEIVED_MS
) -> None:
    if events:
        insert_text(store, project, dumps(list(events)), received_ms)


def event(time_ms: int, insert_id: str, name: str = "seen", /, **properties: Any) -> dict[str, Any]:
    return record({"$insert_id": insert_id, "time": time_ms} | properties, name=name)


def exactly(first_ms: int, last_ms: int) -> PropertyTimes:
    return PropertyTimes(Between(first_ms, first_ms), Between(last_ms, last_ms))


@pytest.fixture
def empty(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store without events, of which few are many."""
    emptied(store, "events")
    store.command("SYSTEM STOP MERGES events")
    monkeypatch.setattr(searched, "SEARCHED_EVENTS_MIN", 2)
    monkeypatch.setattr(searched, "SEARCHED_EVENTS_MAX", 16)
    return store


values = st.one_of(
    st.integers(-(2**70), 2**70),
    st.sampled_from(NAMES).map(lambda name: {name: 1}),  # nested, and so no property
    st.sampled_from(NAMES[:-1]).map(lambda name: [f'"{name}":', {"in": {name: True}}]),
    st.sampled_from(NAMES[:-1]).map(lambda name: f'{{"{name}":1,"'),
)
generated = st.builds(
    lambda hour, part, name, number, properties: event(
        START_MS + hour * HOUR_MS + part, f"id-{number}", name, **properties
    ),
    hour=st.integers(0, 3000) | st.integers(0, 5),
    part=st.sampled_from((0, 1, HOUR_MS - 1)),
    name=st.sampled_from(EVENTS),
    number=st.integers(0, 20),
    properties=st.dictionaries(st.sampled_from(NAMES), values, max_size=4),
)
batches = st.lists(st.tuples(st.lists(generated, min_size=1, max_size=25), st.booleans()), min_size=1, max_size=3)


def model(sent: list[list[dict[str, Any]]], of: str) -> dict[str, list[int]]:
    """All times of each property; of events that are one, the one received last counts."""
    stored: dict[Any, dict[str, Any]] = {}
    for batch in sent:
        alone: dict[Any, dict[str, Any]] = {}
        for each in batch:
            properties = each["properties"]
            alone[properties["time"], each["event"], properties["$insert_id"]] = each
        stored |= alone
    times = defaultdict(list)
    for each in stored.values():
        if of in ("", each["event"]):
            for name in set(each["properties"]).intersection(NAMES):
                times[name].append(each["properties"]["time"])
    return times


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=batches, of=st.sampled_from(("", *EVENTS)), pick=st.randoms(use_true_random=False))
def test_times_of_any_events_are_those_of_the_model(empty: Store, batches: Any, of: str, pick: Any) -> None:
    emptied(empty, "events")
    for number, (batch, escaped) in enumerate(batches):
        body = dumps(batch).decode()
        if escaped:  # another spelling of the same
            body = body.replace("plain", "pl\\u0061in").replace("ü", "\\u00fc").replace("sl/ash", "sl\\/ash")
        insert_text(empty, ALPHA, body.encode(), RECEIVED_MS + number)
    times = model([batch for batch, _ in batches], of)
    seen = {name: tuple(sorted(pick.choices(found, k=2))) for name, found in times.items()}
    assert ask(empty, property_times, ALPHA.project_id, of, seen) == {
        name: exactly(min(found), max(found)) for name, found in times.items()
    }


def test_other_projects_and_other_names_do_not_count(empty: Store) -> None:
    noon = START_MS + 12 * HOUR_MS
    insert(empty, event(START_MS, "1", price=1), event(noon + 5 * HOUR_MS, "2", price=1), project=BETA)
    insert(empty, event(noon, "3", price=1), event(noon - HOUR_MS, "4", "other", price=1))
    assert ask(empty, property_times, ALPHA.project_id, "seen", {"price": (noon, noon)})["price"] == exactly(noon, noon)
    times = ask(empty, property_times, ALPHA.project_id, "", {"price": (noon, noon)})
    assert times["price"] == exactly(noon - HOUR_MS, noon)


def test_what_was_seen_but_is_stored_no_more_is_told_as_it_was_seen(empty: Store) -> None:
    insert(empty, event(START_MS, "1", price=1))
    insert(empty, event(START_MS, "1"), event(START_MS - 48 * HOUR_MS, "0"), received_ms=RECEIVED_MS + 1)
    seen = {"price": (START_MS, START_MS)}
    assert ask(empty, property_times, ALPHA.project_id, "", seen) == {"price": exactly(START_MS, START_MS)}


def test_of_rows_that_are_one_event_the_last_one_counts(empty: Store) -> None:
    later_ms = START_MS + HOUR_MS
    insert(empty, event(START_MS, "1", price=1), event(later_ms, "2", price=1), event(later_ms + HOUR_MS, "3", price=1))
    insert(empty, event(START_MS, "1"), event(later_ms + HOUR_MS, "3"), received_ms=RECEIVED_MS + 1)
    assert ask(empty, property_times, ALPHA.project_id, "", {"price": (later_ms, later_ms)}) == {
        "price": exactly(later_ms, later_ms)
    }


def test_no_properties_and_no_events_are_no_question(empty: Store) -> None:
    assert ask(empty, property_times, ALPHA.project_id, "", {}) == {}
    assert ask(empty, property_times, ALPHA.project_id, "", {"price": (1, 2)}) == {"price": exactly(1, 2)}


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.lists(generated, min_size=1, max_size=25), questions=st.integers(0, 12))
def test_where_time_runs_out_the_truth_lies_within_what_is_told(empty: Store, batch: Any, questions: int) -> None:
    emptied(empty, "events")
    insert(empty, *batch)
    times = model([batch], "")
    seen = {name: (max(found), min(found)) for name, found in times.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searched, "time", SimpleNamespace(monotonic=itertools.count().__next__))
        told = ask(empty, property_times, ALPHA.project_id, "", seen, time_s_max=questions)
    for name, found in times.items():
        assert told[name].first.from_ms <= min(found) <= told[name].first.until_ms
        assert told[name].last.from_ms <= max(found) <= told[name].last.until_ms
        assert questions or not told[name].is_known or len(set(found)) == 1


def test_what_the_store_cannot_look_through_in_time_stays_open(empty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    empty.command(
        """INSERT INTO events (project_id, received, endpoint, time, event, distinct_id, insert_id, properties)
        SELECT {project:UInt32}, now64(6), 2, fromUnixTimestamp64Milli({start:Int64}), 'seen', 'a', toString(number),
            concat('{"text":"', repeat('late', 1000), '"}') FROM numbers(20000)""",
        {"project": ALPHA.project_id, "start": START_MS},
    )
    late_ms = START_MS + 24 * HOUR_MS
    insert(empty, event(late_ms, "last", late=1))
    monkeypatch.setattr(searched, "time", SimpleNamespace(monotonic=lambda: 0.0))
    seen = {"late": (late_ms, late_ms)}
    told = ask(empty, property_times, ALPHA.project_id, "", seen, time_s_max=0.001)["late"]
    assert told.first == Between(START_MS, late_ms)
    assert ask(empty, property_times, ALPHA.project_id, "", seen)["late"] == exactly(late_ms, late_ms)


def test_names_that_fit_in_no_single_question_are_all_found(empty: Store) -> None:
    names = [f"{number}-" + "ü" * 2000 for number in range(9)]
    insert(empty, *(event(START_MS + number, str(number), **{name: 1}) for number, name in enumerate(names)))
    seen = {name: (START_MS + number, START_MS + number) for number, name in enumerate(names)}
    assert ask(empty, property_times, ALPHA.project_id, "", seen) == {
        name: exactly(*times) for name, times in seen.items()
    }
