"""Flows of which the store gives only the events beside anchors: the same as those of all events of a person."""

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

import pytest

from tests.support.store.questions import readers_of
from tests.support.store.tables import emptied
from trackway.query.expressions import parse
from trackway.query.reports import flow_events
from trackway.query.reports.flow import Anchor, Count, FlowQuestion
from trackway.query.reports.flows import Flows, follow
from trackway.query.reports.run import Run
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import UTC_DAYS, Unit
from trackway.query.sql.selector import Selector
from trackway.store.client import Store

MINE, OTHER, SEED = 7, 8, 20261130
NAMES = ("view", "cart", "order", "help")
HOUR_MS = 3_600_000
BEGIN_MS = 1_740_787_200_000  # 2025-03-01


@pytest.fixture(scope="module")
def filled(store: Store) -> Iterator[Store]:
    """Forty persons with up to sixty events in four days, many at one time and some of one name in a row."""
    chance = random.Random(SEED)
    times = [BEGIN_MS - 86_400_000 + chance.randrange(4 * 24 * 6) * HOUR_MS // 6 for _ in range(40 * 60)]
    fill(store, MINE, chance, times, NAMES)
    yield store
    emptied(store, "events")


@pytest.fixture(scope="module")
def dense(filled: Store) -> Store:
    """Forty persons with some sixty events each in a day, most of them of names in between; within the grace of each
    other or half an hour apart."""
    chance = random.Random(SEED + 1)
    times = [BEGIN_MS + chance.randrange(48) * HOUR_MS // 2 + chance.randrange(3) * 1000 for _ in range(40 * 60)]
    fill(filled, OTHER, chance, times, (*NAMES, *("look", "read", "zoom", "look") * 3))
    return filled


def fill(store: Store, project_id: int, chance: random.Random, times: Sequence[int], names: Sequence[str]) -> None:
    """Insert an event at each time, in milliseconds since the epoch."""
    rows = []
    for number, time_ms in enumerate(times):
        moment = datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        row = {
            "project_id": project_id, "time": moment, "event": chance.choice(names), "insert_id": str(number),
            "distinct_id": f"user-{chance.randrange(40)}", "endpoint": 1, "received": moment,
            "properties": json.dumps({"own": chance.randrange(3)}),
        }  # fmt: skip
        rows.append(json.dumps(row).encode())
    store.insert_rows("events", [*row], b"\n".join(rows), "JSONEachRow")


def flows(store: Store, asked: FlowQuestion) -> tuple[Flows, int]:
    """The flows, and the number of rows that were read for them."""
    rows = 0

    async def run() -> Flows:
        nonlocal rows
        ran = Run(readers_of(store).pages, asked.project_id)
        found = await follow(ran, asked, keeps_graph=True, keeps_paths=True)
        [statement] = ran.statements
        [[rows]] = await readers_of(store).pages.rows(
            asked.project_id, f"SELECT count() FROM ({statement.sql})", statement.parameters
        )
        return found

    return asyncio.run(run()), rows


@pytest.mark.parametrize("collapses", [True, False])
@pytest.mark.parametrize(
    ("anchor", "hidden", "forward", "reverse", "hours"),
    [
        (Selector("order"), (), 2, 0, 50),
        (Selector("order"), ("cart",), 3, 2, 3),
        (Selector("order"), ("order",), 3, 2, 50),
        (Selector(), ("cart",), 2, 1, 50),
        (Selector(), (), 0, 2, 3),
    ],
)
def test_they_are_those_of_all_events(
    filled: Store,
    monkeypatch: pytest.MonkeyPatch,
    anchor: Selector,
    hidden: tuple[str, ...],
    collapses: bool,
    forward: int,
    reverse: int,
    hours: int,
) -> None:
    days = Buckets(UTC_DAYS, date(2025, 3, 1), date(2025, 3, 2), Unit.DAY)
    asked = FlowQuestion(
        MINE,
        [Anchor(anchor, "begun", forward, reverse)],
        days,
        hours * HOUR_MS,
        where=parse('properties["own"] != 1'),
        hidden=frozenset(hidden),
        excluded=frozenset({"help"}) if hidden else frozenset(),
        collapses=collapses,
    )
    assert flow_events.is_short(asked)
    short, read = flows(filled, asked)
    monkeypatch.setattr(flow_events, "is_short", lambda _: False)
    whole, every = flows(filled, asked)
    assert vars(short) == vars(whole) and short.entered > 2
    assert read <= 40 * (1 + forward + reverse) and read < every


@pytest.mark.parametrize("collapses", [True, False])
@pytest.mark.parametrize(
    ("anchors", "hidden", "hours"),
    [
        ([("view", 1, 0), ("order", 2, 0)], (), 50),
        ([("view", 1, 1), ("order", 1, 2)], ("cart",), 50),
        ([("view", 0, 2), ("order", 0, 1), ("view", 2, 0)], (), 20),
        ([("order", 1, 1), ("order", 1, 1)], ("order",), 50),
        ([("", 1, 0), ("cart", 0, 1)], ("view",), 3),
        ([("view", 0, 3), ("cart", 1, 0)], (), 0.001),
    ],
)
def test_those_of_several_anchors_are_too(
    dense: Store,
    monkeypatch: pytest.MonkeyPatch,
    anchors: Sequence[tuple[str, int, int]],
    hidden: tuple[str, ...],
    hours: float,
    collapses: bool,
) -> None:
    asked = FlowQuestion(
        OTHER,
        [Anchor(Selector(event), f"anchor {at}", *beside) for at, (event, *beside) in enumerate(anchors)],
        Buckets(UTC_DAYS, date(2025, 3, 1), date(2025, 3, 2), Unit.DAY),
        int(hours * HOUR_MS),
        hidden=frozenset(hidden),
        excluded=frozenset({"help"}) if hidden else frozenset(),
        collapses=collapses,
    )
    assert flow_events.is_short(asked)
    short, read = flows(dense, asked)
    monkeypatch.setattr(flow_events, "is_short", lambda _: False)
    whole, every = flows(dense, asked)
    assert vars(short) == vars(whole) and short.entered > 2
    assert read < every


@pytest.mark.parametrize("counted", [Count.TOTAL, Count.SESSION])
def test_other_flows_are_not_short(counted: Count) -> None:
    days = Buckets(UTC_DAYS, date(2025, 3, 1), date(2025, 3, 2), Unit.DAY)
    one = Anchor(Selector("order"), "order", 1, 1)
    assert not flow_events.is_short(FlowQuestion(MINE, [one], days, HOUR_MS, counted))
    assert not flow_events.is_short(FlowQuestion(MINE, [one], days, None))
