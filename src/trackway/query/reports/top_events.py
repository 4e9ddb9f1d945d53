"""The events of today, and how they compare with the same share of yesterday (docs/reports.md)."""

from datetime import date, timedelta
from typing import NamedTuple

from trackway.query.reports.run import Run
from trackway.query.reports.segmentation import Chosen, Segmentation, segmentation
from trackway.query.reports.series import Measure
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import Days


class Moment(NamedTuple):
    """An instant in milliseconds since the epoch, and the days of a project."""

    days: Days
    now_ms: int

    @property
    def day(self) -> date:
        """The present day."""
        return self.days.day_of(self.now_ms)

    @property
    def elapsed(self) -> tuple[int, int]:
        """The seconds that have passed of the present day, one at least, and all its seconds: of 23, 24 or 25 hours."""
        begin_ms, before_ms = self.days.bounds_ms(self.day, self.day)
        return max((self.now_ms - begin_ms) // 1000, 1), (before_ms - begin_ms) // 1000


class TopEvent(NamedTuple):
    """An event's amount of today, and its change as a fraction."""

    amount: float
    event: str
    percent_change: float


async def top_events(run: Run, project_id: int, moment: Moment, measure: Measure, limit: int) -> list[TopEvent]:
    """The events with the highest amounts, then by name. Raises StoreError."""
    today, yesterday = moment.day, moment.day - timedelta(days=1)
    amounts = await _amounts(run, Chosen(project_id, [], Buckets(moment.days, today, today)), measure, limit)
    before: dict[str, float] = {}
    if amounts:
        chosen = Chosen(project_id, list(amounts), Buckets(moment.days, yesterday, yesterday))
        before = await _amounts(run, chosen, measure, limit)
    return [
        TopEvent(amount, name, percent_change(amount, before.get(name, 0), *moment.elapsed))
        for name, amount in amounts.items()
    ]


def percent_change(amount: float, yesterday: float, elapsed_s: int, day_s: int) -> float:
    """The change against the share of yesterday's amount that the seconds so far are of the day's; 1 if there was
    nothing yesterday."""
    return amount / (yesterday * (elapsed_s / day_s)) - 1 if yesterday else 1


async def _amounts(run: Run, chosen: Chosen, measure: Measure, limit: int) -> dict[str, float]:
    series = await segmentation(run, Segmentation(chosen, measure, None, limit))
    return {name: sum(points.values()) for name, points in series}
