"""Charts: figures arrive, and an SVG picture leaves that is safe to serve by itself.

The library draws. This module removes the parts for the library's script, so that the picture runs nothing, loads
nothing and has the same bytes for the same figures. A page holds it in an `<img>`, which applies the picture's own
style under the page's policy, and follows the reader's light or dark scheme. A screen reader gets only the description
of the picture, so each page shows the same figures in a table beside it, and the meaning of each color.
"""

import asyncio
import re
import sys
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import pygal
from pygal.style import Style

from trackway.web.limits import CHART_LABELS_MAX

# The library registers a finder of plug-ins. Python 3.12 no longer supports its kind, and warns at every later import.
# We have no plug-ins.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

_PIXELS_A_MARK: Final = 36
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STANDS_OUT: Final = 20
_FONT = "system-ui, sans-serif"
# At least 3:1 against both backgrounds. In this order each color differs from its neighbours in lightness, too.
COLORS: Final = ("#2477b8", "#868d96", "#b07408", "#d03b4f", "#2f8f6b", "#8a63c9", "#a0653a", "#5b7a1f")
_LOOK: Final[dict[str, Any]] = {
    "background": "transparent",
    "plot_background": "transparent",
    "foreground": "#1b1f24",
    "foreground_strong": "#1b1f24",
    "foreground_subtle": "#9aa1ab",
    "guide_stroke_color": "#9aa1ab",
    "major_guide_stroke_color": "#9aa1ab",
    "font_family": _FONT,
    "label_font_size": 15,
    "major_label_font_size": 15,
    "title_font_size": 18,
    "no_data_font_size": 24,
    "opacity": "1",
    "transition": "0s",
}
DARK = (
    "@media (prefers-color-scheme: dark){.title,.axis text,.axis text.major,text.no_data"
    "{fill:#e6e9ee}.axis .line,.axis .major.line{stroke:#e6e9ee}.axis .guide.line{stroke:#5c6470}}"
)


class Chart(NamedTuple):
    """A picture with its title, as the address of an `<img>`, its height in pixels at a width of 800, and its key.

    The address holds the picture itself, so that picture and table show the same figures. `key` has the name of each
    series with the place of its color in COLORS. A page writes the key below the picture, where it stays readable on a
    narrow screen.
    """

    title: str
    address: str
    height: int
    key: list[tuple[int, str]]


async def chart(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[int]],
    *,
    ticks: Collection[int] | None = None,
    top: int | None = None,
    height: int = 320,
    first_color: int = 0,
) -> Chart:
    """The chart of `bars`, for a page. A thread draws it: a year of eight names takes half a second, and the event loop
    answers other requests meanwhile."""
    draw = partial(bars, title, labels, series, ticks=ticks, top=top, height=height, first_color=first_color)
    return picture_of(title, await asyncio.to_thread(draw), height, list(series), first_color)


def picture_of(title: str, picture: bytes, height: int, names: Sequence[str], first_color: int = 0) -> Chart:
    """An SVG file of series with these names, for a page."""
    key = [((first_color + place) % len(COLORS), name) for place, name in enumerate(names)]
    return Chart(title, "data:image/svg+xml;base64," + b64encode(picture).decode(), height, key)


def bars(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[int]],
    *,
    ticks: Collection[int] | None = None,
    top: int | None = None,
    height: int = 320,
    first_color: int = 0,
) -> bytes:
    """A stacked bar chart as an SVG file in UTF-8, with a `<title>` and a `<desc>` that has each series' sum.

    Each label has one bar. Each series has one color, from `first_color` on, and one figure for each label. ticks: the
    places of the labels that are written below the axis, by default some at equal distances. top: the figure at which
    the axis ends. Higher bars are drawn up to there, in their proportions. All texts are escaped. Raises ValueError
    when a series has another number of figures.
    """
    chart = pygal.StackedBar(
        style=style_of(first_color),
        css=("file://style.css", "file://graph.css", f"inline:{DARK}"),
        js=[],
        no_prefix=True,
        width=800,
        height=height,
        margin=8,
        show_legend=False,
        truncate_label=-1,
        max_scale=height // _PIXELS_A_MARK,
        value_formatter=_whole,
        range=None if top is None else (0, top),
    )
    chart.title = xml_text(title)
    shown = some_places(len(labels)) if ticks is None else ticks
    chart.x_labels = [xml_text(label) if place in shown else "" for place, label in enumerate(labels)]
    for name, figures in series.items():
        if len(figures) != len(labels):
            raise ValueError(f"series {name!r} has {len(figures)} figures for {len(labels)} labels")
    for name, drawn_figures in zip(series, _below(top, list(series.values())), strict=True):
        chart.add(xml_text(name), drawn_figures)
    chart.add_xml_filter(lambda root: quiet(root, xml_text(_description(labels, series))))
    drawn: bytes = chart.render()
    return drawn


def style_of(first_color: int) -> Style:
    """The look of a chart, its colors from that place of COLORS on."""
    return Style(**_LOOK, colors=COLORS[first_color:] + COLORS[:first_color])


def some_places(labels: int) -> range:
    """At most CHART_LABELS_MAX places at equal distances."""
    return range(0, labels, max(1, -(-labels // CHART_LABELS_MAX)))


def _below(top: int | None, series: list[Sequence[int]]) -> list[list[float]]:
    """The figures. Those of a bar that is higher than the axis are scaled down by one factor."""
    if top is None:
        return [list(figures) for figures in series]
    shares = [min(1.0, top / (sum(bar) or 1)) for bar in zip(*series, strict=True)]
    return [[figure * share for figure, share in zip(figures, shares, strict=True)] for figures in series]


def top_of(totals: Sequence[int]) -> int | None:
    """The end of an axis on which a few outliers (an import) do not flatten all other bars. None without outliers.

    A bar is still visible at a `_STANDS_OUT`th of the highest. A bar that is so many times higher than the median is an
    outlier, and the axis ends somewhat above the other bars.
    """
    bars = sorted(total for total in totals if total)
    if not bars:
        return None
    ordinary = [total for total in bars if total <= _STANDS_OUT * bars[(len(bars) - 1) // 2]]
    return None if len(ordinary) == len(bars) else max(ordinary[-1] * 3 // 2, ordinary[-1] + 1)


def _whole(value: float) -> str:
    """A figure of the axis. Marks between whole numbers have no figure."""
    return f"{value:,.0f}" if value == int(value) else ""


def _description(labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> str:
    if not labels:
        return "Nothing to show."
    sums = ", ".join(f"{name} {sum(figures):,}" for name, figures in series.items())
    return f"Stacked bars from {labels[0]} to {labels[-1]}. In all: {sums}."


def quiet(root: Any, description: str) -> Any:
    """The drawing with a description, and without scripts, their data, and comments."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag in ("script", "desc"):
                parent.remove(child)
    root.set("role", "img")
    described = root.makeelement("desc", {})
    described.text = description
    root.insert([child.tag for child in root].index("title") + 1, described)
    return root


def xml_text(text: str) -> str:
    """The text with U+FFFD in place of characters that XML forbids (control characters, lone surrogates)."""
    return _NOT_XML.sub("\ufffd", text)
