"""The room of a funnel's numbers: a breakdown of too many values is refused before they fill the memory."""

from datetime import date

import pytest

from trackway.domain.errors import RequestError
from trackway.query.expressions import Property
from trackway.query.reports import funnel_totals
from trackway.query.reports.funnel import Funnel, FunnelQuestion, Step
from trackway.query.reports.funnel_events import BITS
from trackway.query.reports.funnel_totals import FunnelTotals
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import UTC_DAYS
from trackway.query.sql.selector import Selector

DAY = date(2020, 1, 1)
STEPS = 100


def question() -> FunnelQuestion:
    steps = [Step(Selector("A"), "A")] * STEPS
    return FunnelQuestion(1, Funnel(steps, 86_400_000), Buckets(UTC_DAYS, DAY, DAY), on=Property(1, False, "plan"))


def test_values_beyond_the_room_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(funnel_totals, "FUNNEL_NUMBERS_MAX", 50 * STEPS)
    totals, event = FunnelTotals(question()), UTC_DAYS.start_ms(DAY) << BITS | 1
    totals.add([[[[event, [f"value {number}"]]]] for number in range(50)])
    totals.add([[[[event, ["value 0"]]]]])
    with pytest.raises(RequestError, match="choose an expression of fewer values"):
        totals.add([[[[event, ["one more"]]]]])
