"""Flows of which the store gives only the events beside the anchor: the same as those of all events of a person."""

import asyncio
import json
import random
from collections.abc import Iterator
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

MINE, SEED = 7, 20261130
NAMES = ("view", "cart", "order", "help")
HOUR_MS = 3_600_000
BEGIN_MS = 1_740_787_200_000  # 2025-03-01


@pytest.fixture(scope="module")
def filled(store: Store) -> Iterator[Store]:
    """Forty persons with up to sixty events in four days, many at one time and some of one name in a row."""
    chance = random.Random(SEED)
    rows = []
    for number in range(40 * 60):
        time_ms = BEGIN_MS - 86_400_000 + chance.randrange(4 * 24 * 6) * HOUR_MS // 6
        moment = datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        row = {
            "project_id": MINE, "time": moment, "event": chance.choice(NAMES), "insert_id": str(number),
            "distinct_id": f"user-{chance.randrange(40)}", "endpoint": 1, "received": moment,
            "properties": json.dumps({"own": chance.randrange(3)}),
        }  # fmt: skip
        rows.append(json.dumps(row).encode())
    store.insert_rows("events", [*row], b"\n".join(rows), "JSONEachRow")
    yield store
    emptied(store, "events")


def flows(store: Store, asked: FlowQuestion) -> tuple[Flows, int]:
    """The flows, and the number of rows that were read for them."""
    rows = 0

    async def run() -> Flows:
        nonlocal rows
        ran = Run(readers_of(store).pages, MINE)
        found = await follow(ran, asked, keeps_graph=True, keeps_paths=True)
        [statement] = ran.statements
        [[rows]] = await readers_of(store).pages.rows(
            MINE, f"SELECT count() FROM ({statement.sql})", statement.parameters
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


@pytest.mark.parametrize("counted", [Count.TOTAL, Count.SESSION])
def test_other_flows_are_not_short(counted: Count) -> None:
    days = Buckets(UTC_DAYS, date(2025, 3, 1), date(2025, 3, 2), Unit.DAY)
    one = Anchor(Selector("order"), "order", 1, 1)
    assert not flow_events.is_short(FlowQuestion(MINE, [one], days, HOUR_MS, counted))
    assert not flow_events.is_short(FlowQuestion(MINE, [one], days, None))
    assert not flow_events.is_short(FlowQuestion(MINE, [one, one], days, HOUR_MS))
