"""Reports that follow persons: from times that are kept by person, as from the events."""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.compaction.compared import NAMES, PROJECT, Requests, compacted
from tests.support.loader.story import Place
from tests.support.store.questions import ask, readers_of
from trackway.compaction import compactor as loop
from trackway.compaction import persons
from trackway.query.expressions.tree import Literal
from trackway.query.facts_state import ask_for_rebuild
from trackway.query.reports.axis import Axis
from trackway.query.reports.births import Births
from trackway.query.reports.insights import Insights, Metric, count_metric
from trackway.query.reports.measures import Measure as Measured
from trackway.query.reports.measures import Subject
from trackway.query.reports.retention import Retention, retention
from trackway.query.reports.return_windows import Windows
from trackway.query.reports.run import Plain, Run, Statement
from trackway.query.reports.segmentation import Chosen, Segmentation, segmentation
from trackway.query.reports.series import Measure
from trackway.query.sql import person_times
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import Days, Unit
from trackway.query.sql.selector import Selector
from trackway.store.client import Store
from trackway.store.result_cache import ResultCache

TODAY = datetime.now(UTC).date()
ZONES = ("UTC", "America/Havana", "Asia/Kathmandu", "Europe/Berlin")
ENDS = ([1, 2, 3], list(range(1, 31)), [1, 4, 9], list(range(1, 300)))


class Smallest(Run):
    """A run on a store that never has room for more than the last form of a statement."""

    async def rows(
        self, statement: Statement, *smaller: Statement, plain: Plain | None = None
    ) -> list[tuple[Any, ...]]:
        return await super().rows((statement, *smaller)[-1], plain=plain)


class InParts(Run):
    """A run that fails unless each of its statements is asked for parts of the persons."""

    async def rows(
        self, statement: Statement, *smaller: Statement, plain: Plain | None = None
    ) -> list[tuple[Any, ...]]:
        found = await super().rows(statement, *smaller, plain=plain)
        assert len({each.sql for each in self.statements}) == 1 < len(self.statements)
        return found


def answers(store: Store, seed: int, kind: type[Run] = Run) -> Iterator[tuple[Any, bool]]:
    """Answers to random questions, and whether their statements read times by person."""
    chosen = random.Random(seed)
    for _ in range(6):
        unit = chosen.choice((Unit.DAY, Unit.WEEK, Unit.MONTH))
        first = TODAY - timedelta(days=chosen.choice((0, 5, 45, 70)))
        rows = Buckets(Days(chosen.choice(ZONES), chosen.choice((1, 7))), first, TODAY, unit)
        read = rows._replace(to_date=TODAY + timedelta(days=400 if unit is Unit.DAY else 100))
        born, back = (Selector(chosen.choice(("", "", *NAMES))) for _ in range(2))
        births = Births(PROJECT, rows, read, born, chosen.choice((born, back)), True, None)
        ends = chosen.choice(ENDS) if unit is Unit.DAY else ENDS[0]
        windows = Windows(unit, chosen.random() < 0.5, ends, chosen.random() < 0.3)
        returns = Retention(births, windows, 1)
        unique = Segmentation(Chosen(PROJECT, [], rows), Measure.UNIQUE, Literal(1, "all"), 1)
        active = Insights(PROJECT, Axis(rows), None, [], 1)
        metric = Metric([Selector()], Measured(Subject.PERSONS))
        for question in (
            lambda run, asked=returns: retention(run, asked),
            lambda run, asked=unique: segmentation(run, asked),
            lambda run, asked=active, metric=metric: count_metric(run, asked, metric),
        ):
            run = kind(readers_of(store).reports, PROJECT)
            answer = asyncio.run(question(run))
            yield answer, all("FROM facts_persons" in each.sql for each in run.statements)


@pytest.mark.parametrize("seed", range(2))
def test_they_are_the_same_as_of_events_with_links_late_copies_and_newer_events(
    place: Place, store: Store, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    monkeypatch.setattr(persons, "PERSONS_FACTS_AT_ONCE", 40)
    requests = Requests(seed, place.began_us)
    place.append_payloads([requests.next(20) for _ in range(4)])
    place.load()
    compacted(place, store)
    place.append_payloads([requests.next(20, days_later=1.2)])
    place.load()
    by_person = list(answers(store, seed))
    assert all(reads for _, reads in by_person)
    assert [answer for answer, _ in answers(store, seed, Smallest)] == [answer for answer, _ in by_person]
    monkeypatch.setattr(person_times, "PERSON_ROWS_AT_ONCE", 1)
    assert list(answers(store, seed, InParts)) == by_person
    results, shown = ResultCache(1 << 20), []
    for _ in range(2):
        run = Run(readers_of(store).reports, PROJECT, results=results)
        unique = Segmentation(Chosen(PROJECT, [], Buckets(Days(), TODAY, TODAY)), Measure.UNIQUE, Literal(1, "all"), 1)
        asyncio.run(segmentation(run, unique))
        shown.append([(each.sql, each.parameters) for each in run.statements])
    assert all(each.kept for each in run.statements) and shown[0] == shown[1]
    ask(store, ask_for_rebuild, PROJECT)
    by_events = list(answers(store, seed))
    assert not any(reads for _, reads in by_events)
    assert [answer for answer, _ in by_person] == [answer for answer, _ in by_events]


def test_persons_with_one_event_each_are_read_from_facts(
    place: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    monkeypatch.setattr(persons, "PERSONS_FEW_ROWS", 0)
    monkeypatch.setattr(persons, "PERSONS_SHARE", 1_000_000)
    place.append_payloads([Requests(1, place.began_us).next(40)])
    place.load()
    compacted(place, store)
    assert store.query("SELECT count() FROM facts_persons") == [(0,)]
    by_facts = list(answers(store, 1))
    assert not any(reads for _, reads in by_facts)
    ask(store, ask_for_rebuild, PROJECT)
    assert [answer for answer, _ in by_facts] == [answer for answer, _ in answers(store, 1)]
