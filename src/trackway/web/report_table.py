"""The answer of a trend as a table: a row for each bucket of time, and a column for each series."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from trackway.web.csv_table import sheet_text

_WHOLE: Final = "$overall"
"""The whole of a breakdown, in the API's answer."""
BEFORE: Final = ", period before"
"""What the name of a series that is compared with ends in."""
Figure = float | None


class Trend(NamedTuple):
    """`times` are the keys of the answer, ISO 8601 with the project's offset, or `all`. Each series has one figure for
    each of them, None where there was nothing to measure."""

    times: list[str]
    series: dict[str, list[Figure]]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was counted."""
        return not any(figure for figures in self.series.values() for figure in figures)

    @property
    def changes(self) -> Mapping[str, float]:
        """By how much of 1 the figures of the whole range differ from those of the period before, by series. Without
        those that are not compared, and those that were nothing before."""
        found = {}
        for name, figures in self.series.items():
            before = next(iter(self.series.get(f"{name}{BEFORE}", [])), None)
            if before and figures[0] is not None:
                found[name] = (figures[0] - before) / abs(before)
        return found


def trend_of(answer: Mapping[str, Any]) -> Trend:
    """The table of an answer of insights. A breakdown has one series for each of its values, without the whole; a value
    of two levels is `books · phone`. A series of the period before follows its own, place by place.

    Raises TypeError for an answer whose values are no figures.
    """
    trend = _trend_of(answer["series"])
    if "time_comparison" not in answer:
        return trend
    earlier, length = _trend_of(answer["time_comparison"]["series"]), len(trend.times)
    both: dict[str, list[Figure]] = {}
    for name, figures in trend.series.items():
        before = earlier.series.get(name, [])[:length]
        both |= {name: figures, f"{name}{BEFORE}": [*before, *[None] * (length - len(before))]}
    return Trend(trend.times, both)


def _trend_of(metrics: Mapping[str, Any]) -> Trend:
    series: dict[str, Mapping[str, Figure]] = {}
    for name, found in metrics.items():
        for path, figures in _leaves(found):
            series[" · ".join(path if path and len(metrics) == 1 else (name, *path))] = figures
    times = list(dict.fromkeys(time for figures in series.values() for time in figures))
    return Trend(times, {name: [figures.get(time) for time in times] for name, figures in series.items()})


def _leaves(found: Any) -> Iterator[tuple[tuple[str, ...], Mapping[str, Figure]]]:
    """The series of a metric by the values of its breakdown, () for one that is not broken down."""
    if not isinstance(found, Mapping):
        raise TypeError("no figures")
    if not any(isinstance(each, Mapping) for each in found.values()):
        if not all(each is None or isinstance(each, int | float) for each in found.values()):
            raise TypeError("no figures")
        yield (), found
        return
    for value, inner in found.items():
        if value != _WHOLE:
            for path, figures in _leaves(inner):
                yield (value, *path), figures


def label(time: str, unit: str, *, short: bool = False) -> str:
    """A bucket of time as a reader sees it, in the project's clocks; for the axis of a picture without the year."""
    try:
        at = datetime.fromisoformat(time)
    except ValueError:
        return "Whole range"
    match unit:
        case "hour":
            return f"{at.day} {at:%b %H:%M}"
        case "month":
            return f"{at:%b %Y}"
    return f"{at.day} {at:%b}" if short else f"{at.day} {at:%b %Y}"


def figure_text(figure: Figure) -> str:
    """A figure, two decimals if it is not whole, its digits in groups; a dash for none."""
    if figure is None:
        return "\N{EN DASH}"
    text = f"{figure:,.0f}" if float(figure).is_integer() else f"{figure:,.2f}"
    return text.replace(",", "\N{NARROW NO-BREAK SPACE}")


def csv_of(trend: Trend) -> str:
    """The table as CSV, times in ISO 8601."""
    columns = trend.series.values()
    rows = ([time, *(figures[place] for figures in columns)] for place, time in enumerate(trend.times))
    return sheet_text(["time", *trend.series], rows)


def rows(trend: Trend, unit: str) -> Sequence[tuple[str, str, list[str]]]:
    """Each time with its label and the texts of its figures, the last time first."""
    columns = list(trend.series.values())
    found = [
        (time, label(time, unit), [figure_text(figures[place]) for figures in columns])
        for place, time in enumerate(trend.times)
    ]
    return found[::-1]
