"""What a report must know first is asked once for the same parts of its tables, and anew once there are others."""

import asyncio
import random
from typing import Any, cast

import pytest

from tests.support.compaction.compared import PROJECT, Requests, compactor
from tests.support.ingest.bodies import ALPHA, PROJECTS, dumps
from tests.support.loader.story import Place
from tests.support.store.questions import ask, readers_of
from tests.support.store.tables import merge_all
from trackway.compaction import compactor as loop
from trackway.compaction import untidy
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import unlink_payload
from trackway.ingest.arrival import Arrival
from trackway.ingest.request import ingest_events
from trackway.ingest.split import split_json
from trackway.query.facts_state import ask_for_rebuild, known_of
from trackway.query.sql.facts import LINKS_NOW, PARTS_NOW, TAIL, VERSION
from trackway.query.sql.person import Known
from trackway.store.client import Store
from trackway.store.reader import Reader
from trackway.store.result_cache import ResultCache

pytestmark = pytest.mark.one_machine


class Counted:
    """A reader that has kept nothing yet, and knows which statements were asked besides the look at the parts."""

    def __init__(self, store: Store) -> None:
        self._reader = readers_of(store).reports
        self.states = ResultCache(1 << 20)
        self.asked: list[str] = []

    async def rows(self, project_id: int, sql: str, *given: Any, **named: Any) -> list[tuple[Any, ...]]:
        self.asked.append(sql)
        return await self._reader.rows(project_id, sql, *given, **named)

    async def look(self, project_id: int, sql: str, *given: Any) -> list[tuple[Any, ...]]:
        assert sql == PARTS_NOW
        return await self._reader.look(project_id, sql, *given)

    def known(self, project_id: int = PROJECT) -> Known:
        return asyncio.run(known_of(cast(Reader, self), project_id))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    monkeypatch.setattr(untidy, "TIDY_INTERVAL_S", 0)


def add_events(place: Place, requests: Requests) -> None:
    place.append_payloads([requests.next(20, days_later=0.01)])
    place.load()


def add_anonymous_event(place: Place) -> None:
    """An event that links nothing."""
    properties = {"time": place.began_us // 1000, "distinct_id": "", "$insert_id": "nobody's"}
    arrival = Arrival(Endpoint.IMPORT, place.began_us, PROJECTS.get, project=ALPHA)
    found = ingest_events(split_json(dumps([{"event": "seen", "properties": properties}])), arrival)
    place.append_payloads([found.payload])
    place.load()


def unlink(place: Place) -> None:
    place.append_payloads([unlink_payload(PROJECT, place.began_us, "$device:d1", "a test")])
    place.load()


def test_a_piece_of_a_state_is_asked_once_until_its_tables_change(place: Place, store: Store) -> None:
    requests, reader, working = Requests(1, place.began_us), Counted(store), compactor(place, store)
    add_events(place, requests)
    while working.turn():
        pass
    pieces = {VERSION, LINKS_NOW, TAIL}
    changes = (
        (lambda: add_anonymous_event(place), {TAIL}),
        (lambda: working.turn(), pieces),  # another version ends at another position
        (lambda: unlink(place), {LINKS_NOW}),
        (lambda: merge_all(store, "facts"), {VERSION}),
        (lambda: ask(store, ask_for_rebuild, PROJECT), {VERSION, LINKS_NOW}),
    )
    first = reader.known()
    assert pieces <= set(reader.asked)
    for change, asked in changes:
        reader.asked.clear()
        assert reader.known() == first and not reader.asked
        change()
        first = reader.known()
        assert pieces & set(reader.asked) == asked
        assert first == Counted(store).known()


def test_a_kept_state_is_of_its_project(place: Place, store: Store) -> None:
    reader = Counted(store)
    add_events(place, Requests(1, place.began_us))
    while compactor(place, store).turn():
        pass
    own, other = reader.known(), reader.known(PROJECT + 1)
    assert own.facts and not other.facts
    assert (reader.known(), reader.known(PROJECT + 1)) == (own, other)


@pytest.mark.parametrize("seed", range(2))
def test_no_kept_state_is_out_of_date(place: Place, store: Store, seed: int) -> None:
    chosen, requests, reader = random.Random(seed), Requests(seed, place.began_us), Counted(store)
    working = compactor(place, store)
    changes = (
        lambda: add_events(place, requests),
        lambda: working.turn(),
        lambda: unlink(place),
        lambda: merge_all(store, "events"),
        lambda: None,
    )
    for _ in range(20):
        chosen.choice(changes)()
        assert reader.known() == Counted(store).known()
    assert reader.asked.count(VERSION) < 20, "no state was kept"
