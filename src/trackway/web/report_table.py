"""The answer of a trend as a table: a row for each bucket of time, and a column for each series."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from trackway.web.csv_table import csv_text

_WHOLE: Final = "$overall"
"""The whole of a breakdown, in the API's answer."""
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


def trend_of(answer: Mapping[str, Any], *, broken_down: bool) -> Trend:
    """The table of an answer of insights. A breakdown has one series for each of its values, without the whole."""
    series: dict[str, Mapping[str, Figure]] = {}
    for name, found in answer["series"].items():
        if not broken_down:
            series[name] = found
            continue
        values = {value: figures for value, figures in found.items() if value != _WHOLE}
        alone = len(answer["series"]) == 1
        series |= {value if alone else f"{name} · {value}": figures for value, figures in values.items()}
    times = list(next(iter(series.values()), {}))
    return Trend(times, {name: [figures[time] for time in times] for name, figures in series.items()})


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
    return csv_text(["time", *trend.series], rows)


def rows(trend: Trend, unit: str) -> Sequence[tuple[str, str, list[str]]]:
    """Each time with its label and the texts of its figures, the last time first."""
    columns = list(trend.series.values())
    found = [
        (time, label(time, unit), [figure_text(figures[place]) for figures in columns])
        for place, time in enumerate(trend.times)
    ]
    return found[::-1]
