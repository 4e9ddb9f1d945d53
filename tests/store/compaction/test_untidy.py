"""Projects at rest: nothing is asked about each of them, and whatever gives something to tidy is noticed."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.support.compaction.compared import Requests, check, compactor
from tests.support.ingest.bodies import ALPHA, BETA, GAMMA, KnownProject
from tests.support.loader.story import Place
from trackway.compaction import changes, untidy
from trackway.compaction import compactor as loop
from trackway.compaction.compactor import Compactor
from trackway.store.client import Parameters, Store


class Counting(Store):
    """A store's client that notes the queries of its thread."""

    asked: int = 0

    def query(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        self.asked += 1
        return super().query(sql, parameters)


@pytest.fixture
def store(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    monkeypatch.setattr(untidy, "TIDY_INTERVAL_S", 0)
    monkeypatch.setattr(changes, "RETIRED_KEPT_S", 0)
    with closing(Counting(place.url)) as made:
        yield made


def load(place: Place, seed: int, project: KnownProject = ALPHA) -> None:
    place.append_payloads([Requests(seed, place.began_us, project).next(20)])
    place.load()


def at_rest(working: Compactor, store: Counting) -> int:
    """How many queries a turn takes once there is nothing to tidy."""
    for _ in range(30):
        before = store.asked
        if not working.turn() and not working._untidy.projects():
            store.asked = 0
            assert not working.turn()
            return store.asked
        assert store.asked > before
    raise AssertionError("there is always something to tidy")


def test_a_turn_asks_no_more_for_many_projects_at_rest(place: Place, store: Counting) -> None:
    working = compactor(place, store)
    load(place, 1)
    of_one = at_rest(working, store)
    load(place, 2, BETA)
    load(place, 3, GAMMA)
    assert at_rest(working, store) == of_one


def test_newer_links_are_taken_in_by_a_project_at_rest(place: Place, store: Counting) -> None:
    """Links come with events, and those are compacted first: a look at the links follows."""
    working = compactor(place, store)
    load(place, 4)
    at_rest(working, store)
    for seed in range(5, 9):
        load(place, seed)
    at_rest(working, store)
    facts = check(store)
    assert facts is not None and facts.links is None


def test_a_rebuild_that_is_asked_for_begins_in_a_project_at_rest(place: Place, store: Counting) -> None:
    working = compactor(place, store)
    load(place, 10)
    at_rest(working, store)
    before = check(store)
    store.command("INSERT INTO facts_rebuilds (project_id) VALUES ({project:UInt32})", {"project": ALPHA.project_id})
    at_rest(working, store)
    after = check(store)
    assert before is not None and after is not None
    assert not set(after.segments) & set(before.segments)
