"""A bookmark for retention, as a question (docs/reports.md)."""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.documents import Behavior, Bookmark, Measurement
from trackway.edge.api.reports.bookmarks.filters import Calendar, filters_expression
from trackway.edge.api.reports.bookmarks.insights import level_of, range_of
from trackway.edge.api.reports.bookmarks.metrics import selector_of, with_filter
from trackway.edge.api.reports.bookmarks.sections import check_sections
from trackway.edge.api.reports.bookmarks.strict_json import not_built
from trackway.edge.api.reports.parameters import buckets
from trackway.edge.api.reports.retention import check_values, last_day
from trackway.edge.limits import RETENTION_UNITS_MAX
from trackway.query.reports.births import Births
from trackway.query.reports.retention import Retention
from trackway.query.reports.return_windows import Windows
from trackway.query.sql.days import Unit

_COMPOUNDED: Final = "compounded"
_CHOOSING: Final = ("name", "filters", "filtersDeterminer")
"""Fields of an event by which it is chosen."""
_UNITS: Final = {"day": Unit.DAY, "week": Unit.WEEK, "month": Unit.MONTH}
_DAYS: Final = {Unit.DAY: 1, Unit.WEEK: 7, Unit.MONTH: 30}
_UNBOUNDED: Final = {None: False, "none": False, "carry_back": True}
"""Whether who comes back counts in all buckets before, too."""


class RetentionQuestion(NamedTuple):
    """What a bookmark asks for; `name` of its one series."""

    name: str
    retention: Retention
    headers: Sequence[str]


def read_retention_bookmark(bookmark: Bookmark, project_id: int, calendar: Calendar, limit: int) -> RetentionQuestion:
    """The question of a bookmark. Raises RequestError 400, naming the field."""
    check_sections(bookmark)
    show, path = bookmark.sections.show, "sections.show.0"
    if len(show) != 1 or show[0].behavior is None:
        raise RequestError(400, "sections.show must be one metric of retention")
    behavior, groups = show[0].behavior, bookmark.sections.group or []
    _check_measurement(show[0].measurement or Measurement(), f"{path}.measurement")
    if len(groups) > 1:
        raise RequestError(400, "sections.group must be one property at most")
    levels = [level_of(each, f"sections.group.{number}") for number, each in enumerate(groups)]
    if any(level.width is not None for level in levels):
        raise not_built("sections.group.0.customBucket", groups[0].customBucket)
    events = behavior.behaviors or []
    if len(events) != 2:
        raise RequestError(400, f"{path}.behavior.behaviors must be two events")
    where = filters_expression(bookmark.sections.filter, "all", calendar, "sections.filter")
    born, returning = (
        with_filter(selector_of(each, calendar, f"{path}.behavior.behaviors.{number}"), where)
        for number, each in enumerate(events)
    )
    windows, days = _windows(behavior, range_of(bookmark.sections.time, calendar), f"{path}.behavior")
    rows = buckets(calendar.days, *days, windows.unit)
    check_values(len(rows.keys()) * len(windows.ends))
    read = rows._replace(to_date=last_day(rows, windows, calendar.today))
    once = behavior.retentionType != _COMPOUNDED
    if not once:
        if any(getattr(events[0], name) != getattr(events[1], name) for name in _CHOOSING):
            raise RequestError(400, f"{path}.behavior.behaviors must be the same event twice for {_COMPOUNDED}")
        born = returning
    births = Births(project_id, rows, read, born, returning, once, levels[0].on if levels else None)
    name = show[0].name or f"{events[0].renamed or events[0].name} and then {events[1].renamed or events[1].name}"
    headers = ["$metric", *(str(each.propertyName or each.value) for each in groups)]
    return RetentionQuestion(name, Retention(births, windows, limit), headers)


def _check_measurement(asked: Measurement, path: str) -> None:
    if asked.math not in (None, "retention_rate", "unique"):
        raise not_built(f"{path}.math", asked.math)
    for name in ("property", "retentionSegmentationEvent", "perUserAggregation", "dataGroupId", "retentionCumulative"):
        if value := getattr(asked, name):
            raise not_built(f"{path}.{name}", value)
    if asked.segmentMethod not in (None, "all"):
        raise not_built(f"{path}.segmentMethod", asked.segmentMethod)


def _windows(behavior: Behavior, days: tuple[date, date], path: str) -> tuple[Windows, tuple[date, date]]:
    """Buckets up to as many units as the range has, unless the bookmark names where each ends."""
    unit = _UNITS.get(behavior.retentionUnit or "day")
    if unit is None:
        raise not_built(f"{path}.retentionUnit", behavior.retentionUnit)
    if behavior.retentionAlignmentType not in (None, "birth", "interval_start"):
        raise not_built(f"{path}.retentionAlignmentType", behavior.retentionAlignmentType)
    if behavior.retentionType not in (None, "birth", _COMPOUNDED):
        raise not_built(f"{path}.retentionType", behavior.retentionType)
    if behavior.retentionUnboundedMode not in _UNBOUNDED:
        raise not_built(f"{path}.retentionUnboundedMode", behavior.retentionUnboundedMode)
    ends = behavior.retentionCustomBucketSizes or []
    rising = all(before < after for before, after in zip([0, *ends], ends, strict=False))
    if not rising or (ends and ends[-1] > RETENTION_UNITS_MAX):
        raise RequestError(
            400,
            f"{path}.retentionCustomBucketSizes must be rising whole numbers from 1 to {RETENTION_UNITS_MAX}",
        )
    units = -(-((days[1] - days[0]).days + 1) // _DAYS[unit])
    ends = ends or list(range(1, min(units, RETENTION_UNITS_MAX - 1) + 2))
    unbounded = bool(behavior.retentionUnbounded) or _UNBOUNDED[behavior.retentionUnboundedMode]
    return Windows(unit, behavior.retentionAlignmentType != "interval_start", ends, unbounded), days
