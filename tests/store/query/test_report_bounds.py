"""Reports over more values, persons and names than fit their memory: the answer stays exact."""

import asyncio
from datetime import date
from typing import Any, cast

import pytest

from tests.support.store.questions import readers_of
from trackway.query.expressions import parse
from trackway.query.reports.properties import property_names
from trackway.query.reports.run import Run
from trackway.query.reports.segmentation import Chosen, Segmentation, segmentation
from trackway.query.reports.series import Measure
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import UTC_DAYS
from trackway.store.client import Store
from trackway.store.reader import Reader

EVENTS = 1_000_000
NAMES = 20_000
PERSONS = 3_000_000
PROJECT, CROWD = 1, 2
DAYS = Buckets(UTC_DAYS, date(2025, 3, 1), date(2025, 3, 2))
# Each event has a value and a person of its own, and one of many names of properties; one value comes twice.
_INSERT = """
INSERT INTO events (project_id, received, endpoint, time, event, distinct_id, insert_id, properties)
SELECT {project:UInt32}, now64(6), 1, toDateTime64('2025-03-01 00:00:00', 3, 'UTC') + number % 172800, 'a',
    concat('user-', toString(number)), concat('id-', toString(number)),
    concat('{"v":"value ', toString(number - (number = 7)), '","name ', toString(number % {names:UInt32}), '":1}')
FROM numbers({events:UInt64})"""

_CROWD = """
INSERT INTO events (project_id, received, endpoint, time, event, distinct_id, insert_id, properties)
SELECT {project:UInt32}, now64(6), 1, toDateTime64('2025-03-01 00:00:00', 3, 'UTC'), 'a',
    toString(number), toString(number), '{}'
FROM numbers({first:UInt64}, {persons:UInt64})"""


class LittleMemory:
    """A reader whose queries have so much memory in MB, of which groups take half before they go to the disk.

    `roomy`: statements with this text have three times as much, and groups still go to the disk as early.
    """

    def __init__(self, reader: Reader, megabytes: int, roomy: str | None) -> None:
        self._reader = reader
        self._bytes = megabytes * 1_000_000
        self._roomy = roomy
        self.states, self.refused, self.look = reader.states, reader.refused, reader.look

    async def rows(self, project_id: int, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        joint = "," if " SETTINGS " in sql else " SETTINGS"
        memory = 3 * self._bytes if self._roomy and self._roomy in sql else self._bytes
        bounds = f"max_memory_usage = {memory}, max_bytes_before_external_group_by = {self._bytes // 2}"
        return await self._reader.rows(project_id, f"{sql}{joint} {bounds}", parameters)


@pytest.fixture(scope="module", autouse=True)
def events(store: Store) -> None:
    store.command(_INSERT, {"project": PROJECT, "names": NAMES, "events": EVENTS})


def run_with(store: Store, megabytes: int, project_id: int = PROJECT, roomy: str | None = None) -> Run:
    return Run(cast(Reader, LittleMemory(readers_of(store).reports, megabytes, roomy)), project_id)


@pytest.mark.parametrize("measure", [Measure.GENERAL, Measure.UNIQUE])
def test_a_million_values_are_counted_exactly(store: Store, measure: Measure) -> None:
    wanted = Segmentation(Chosen(PROJECT, ["a"], DAYS), measure, parse('properties["v"]'), 3)
    found = asyncio.run(segmentation(run_with(store, 200), wanted))
    assert found == [
        ("value 6", {"2025-03-01": 2}),
        ("value 0", {"2025-03-01": 1}),
        ("value 1", {"2025-03-01": 1}),
    ]


def test_three_million_persons_are_counted_exactly_where_sets_have_no_room(store: Store) -> None:
    for first in range(0, PERSONS, EVENTS):
        store.command(_CROWD, {"project": CROWD, "first": first, "persons": EVENTS})
    by_person = "GROUP BY key, bucket, who"
    run = run_with(store, 100, CROWD, by_person)
    found = asyncio.run(segmentation(run, Segmentation(Chosen(CROWD, ["a"], DAYS), Measure.UNIQUE, None, 1)))
    assert found == [("a", {"2025-03-01": PERSONS})]
    [statement] = run.statements
    assert by_person in statement.sql, "sets have room enough: give less"


def test_twenty_thousand_names_of_properties_take_little_memory(store: Store) -> None:
    found = asyncio.run(property_names(run_with(store, 50), Chosen(PROJECT, [], DAYS), NAMES + 2))
    assert len(found) == NAMES + 1
    assert found.pop("v") == EVENTS
    assert set(found.values()) == {EVENTS // NAMES}
