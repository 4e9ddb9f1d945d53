"""The picture of a funnel: bars for its steps, or for each step and value of a breakdown."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from trackway.web.chart import Chart, chart
from trackway.web.funnel_table import FunnelTable
from trackway.web.trend_chart import trend_chart

CAME: Final = "came"
LOST: Final = "lost since the step before"
_LABEL_CHARACTERS: Final = 80
"""Characters of all labels together that fit below the axis."""
_HEIGHT: Final = 360


async def funnel_chart(table: FunnelTable, drawn_max: int) -> Chart:
    """Of everybody the numbers; with a breakdown, the percentages of the first step, of `drawn_max` values."""
    labels = _labels([step.event for step in table.every])
    if not table.values:
        counts = [step.came for step in table.every]
        lost = [0, *(before - after for before, after in pairwise(counts))]
        return await chart("From step to step", labels, {CAME: counts, LOST: lost}, height=_HEIGHT)
    drawn = list(table.values.items())[:drawn_max]
    series = {value: [round(100 * step.of_first, 2) for step in steps] for value, steps in drawn}
    return await trend_chart("Percent of the first step", labels, series, "bar")


def _labels(events: Sequence[str]) -> list[str]:
    """Numbered names, cut so that they do not meet."""
    room = max(6, _LABEL_CHARACTERS // len(events) - 3)
    cut = (event if len(event) <= room else f"{event[: room - 1]}…" for event in events)
    return [f"{number}. {event}" for number, event in enumerate(cut, 1)]
