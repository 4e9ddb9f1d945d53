"""The most frequent values of a property of which there are no counts: by facts as by events."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.compaction.compared import PROJECT, Requests, compacted
from tests.support.loader.story import Place
from tests.support.store.questions import ask, readers_of
from trackway.compaction import compactor as loop
from trackway.compaction import hours
from trackway.query.expressions import parse
from trackway.query.facts_state import ask_for_rebuild
from trackway.query.reports.run import Run
from trackway.query.reports.segmentation import Chosen, Segmentation, segmentation
from trackway.query.reports.series import Measure, Series
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import UTC_DAYS
from trackway.store.client import Store

TODAY = datetime.now(UTC).date()
DAYS = Buckets(UTC_DAYS, TODAY - timedelta(days=50), TODAY + timedelta(days=1))


def top(store: Store, limit: int) -> tuple[Series, str]:
    """The answer and its statement."""
    run = Run(readers_of(store).reports, PROJECT)
    question = Segmentation(Chosen(PROJECT, [], DAYS), Measure.GENERAL, parse('properties["a"]'), limit)
    found = asyncio.run(segmentation(run, question))
    [statement] = run.statements
    return found, statement.sql


@pytest.mark.parametrize("has_hours", [True, False])
def test_they_have_all_events_of_facts_and_newer_ones(
    place: Place, store: Store, many_values: None, monkeypatch: pytest.MonkeyPatch, has_hours: bool
) -> None:
    """By the hours of values, and without them."""
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    monkeypatch.setattr(hours, "COUNTED_BYTES_MAX", 1000 if has_hours else 0)
    requests = Requests(1, place.began_us)
    for _ in range(2):
        place.append_payloads([requests.next(40) for _ in range(3)])
        place.load()
        compacted(place, store)
    place.append_payloads([requests.next(20, days_later=0.01)])
    place.load()
    by_facts = {limit: top(store, limit) for limit in (1, 3, 100)}
    ask(store, ask_for_rebuild, PROJECT)
    for limit, (found, sql) in by_facts.items():
        by_events, plain = top(store, limit)
        assert found == by_events
        assert "raw_0 IN (SELECT" in sql
        assert ("FROM facts_hours" in sql) == has_hours
        assert ("FROM facts WHERE" in sql) != has_hours
        assert "FROM facts " not in plain
    assert len(by_facts[100][0]) > len(by_facts[3][0]) == 3
