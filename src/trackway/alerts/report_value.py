"""The figure of a saved report that an alert compares. Pure: the answer of the API arrives.

Of a report over time it is the figure of the last bucket that has ended, in the project's time zone: today's figures
grow until the evening. Of a report without times it is the total, and of a funnel the percentage of those who began and
came to its last step. Of retention it is the mean percentage of one period. A report with several series has one figure
for each.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from trackway.query.sql.days import Days
from trackway.web.funnel_table import FunnelTable
from trackway.web.report_table import Figure, Trend, label, trend_of
from trackway.web.retention_table import RetentionTable


class Figures(NamedTuple):
    """`by_series`: a figure for each series, None where there was nothing to measure. `of`: the time that they are of,
    in words."""

    by_series: Mapping[str, Figure]
    of: str


_WIDTHS: Final = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_NONE_YET: Final = Figures({}, "a time that has ended")


def trend_figures(answer: Mapping[str, Any], unit: str, days: Days, now_ms: int) -> Figures:
    """Of an answer of insights; a series to compare with is none of it. Raises TypeError for one without figures."""
    trend = trend_of({"series": answer["series"]})
    place = _ended(trend, unit, days, now_ms)
    if place is None:
        return _NONE_YET
    figures = {name: column[place] for name, column in trend.series.items()}
    return Figures(figures, label(trend.times[place], unit))


def funnel_figures(table: FunnelTable) -> Figures:
    """Of the steps of a funnel."""
    columns = table.values or {"the conversion": table.every}
    figures = {name: 100 * steps[-1].of_first if steps[0].came else None for name, steps in columns.items()}
    return Figures(figures, "the whole range, in percent")


def retention_figures(table: RetentionTable, unit: str, period: int) -> Figures:
    """Of a period of retention, which counts from 0. Nothing is measured while nobody began in a row of which the
    period has ended."""
    is_known = period < len(table.persons) and table.persons[period] > 0
    rows = table.values or {"retention": table.mean}
    figures = {name: 100 * row.cells[period].part if is_known else None for name, row in rows.items()}
    return Figures(figures, f"{unit} {period}, in percent")


def _ended(trend: Trend, unit: str, days: Days, now_ms: int) -> int | None:
    """The place of the last bucket that has ended."""
    for place in reversed(range(len(trend.times))):
        end_ms = _end_ms(trend.times[place], unit, days)
        if end_ms is None or end_ms <= now_ms:
            return place
    return None


def _end_ms(time: str, unit: str, days: Days) -> int | None:
    """When a bucket ends, in milliseconds since the epoch. None for the whole range, which is no bucket."""
    try:
        begin = datetime.fromisoformat(time)
    except ValueError:
        return None
    if unit in _WIDTHS:
        return int((begin + _WIDTHS[unit]).timestamp() * 1000)
    day = begin.date()
    if unit in _MONTHS:
        months = day.year * 12 + day.month - 1 + _MONTHS[unit]
        return days.start_ms(date(months // 12, months % 12 + 1, 1))
    return days.start_ms(day + timedelta(days=7 if unit == "week" else 1))
