"""Event names and properties against a real store: volumes a day, first and last seen, types, examples."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.support.ingest.bodies import ALPHA, BETA, PROJECTS, dumps, record
from tests.support.query.events import insert_payload
from tests.support.store.process import migrated_store
from tests.support.store.questions import ask
from trackway.domain.endpoint import Endpoint
from trackway.ingest.arrival import Arrival
from trackway.ingest.request import ingest_events
from trackway.ingest.split import split_json
from trackway.query.event_names import shapes, volumes
from trackway.query.limits import EXAMPLE_CHARACTERS_MAX, EXAMPLES_SHOWN
from trackway.store.client import Store

DAY = date(2026, 2, 28)
NOON_MS = int(datetime(2026, 2, 28, 12, tzinfo=UTC).timestamp()) * 1000
DAY_MS = 86_400_000
ODD = "<img src=x onerror=alert(1)> 'OR 1=1 -- ü\\"


def insert(store: Store, *events: dict[str, Any], project: Any = ALPHA) -> None:
    arrival = Arrival(
        endpoint=Endpoint.IMPORT, received_us=(NOON_MS + DAY_MS) * 1000, find_project=PROJECTS.get, project=project
    )
    ingested = ingest_events(split_json(dumps(list(events))), arrival)
    assert ingested.failures == []
    insert_payload(store, ingested.payload)


def event(name: str, insert_id: str, days_ago: int = 0, **properties: Any) -> dict[str, Any]:
    return record({"$insert_id": insert_id, "time": NOON_MS - days_ago * DAY_MS} | properties, name=name)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with migrated_store(tmp_path_factory.mktemp("store")) as running, closing(Store(running.url)) as client:
        client.command("SYSTEM STOP MERGES events")
        insert(client, event("seen", "1", price=1), event("seen", "2", 1, price="1"), event(ODD, "3", 1, **{ODD: ODD}))
        insert(client, event("seen", "1", price=2), event("seen", "4", 40))
        insert(client, event("seen", "5", price=1), event("secret", "6", hidden=True), project=BETA)
        yield client


def test_volumes_count_each_event_once_by_its_day(store: Store) -> None:
    found = ask(store, volumes, ALPHA.project_id, DAY - timedelta(days=6), DAY)
    assert [(each.name, each.total, each.by_day) for each in found] == [
        ("seen", 2, {DAY: 1, DAY - timedelta(days=1): 1}),
        (ODD, 1, {DAY - timedelta(days=1): 1}),
    ]
    assert (found[0].first_ms, found[0].last_ms) == (NOON_MS - 40 * DAY_MS, NOON_MS), "of all time"


@pytest.mark.parametrize(("search", "expected"), [("SEE", ["seen"]), ("' ", []), ("Ü\\", [ODD]), ("%", [])])
def test_names_are_searched_in_either_case_and_as_text(store: Store, search: str, expected: list[str]) -> None:
    found = ask(store, volumes, ALPHA.project_id, DAY - timedelta(days=6), DAY, search=search)
    assert [each.name for each in found] == expected


def test_shapes_tell_types_and_examples(store: Store) -> None:
    sample = ask(store, shapes, ALPHA.project_id, "seen")
    by_name = {each.name: each for each in sample.properties}
    price = by_name["price"]
    assert (price.events, price.types, set(price.examples)) == (3, {"number": 2, "string": 1}, {"1", "2"})
    assert (price.first_ms, price.last_ms) == (NOON_MS - DAY_MS, NOON_MS)
    assert sample.events == 4
    everything = {each.name for each in ask(store, shapes, ALPHA.project_id).properties}
    assert ODD in everything and "hidden" not in everything


def test_examples_are_few_and_short(store: Store) -> None:
    values: list[dict[str, Any]] = [{"many": f"{index}" + "ü" * 200, "list": [1, {"a": None}]} for index in range(10)]
    insert(store, *(event("many", f"many-{index}", **value) for index, value in enumerate(values)))
    by_name = {each.name: each for each in ask(store, shapes, ALPHA.project_id, "many").properties}
    assert len(by_name["many"].examples) == EXAMPLES_SHOWN
    assert {len(example) for example in by_name["many"].examples} == {EXAMPLE_CHARACTERS_MAX}
    assert (by_name["list"].types, json.loads(by_name["list"].examples[0])) == ({"list": 10}, [1, {"a": None}])
