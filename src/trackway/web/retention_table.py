"""The answer of retention as tables: a row for each day, week or month in which users began, and their mean."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from trackway.edge.api.reports.retention import OVERALL
from trackway.web.csv_table import sheet_text

_AVERAGE: Final = "$average"
_SHADES: Final = 10


class Cell(NamedTuple):
    """How many came back in a period, a part of 1 of those who began. Of a mean row the number is a mean, too."""

    came: float
    part: float

    @property
    def shade(self) -> int:
        """The part in tenths, from 0 to 10: a class of the style sheet."""
        return min(_SHADES, round(self.part * _SHADES))


class Row(NamedTuple):
    """Those who began at a time, an instant in ISO 8601, "" for the mean of all. A period that has not begun has no
    cell, of a mean row one that no row has ended."""

    time: str
    began: float
    cells: Sequence[Cell]


class RetentionTable(NamedTuple):
    """`mean` and `rows` of everybody; `values`: the mean row of each value of the breakdown, none without one.
    `persons`: for each period of `mean`, how many began in the rows that it is of."""

    mean: Row
    rows: Sequence[Row]
    values: Mapping[str, Row]
    persons: Sequence[int]

    @property
    def is_empty(self) -> bool:
        """Whether nobody began."""
        return not any(row.began for row in self.rows)


def retention_table(answer: Mapping[str, Any], *, broken_down: bool) -> RetentionTable:
    """The tables of an answer of insights to a bookmark of retention."""
    [series] = answer["series"].values()
    every = series[OVERALL] if broken_down else series
    values = {value: _row("", rows[_AVERAGE]) for value, rows in series.items() if value != OVERALL and broken_down}
    rows = [_row(time, found) for time, found in every.items() if time != _AVERAGE]
    return RetentionTable(_row("", every[_AVERAGE]), rows, values, every[_AVERAGE]["persons"])


def _row(time: str, found: Mapping[str, Any]) -> Row:
    cells = [Cell(came, part) for came, part in zip(found["counts"], found["rates"], strict=True)]
    return Row(time, found["first"], cells)


def csv_of_retention(table: RetentionTable, by: str, unit: str) -> str:
    """A line for each row and period of everybody, then for each value of the breakdown and period of the mean."""
    head = ["began", "users", unit, "came back", "part"]
    lines = [(OVERALL, *line) for row in table.rows for line in _lines(row)]
    means = {OVERALL: table.mean, **table.values}
    lines += [(value, *line) for value, row in means.items() for line in _lines(row._replace(time="mean"))]
    return sheet_text([by, *head], lines) if by else sheet_text(head, (line[1:] for line in lines))


def _lines(row: Row) -> list[tuple[str, float, int, float, float]]:
    return [(row.time, row.began, period, *cell) for period, cell in enumerate(row.cells)]
