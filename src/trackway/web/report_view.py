"""What a page shows of an answered bookmark: a picture and a table, a table alone, or numbers.

Trends, saved reports, dashboards and shared links show the same view, so one report looks the same in all of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.documents import Bookmark
from trackway.edge.api.reports.bookmarks.strict_json import strict_json
from trackway.web.chart import Chart
from trackway.web.chart_notes import Note, marks_of
from trackway.web.limits import TREND_DRAWN_MAX
from trackway.web.report_bookmark import TABLE_STYLE
from trackway.web.report_table import Trend, label, rows, trend_of
from trackway.web.trend_chart import trend_chart

_LINES: Final = ("line", "stacked-line")
_BARS: Final = ("column", "stacked-column")


class Shape(NamedTuple):
    """How a report is shown. `chart` is one of the charts of Trends, `unit` the unit of its times."""

    chart: str
    unit: str


class View(NamedTuple):
    """`picture` is None for tables and numbers, and where nothing was counted. `undrawn`: series that the picture
    leaves out. `is_cut`: the breakdown has more values than are shown. `head` says what the rows are, if not times.
    `is_empty`: nothing was counted. `sum` says of how many the figures are a part, "" where they say it themselves.
    `notes`: the annotations on the picture, None where they cannot be read now. `users_min`: values that fewer users
    have are left out, 0 where none is."""

    heading: str
    chart: str
    trend: Trend
    rows: Sequence[tuple[str, str, list[str]]]
    picture: Chart | None
    undrawn: int
    is_cut: bool
    head: str = "Time"
    is_empty: bool = False
    sum: str = ""
    notes: Sequence[Note] | None = ()
    users_min: int = 0


def shape_of(params: str) -> Shape:
    """The shape that a bookmark asks for, as JSON text. Raises RequestError 400."""
    bookmark = strict_json(params, Bookmark, "the definition")
    display, time = bookmark.displayOptions, bookmark.sections.time
    unit = time[0].unit if time else "day"
    if display.chartType in _BARS:
        return Shape("bar", unit)
    if display.chartType in _LINES:
        return Shape("table" if display.plotStyle == TABLE_STYLE else "line", unit)
    return Shape("number", unit)


async def view_of(heading: str, shape: Shape, answer: Mapping[str, Any], notes: Sequence[Note] | None = ()) -> View:
    """The view of an answer, with annotations marked on its picture. Raises RequestError 400 for an answer that is no
    table of figures."""
    try:
        trend = trend_of(answer)
    except TypeError as error:
        raise RequestError(400, "its answer is no table of figures by time") from error
    drawn = dict(list(trend.series.items())[:TREND_DRAWN_MAX])
    picture = None
    if shape.chart in ("line", "bar") and not trend.is_empty:
        labels = [label(each, shape.unit, short=True) for each in trend.times]
        picture = await trend_chart(
            heading, labels, drawn, "bar" if shape.chart == "bar" else "line", marks_of(notes or (), trend.times)
        )
    is_cut = bool(answer["meta"]["is_segmentation_limit_hit"])
    left_out = len(trend.series) - len(drawn)
    return View(
        heading,
        shape.chart,
        trend,
        rows(trend, shape.unit),
        picture,
        left_out,
        is_cut,
        is_empty=trend.is_empty,
        notes=notes if picture else (),
    )
