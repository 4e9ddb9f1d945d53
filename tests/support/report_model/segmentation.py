"""`segmentation` and its siblings: the events of one name by the values of an expression."""

import math
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from tests.support.report_model.clock import Buckets
from tests.support.report_model.measures import (
    by_bucket,
    counted,
    first,
    grouped,
    points,
    points_by_key,
    series,
)
from tests.support.report_model.project_events import Event, ProjectEvents
from trackway.query.expressions import Value


def segmentation(
    project: ProjectEvents,
    *,
    event: str,
    from_date: date,
    to_date: date,
    type: str = "general",
    unit: str = "day",
    interval: int | None = None,
    on: str | None = None,
    where: str | None = None,
    limit: int = 60,
) -> dict[str, Any]:
    """Without `on` the keys are the names of events."""
    buckets = Buckets(project.clock, from_date, to_date, unit, interval)
    events = counted(project.matching(event, where), buckets, type)
    if on is not None:
        groups = grouped(events, lambda each: project.keys(each, on))
        return series(first(points_by_key(groups, buckets, type), limit), buckets)
    asked: dict[str, list[Event]] = {event: []} if event else {}
    by_name = asked | grouped(events, lambda each: [each.name])
    return series(points_by_key(by_name, buckets, type), buckets)


def multiseg(
    project: ProjectEvents,
    *,
    event: str,
    from_date: date,
    to_date: date,
    inner: str,
    outer: str,
    type: str = "general",
    unit: str = "day",
    where: str | None = None,
    limit: int = 60,
) -> dict[str, Any]:
    """Each of the top outer values with each of the top inner values, also where no event has both."""
    buckets = Buckets(project.clock, from_date, to_date, unit)
    events = counted(project.matching(event, where), buckets, type)

    def top(expression: str) -> list[str]:
        groups = grouped(events, lambda each: project.keys(each, expression))
        return list(first(points_by_key(groups, buckets, type), limit))

    def cell(outer_key: str, inner_key: str) -> list[Event]:
        of_outer = (each for each in events if outer_key in project.keys(each, outer))
        return [each for each in of_outer if inner_key in project.keys(each, inner)]

    inner_keys = top(inner)
    rows = {key: {name: cell(key, name) for name in inner_keys} for key in top(outer)}
    values = {key: {name: points(own, buckets, type) for name, own in cells.items()} for key, cells in rows.items()}
    return {"data": {"series": buckets.keys, "values": values}, "legend_size": sum(map(len, values.values()))}


def numeric(
    project: ProjectEvents,
    *,
    event: str,
    from_date: date,
    to_date: date,
    on: str,
    type: str = "general",
    unit: str = "day",
    where: str | None = None,
    buckets: int = 5,
) -> dict[str, Any]:
    """Ranges of equal widths; a number belongs to the range that begins with it. All but numbers is left out."""
    times = Buckets(project.clock, from_date, to_date, unit)
    events = project.matching(event, where)
    values = {each: project.value(each, on) for each in events if times.key(each.time_ms) is not None}
    numbers = {each: Decimal(repr(value)) for each, value in values.items() if _is_number(value)}
    width = round_width(min(numbers.values()), max(numbers.values()), buckets) if numbers else Decimal(1)
    ranges = grouped(numbers, lambda each: [math.floor(numbers[each] / width)])
    groups = {_range_key(place * width, width): counted(ranges[place], times, type) for place in sorted(ranges)}
    return series({key: points(own, times, type) for key, own in groups.items() if own}, times)


def _range_key(begin: Decimal, width: Decimal) -> str:
    texts = (f"{bound:,f}" for bound in (begin, begin + width))
    return " - ".join(text.rstrip("0").rstrip(".") if "." in text else text for text in texts)


def _is_number(value: Value) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def round_width(lowest: Decimal, highest: Decimal, count: int) -> Decimal:
    """The least of 1, 2, 5, 10, 20, 50, … and their tenths with which `count` ranges hold all numbers. One number has a
    width of 1, or one that a double of its size can tell apart."""
    exponent = (highest - lowest).adjusted() - 4 if highest > lowest else max(0, lowest.adjusted() - 15)
    while True:
        for digit in (1, 2, 5):
            width = digit * Decimal(10) ** exponent
            if math.floor(highest / width) - math.floor(lowest / width) < count:
                return width
        exponent += 1


def sums(project: ProjectEvents, **asked: Any) -> dict[str, Any]:
    """`segmentation/sum`: the sum of a value in each bucket. All but numbers counts as 0."""
    return {"status": "ok", "results": _of_numbers(project, math.fsum, **asked)}


def averages(project: ProjectEvents, **asked: Any) -> dict[str, Any]:
    """`segmentation/average`: the same for the mean of all events, 0 without any."""
    return {"results": _of_numbers(project, _mean, **asked), "status": "ok"}


def _mean(numbers: Sequence[float]) -> float:
    return math.fsum(numbers) / len(numbers) if numbers else 0.0


def _of_numbers(
    project: ProjectEvents,
    combined: Callable[[Sequence[float]], float],
    *,
    event: str,
    from_date: date,
    to_date: date,
    on: str,
    unit: str = "day",
    where: str | None = None,
) -> dict[str, float]:
    def number(each: Event) -> float:
        value = project.value(each, on)
        return value if isinstance(value, float) and math.isfinite(value) else 0.0

    events = project.matching(event, where)
    buckets = Buckets(project.clock, from_date, to_date, unit)
    return by_bucket(events, buckets, lambda each: combined(list(map(number, each))))
