"""What the store gives for a plain funnel: the events of each person in one list of one block."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.compaction.compared import NAMES, PROJECT, Requests, compacted
from tests.support.loader.story import Place
from tests.support.store.questions import ask
from trackway.compaction import compactor as loop
from trackway.query.facts_state import known_of
from trackway.query.reports.funnel import Funnel, FunnelQuestion, Step
from trackway.query.reports.funnel_events import BITS, funnel_events, plain_events
from trackway.query.reports.run import Statement
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import UTC_DAYS
from trackway.query.sql.selector import Selector
from trackway.store.client import Store

STEPS = [Step(Selector(name), name) for name in NAMES[:3]]
TODAY = datetime.now(UTC).date()
ASKED = FunnelQuestion(PROJECT, Funnel(STEPS, 86_400_000), Buckets(UTC_DAYS, TODAY - timedelta(days=70), TODAY))


def lists_of(store: Store, statement: Statement, settings: str = "") -> list[dict[int, list[int]]]:
    """By block, the events of each person in their order."""
    found = []
    for _, who, _, events in store.query_columns(statement.sql + settings, statement.parameters | {"project": PROJECT}):
        persons: dict[int, list[int]] = defaultdict(list)
        for number, each in sorted(zip(who.tolist(), events.tolist(), strict=True)):
            persons[number].append(each)
        found.append(dict(persons))
    return found


def test_a_person_is_in_one_block_of_many_also_where_parts_go_to_the_disk(
    place: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    requests = Requests(1, place.began_us)
    place.append_payloads([requests.next(40) for _ in range(4)])
    place.load()
    compacted(place, store)
    place.append_payloads([requests.next(20)])
    place.load()
    known: Any = ask(store, known_of, PROJECT)
    alone = funnel_events(ASKED, known, with_who=True)
    rows = store.query(alone.sql, alone.parameters | {"project": PROJECT})
    expected = {who: [each >> BITS << len(STEPS) | each & (1 << BITS) - 1 for each in events] for events, who in rows}
    assert len(expected) > 1
    for settings in ("", ", max_bytes_before_external_group_by = 1, max_bytes_ratio_before_external_group_by = 0"):
        blocks = lists_of(store, plain_events(ASKED, known), settings)
        persons = [who for each in blocks for who in each]
        assert len(blocks) > 1
        assert len(persons) == len(set(persons))
        together = {who: events for each in blocks for who, events in each.items()}
        begun = {who: events for who, events in together.items() if any(each & 1 for each in events)}
        assert begun == expected
