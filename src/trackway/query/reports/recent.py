"""What a report is about that was asked without dates: the last days, or the last ones that have events.

A project whose events were all imported from elsewhere has none of the last days. An empty answer would say that it has
no events at all.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from trackway.query.reports.run import Run, Statement
from trackway.query.reports.segmentation import Chosen

Found = TypeVar("Found", dict[str, int], list[str])


class Recent(NamedTuple):
    """The events of a report. `dated`: their days were asked for, and are not just the last ones."""

    chosen: Chosen
    dated: bool


async def of_recent(run: Run, recent: Recent, ask: Callable[[Chosen], Awaitable[Found]]) -> Found:
    """What `ask` finds; where it finds nothing in the last days, as many days up to the newest event before."""
    found = await ask(recent.chosen)
    if found or recent.dated:
        return found
    buckets = recent.chosen.buckets
    newest_ms = await _newest_ms(run, recent.chosen)
    if newest_ms is None:
        return found
    last = buckets.days.day_of(newest_ms)
    first = last - (buckets.to_date - buckets.from_date)
    return await ask(recent.chosen._replace(buckets=buckets._replace(from_date=first, to_date=last)))


async def _newest_ms(run: Run, chosen: Chosen) -> int | None:
    events = chosen.between(None, chosen.buckets.bounds_ms[0])
    sql = events.select("count(), toUnixTimestamp64Milli(max(time))", deduplicated=False)
    [(count, newest_ms)] = await run.rows(Statement(sql, dict(events.parameters)))
    return newest_ms if count else None
