"""The curve of retention."""

from typing import Final

from trackway.web.chart import Chart
from trackway.web.retention_form import UNITS
from trackway.web.retention_table import RetentionTable
from trackway.web.trend_chart import trend_chart

EVERYBODY: Final = "All users"


async def retention_chart(table: RetentionTable, unit: str, drawn_max: int) -> Chart:
    """The mean of all rows by period, in percent; with a breakdown a line for each of the first values. `unit` is one
    of UNITS."""
    means = dict(list(table.values.items())[:drawn_max]) or {EVERYBODY: table.mean}
    periods = max((len(row.cells) for row in means.values()), default=0)
    series = {
        name: [round(100 * each.part, 2) for each in row.cells] + [None] * (periods - len(row.cells))
        for name, row in means.items()
    }
    labels = [f"{UNITS[unit]} {period}" for period in range(periods)]
    return await trend_chart(f"Percent who came back, by {unit}", labels, series, "line")
