"""A kept result is given only while it is what the store would answer."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from tests.support.compaction.compared import PROJECT, USERS, Requests, compacted, compactor
from tests.support.loader.profile_requests import request, update
from tests.support.loader.story import Place
from tests.support.store.questions import ask, readers_of
from tests.support.store.tables import merge_all
from trackway.compaction import compactor as loop
from trackway.compaction import untidy
from trackway.domain.entry import unlink_payload
from trackway.query.expressions import parse
from trackway.query.facts_state import ask_for_rebuild
from trackway.query.reports.funnel import Funnel, FunnelQuestion, Step
from trackway.query.reports.funnels import funnels
from trackway.query.reports.run import Run, Statement
from trackway.query.reports.segmentation import Chosen, Segmentation, segmentation
from trackway.query.reports.series import Measure
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import UTC_DAYS
from trackway.query.sql.selector import Selector
from trackway.store.client import Store
from trackway.store.reader import Reader
from trackway.store.result_cache import ResultCache

pytestmark = pytest.mark.one_machine

TODAY = datetime.now(UTC).date()
DAYS = Buckets(UTC_DAYS, TODAY - timedelta(days=50), TODAY)
STEPS = [Step(Selector(name, None), name) for name in ("seen", "bought")]
QUESTIONS: dict[str, Any] = {
    "events": Segmentation(Chosen(PROJECT, [], DAYS), Measure.GENERAL, None, 100),
    "persons": Segmentation(Chosen(PROJECT, [], DAYS), Measure.UNIQUE, parse('properties["a"]'), 100),
    "profiles": Segmentation(Chosen(PROJECT, [], DAYS, parse('user["n"] > 3')), Measure.GENERAL, None, 100),
    "funnel": FunnelQuestion(PROJECT, Funnel(STEPS, 3_600_000), DAYS),
    "slow funnel": FunnelQuestion(PROJECT, Funnel(STEPS, 3_600_000), DAYS, on=parse('properties["a"]'), limit=100),
}


class Watched:
    """A reader that notes the statements it asks."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.states, self.refused, self.look = reader.states, reader.refused, reader.look
        self.asked: list[str] = []

    async def rows(self, project_id: int, sql: str, *given: Any, **named: Any) -> list[tuple[Any, ...]]:
        self.asked.append(sql)
        return await self._reader.rows(project_id, sql, *given, **named)

    def stream(self, project_id: int, sql: str, *given: Any, **named: Any) -> Any:
        self.asked.append(sql)
        return self._reader.stream(project_id, sql, *given, **named)

    def columns(self, project_id: int, sql: str, *given: Any, **named: Any) -> Any:
        self.asked.append(sql)
        return self._reader.columns(project_id, sql, *given, **named)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    monkeypatch.setattr(untidy, "TIDY_INTERVAL_S", 0)


def answer(store: Store, question: Any, results: ResultCache | None = None) -> tuple[Any, bool]:
    """The answer, and whether it was kept by an earlier run."""
    watched = Watched(readers_of(store).reports)
    run = Run(cast(Reader, watched), PROJECT, results=results)
    function = funnels if isinstance(question, FunnelQuestion) else segmentation
    found = asyncio.run(function(run, question))
    [statement] = run.statements
    assert statement.kept is (statement.sql not in watched.asked)
    return found, statement.kept


def settle(place: Place, store: Store) -> None:
    """Let reports read facts that hold all events."""
    compacted(place, store)


def add_events(place: Place, requests: Requests) -> None:
    place.append_payloads([requests.next(20, days_later=0.01)])
    place.load()


def add_profile(place: Place, number: int) -> None:
    changes = [update(user, {"$set": {"n": number}}) for user in USERS if user]
    place.append_payloads([request(*changes, project_id=PROJECT)])
    place.load()


def test_results_are_kept_until_their_data_change(place: Place, store: Store) -> None:
    results, requests = {name: ResultCache(1 << 20) for name in QUESTIONS}, Requests(1, place.began_us)
    add_events(place, requests)
    add_profile(place, 5)
    settle(place, store)

    def asked_anew() -> set[str]:
        """The questions that the store is asked. It is asked none of them again."""
        anew = set()
        for name, question in QUESTIONS.items():
            found, was_kept = answer(store, question, results[name])
            assert found == answer(store, question)[0], name
            assert answer(store, question, results[name]) == (found, True), name
            anew |= set() if was_kept else {name}
        return anew

    every = set(QUESTIONS)
    assert asked_anew() == every
    assert asked_anew() == set()
    add_events(place, requests)
    assert asked_anew() == every, "after new events"
    place.append_payloads([unlink_payload(PROJECT, place.began_us, "$device:d1", "a test")])
    place.load()
    assert asked_anew() == every, "after a link"
    add_profile(place, 1)
    assert asked_anew() == {"profiles"}, "after a profile"
    ask(store, ask_for_rebuild, PROJECT)
    for name, question in QUESTIONS.items():
        assert answer(store, question, results[name]) == (answer(store, question)[0], False), (name, "for a rebuild")
    settle(place, store)
    assert asked_anew() == every, "after the rebuild"


@pytest.mark.parametrize("seed", range(2))
def test_no_answer_is_out_of_date_whatever_happens(place: Place, store: Store, seed: int) -> None:
    chosen, requests, results = random.Random(seed), Requests(seed, place.began_us), ResultCache(1 << 20)
    add_events(place, requests)
    settle(place, store)
    working, kept = compactor(place, store), 0
    changes = (
        lambda: add_events(place, requests),
        lambda: add_profile(place, chosen.randrange(9)),
        lambda: working.turn(),
        lambda: merge_all(store, "events"),
        lambda: None,
    )
    for _ in range(7):
        chosen.choice(changes)()
        for question in QUESTIONS.values():
            found, was_kept = answer(store, question, results)
            assert found == answer(store, question)[0]
            kept += was_kept
    assert kept, "nothing was ever kept"


def test_nothing_of_one_project_answers_another(place: Place, store: Store) -> None:
    add_events(place, Requests(1, place.began_us))
    settle(place, store)
    results = ResultCache(1 << 20)

    async def keys() -> list[bytes | None]:
        found = []
        for project_id in (PROJECT, PROJECT + 1):
            run = Run(readers_of(store).reports, project_id, results=results)
            run._facts = (await Run(readers_of(store).reports, PROJECT).known()).facts
            found.append(await run._key(Statement("SELECT 1", {}), ""))
        return found

    first, second = asyncio.run(keys())
    assert first and second and first != second


def test_without_room_nothing_is_kept(place: Place, store: Store) -> None:
    add_events(place, Requests(1, place.began_us))
    settle(place, store)
    question = QUESTIONS["events"]
    assert [answer(store, question)[1] for _ in range(2)] == [False, False]
