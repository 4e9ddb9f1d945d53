"""Reports of a project whose events are all among the facts."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.compaction.compared import PROJECT, Requests, compacted
from tests.support.loader.story import Place
from tests.support.store.questions import readers_of
from trackway.compaction import compactor as loop
from trackway.query.expressions import parse
from trackway.query.reports.run import Run
from trackway.query.reports.segmentation import Chosen, Segmentation, segmentation
from trackway.query.reports.series import Measure
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import UTC_DAYS
from trackway.store.client import Store

TODAY = datetime.now(UTC).date()
DAYS = Buckets(UTC_DAYS, TODAY - timedelta(days=50), TODAY + timedelta(days=1))


def asked(store: Store, on: str | None) -> tuple[float, str]:
    """How many events are counted, and the statements that count them."""
    run = Run(readers_of(store).reports, PROJECT)
    wanted = Segmentation(Chosen(PROJECT, [], DAYS), Measure.GENERAL, parse(on) if on else None, 100)
    series = asyncio.run(segmentation(run, wanted))
    return sum(sum(values.values()) for _, values in series), " ".join(each.sql for each in run.statements)


@pytest.mark.parametrize("on", [None, 'properties["a"]'])
def test_they_read_no_events_until_there_are_newer_ones(
    place: Place, store: Store, monkeypatch: pytest.MonkeyPatch, on: str | None
) -> None:
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    requests = Requests(1, place.began_us)
    place.append_payloads([requests.next(40)])
    place.load()
    compacted(place, store)
    settled, sql = asked(store, on)
    assert settled
    assert "FROM facts" in sql
    assert "FROM events" not in sql
    place.append_payloads([requests.next(20, days_later=0.01)])
    place.load()
    newer, sql = asked(store, on)
    assert newer > settled
    assert "FROM events" in sql
