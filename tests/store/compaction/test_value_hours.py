"""Hours of facts by value: with facts that have none and newer events, they are the events at every step."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.compaction.compared import PROJECT, Requests, check, compacted
from tests.support.loader.story import Place
from tests.support.store.questions import ask
from trackway.compaction import compactor as loop
from trackway.compaction import derived, hours, untidy
from trackway.query.facts_state import facts_of
from trackway.query.sql.segments import HOURS, Facts
from trackway.store.client import Store


@pytest.fixture
def store(place: Place, many_values: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    monkeypatch.setattr(untidy, "TIDY_INTERVAL_S", 0)
    with closing(Store(place.url)) as made:
        yield made


def covered(facts: Facts) -> set[int]:
    """The segments that have hours of the first property together with others."""
    return {segment for segments in facts.rolled_up(HOURS, 0).values() for segment in segments}


@pytest.mark.parametrize("seed", range(2))
def test_they_are_the_events_while_segments_come_and_are_merged(
    place: Place, store: Store, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With late copies of older events, which take facts of segments out, and days that have such copies."""
    monkeypatch.setattr(derived, "COUNTED_BYTES_MAX", 0)
    requests = Requests(seed, place.began_us)
    segments: list[int] = []
    for step in range(8):
        place.append_payloads([requests.next(12, days_later=step % 3 * 0.7)])
        place.load()
        assert step == 0 or check(store, turn=step)
        compacted(place, store)
        facts = check(store, turn=step)
        assert facts and (covered(facts) or len(facts.segments) == 1)
        segments.append(len(facts.segments))
    assert max(segments) > segments[-1], segments


def two_segments(place: Place, store: Store, seed: int) -> Facts:
    requests = Requests(seed, place.began_us)
    for _ in range(2):
        place.append_payloads([requests.next(30)])
        place.load()
        compacted(place, store)
    facts = ask(store, facts_of, PROJECT)
    assert facts is not None and len(facts.segments) == 2
    return facts


@pytest.mark.one_machine
def test_a_rollup_that_an_older_version_made_gets_them(place: Place, store: Store) -> None:
    """Until then its facts are read."""
    two_segments(place, store, 3)
    store.command(f"TRUNCATE TABLE {HOURS}")
    older = f"arrayFilter(each -> tupleElement(each, 2) != '{HOURS}', derived) AS derived"
    newest = "FROM facts_versions ORDER BY sequence DESC LIMIT 1"
    store.command(f"INSERT INTO facts_versions SELECT * REPLACE (sequence + 1 AS sequence, {older}) {newest}")
    facts = check(store)
    assert facts and facts.rollups and not covered(facts)
    compacted(place, store)
    facts = check(store)
    assert facts and covered(facts) == set(facts.segments)
    assert store.query(f"SELECT count() > 0 FROM {HOURS}") == [(True,)]


def test_the_most_frequent_value_has_a_row_for_each_segment(place: Place, store: Store) -> None:
    """All other hours of a name and value are in one row."""
    facts = two_segments(place, store, 4)
    assert covered(facts) == set(facts.segments)
    [(frequent,)] = store.query("SELECT s00 FROM facts GROUP BY s00 ORDER BY count() DESC, s00 LIMIT 1")
    rows = store.query(f"SELECT raw, count() FROM {HOURS} WHERE slot = 0 GROUP BY event, raw, period")
    assert {raw for raw, number in rows if number > 1} == {frequent}
    assert check(store)


def test_values_that_hardly_come_again_have_none(place: Place, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hours, "HOURS_SHARE", 50)
    facts = two_segments(place, store, 4)
    assert facts.rollups and not covered(facts)
    assert store.query(f"SELECT count() FROM {HOURS} WHERE slot = 0") == [(0,)]
