"""The answer of a funnel as tables: the steps of everybody, and those of each value of its breakdown."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from trackway.edge.api.reports.retention import OVERALL
from trackway.web.csv_table import sheet_text


class Step(NamedTuple):
    """A step. `of_previous` and `of_first` are parts of 1. Times are in seconds, since the step before and since the
    first one; None for the first step, and where nobody came."""

    number: int
    event: str
    came: int
    of_previous: float
    of_first: float
    median_s: int | None
    mean_s: int | None
    median_from_first_s: int | None
    mean_from_first_s: int | None


class FunnelTable(NamedTuple):
    """`every`: the steps of everybody. `values`: those of each value of the breakdown, none without one."""

    every: Sequence[Step]
    values: Mapping[str, Sequence[Step]]

    @property
    def is_empty(self) -> bool:
        """Whether nobody began."""
        return not self.every[0].came

    def lost(self, step: int) -> int:
        """How many came to a step, which counts from 1, and to no later one."""
        return self.every[step - 1].came - (self.every[step].came if step < len(self.every) else 0)


def funnel_table(answer: Mapping[str, Any], *, broken_down: bool) -> FunnelTable:
    """The tables of an answer of `funnels` that has one bucket."""
    [found] = answer["data"].values()
    if not broken_down:
        return FunnelTable(_steps(found["steps"]), {})
    values = {value: _steps(steps) for value, steps in found.items() if value != OVERALL}
    return FunnelTable(_steps(found[OVERALL]), values)


def _steps(found: Sequence[Mapping[str, Any]]) -> list[Step]:
    return [
        Step(
            number,
            each["event"],
            each["count"],
            each["step_conv_ratio"],
            each["overall_conv_ratio"],
            each["median_time"],
            each["avg_time"],
            each["median_time_from_start"],
            each["avg_time_from_start"],
        )
        for number, each in enumerate(found, 1)
    ]


def csv_of_funnel(table: FunnelTable, by: str) -> str:
    """A row for each step, and for each value of the breakdown and step. Parts are of 1, times in seconds."""
    head = [
        "step", "event", "came", "of previous step", "of first step",
        "median s", "mean s", "median s from first step", "mean s from first step",
    ]  # fmt: skip
    if not by:
        return sheet_text(head, table.every)
    rows = [(value, *step) for value, steps in {OVERALL: table.every, **table.values}.items() for step in steps]
    return sheet_text([by, *head], rows)
