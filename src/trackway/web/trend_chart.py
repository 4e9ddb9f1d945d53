"""Charts of trends: lines, or bars beside each other, with figures of any kind and gaps where there are none.

The picture is as safe to serve as those of `chart`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal

import pygal

from trackway.web.chart import DARK, Chart, picture_of, quiet, some_places, style_of, xml_text
from trackway.web.limits import TREND_DOTS_MAX

Kind = Literal["line", "bar"]

_HEIGHT: Final = 360
_MARKS: Final = 8
_THICK: Final = ".line.reactive{stroke-width:2}"
_MARKED: Final = (
    ".mark{stroke:#868d96;stroke-width:1.5;stroke-dasharray:4,3}.mark-text{fill:#1b1f24;font-size:13px;"
    "font-family:system-ui,sans-serif}@media (prefers-color-scheme: dark){.mark-text{fill:#e6e9ee}}"
)
NO_MARKS: Final[Mapping[int, str]] = MappingProxyType({})
_HIGHEST: Final = 1e100
_DRAWN: Final[dict[str, Any]] = {"line": pygal.Line, "bar": pygal.Bar}


async def trend_chart(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    kind: Kind,
    marks: Mapping[int, str] = NO_MARKS,
) -> Chart:
    """The chart of `draw_trend`, for a page. A thread draws it, and the event loop answers other requests meanwhile."""
    picture = await asyncio.to_thread(draw_trend, title, labels, series, kind, marks)
    return picture_of(title, picture, _HEIGHT, list(series))


def draw_trend(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    kind: Kind,
    marks: Mapping[int, str] = NO_MARKS,
) -> bytes:
    """An SVG file in UTF-8. Each series has one color, in the order of COLORS, and one figure for each label. `marks`
    are short texts at places of labels, above a dashed line."""
    chart = _DRAWN[kind](
        style=style_of(0),
        css=("file://style.css", "file://graph.css", f"inline:{DARK}{_THICK}{_MARKED}"),
        js=[],
        no_prefix=True,
        width=800,
        height=_HEIGHT,
        margin=8,
        margin_right=32,
        show_legend=False,
        show_dots=len(labels) <= TREND_DOTS_MAX or _has_gaps(series),
        truncate_label=-1,
        max_scale=_MARKS,
        include_x_axis=True,
        allow_interruptions=True,
        value_formatter=lambda value: f"{value:,.10g}",
    )
    chart.title = xml_text(title)
    shown = some_places(len(labels))
    chart.x_labels = [xml_text(label) if place in shown else "" for place, label in enumerate(labels)]
    for name, figures in series.items():
        chart.add(xml_text(name), [_drawn(figure) for figure in figures])
    chart.add_xml_filter(lambda root: _marked(quiet(root, xml_text(_description(labels, series))), chart, marks))
    drawn: bytes = chart.render()
    return drawn


def _marked(root: Any, chart: Any, marks: Mapping[int, str]) -> Any:
    """The drawing with its marks, in the plot's own coordinates."""
    plot = next((each for each in root.iter() if each.get("class") == "plot"), None)
    if plot is None or not marks:
        return root
    top, bottom = chart.view.y(chart._box.ymax), chart.view.y(chart._box.ymin)
    for place, text in marks.items():
        x = f"{chart.view.x(chart._x_pos[place]):.1f}"
        line = plot.makeelement("line", {"class": "mark", "x1": x, "x2": x, "y1": f"{top:.1f}", "y2": f"{bottom:.1f}"})
        number = plot.makeelement(
            "text", {"class": "mark-text", "x": x, "y": f"{top - 3:.1f}", "text-anchor": "middle"}
        )
        number.text = xml_text(text)
        plot.extend([line, number])
    return root


def _has_gaps(series: Mapping[str, Sequence[float | None]]) -> bool:
    """Whether a figure may stand between two gaps, where only a dot shows it."""
    return any(figure is None for figures in series.values() for figure in figures)


def _drawn(figure: float | None) -> float | None:
    """A gap for a figure that no axis has room for, such as an infinite sum."""
    return None if figure is None or not abs(figure) <= _HIGHEST else figure


def _description(labels: Sequence[str], series: Mapping[str, Sequence[float | None]]) -> str:
    if not labels or not series:
        return "Nothing to show."
    return f"From {labels[0]} to {labels[-1]}: {', '.join(series)}. The figures are in the table."
