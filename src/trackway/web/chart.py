"""Charts: figures come in, an SVG picture leaves that is safe to serve by itself.

The library draws; what it adds for its own script is taken out again, so that the picture runs nothing, loads nothing
and is the same bytes for the same figures. A page holds it in an `<img>`, which applies the picture's own style under
the page's policy and follows the reader's light or dark scheme. A picture says nothing to a screen reader beyond its
description: each page shows the same figures in a table beside it.
"""

import re
import sys
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pygal
from pygal.style import Style

# The library has its finder of plug-ins, of a kind that Python 3.12 no longer knows, asked for every module that is
# imported from then on, where it draws a warning. We have no plug-ins.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

LABELS_SHOWN_MAX: Final = 8
LEGEND_CHARACTERS_MAX: Final = 18
"""Four names a line; what is longer is cut there, and whole in the table."""
_LEGEND_COLUMNS = 4
_LEGEND_LINE = 24
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FONT = "system-ui, sans-serif"
# At least 3:1 against both backgrounds; in this order each differs from its neighbours in lightness also.
_COLORS = ("#2477b8", "#868d96", "#b07408", "#d03b4f", "#2f8f6b", "#8a63c9", "#a0653a", "#5b7a1f")
_STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#1b1f24",
    foreground_strong="#1b1f24",
    foreground_subtle="#9aa1ab",
    guide_stroke_color="#9aa1ab",
    major_guide_stroke_color="#9aa1ab",
    font_family=_FONT,
    label_font_size=15,
    major_label_font_size=15,
    legend_font_size=16,
    title_font_size=18,
    no_data_font_size=24,
    opacity="1",
    transition="0s",
    colors=_COLORS,
)
_DARK = (
    "@media (prefers-color-scheme: dark){.title,.legends .legend text,.axis text,.axis text.major,text.no_data"
    "{fill:#e6e9ee}.axis .line,.axis .major.line{stroke:#e6e9ee}.axis .guide.line{stroke:#5c6470}}"
)


def bars(title: str, labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> bytes:
    """A stacked bar chart as an SVG file in UTF-8, with a `<title>` and a `<desc>` that tells each series' sum.

    One bar a label, one color a series in the order given; each series has as many figures as there are labels.
    Any text is text. Raises ValueError when a series has another number of figures.
    """
    chart = pygal.StackedBar(
        style=_STYLE,
        css=("file://style.css", "file://graph.css", f"inline:{_DARK}"),
        js=[],
        no_prefix=True,
        width=800,
        height=320,
        margin=8,
        margin_bottom=8 + _missing_margin(len(series)),
        legend_at_bottom=True,
        legend_at_bottom_columns=_LEGEND_COLUMNS,
        truncate_label=-1,
        truncate_legend=LEGEND_CHARACTERS_MAX,
        show_minor_x_labels=False,
        x_labels_major_every=max(1, -(-len(labels) // LABELS_SHOWN_MAX)),
        value_formatter=_whole,
    )
    chart.title = _xml(title)
    chart.x_labels = [_xml(label) for label in labels]
    for name, figures in series.items():
        if len(figures) != len(labels):
            raise ValueError(f"series {name!r} has {len(figures)} figures for {len(labels)} labels")
        chart.add(_xml(name), list(figures))
    chart.add_xml_filter(lambda root: _quiet(root, _xml(_description(labels, series))))
    drawn: bytes = chart.render()
    return drawn


def _missing_margin(series: int) -> int:
    """The library leaves room for the full lines of a legend only, and for one less than none below four names."""
    lines = -(-series // _LEGEND_COLUMNS)
    return (lines - series // _LEGEND_COLUMNS) * _LEGEND_LINE


def data_uri(picture: bytes) -> str:
    """The picture as the address of an `<img>`: with the page, so that it shows what the page's table says."""
    return "data:image/svg+xml;base64," + b64encode(picture).decode()


def _whole(value: float) -> str:
    """A figure of the axis: marks between whole numbers have none."""
    return f"{value:,.0f}" if value == int(value) else ""


def _description(labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> str:
    if not labels:
        return "Nothing to show."
    sums = ", ".join(f"{name} {sum(figures):,}" for name, figures in series.items())
    return f"Stacked bars from {labels[0]} to {labels[-1]}. In all: {sums}."


def _quiet(root: Any, description: str) -> Any:
    """The drawing without scripts, what they would read, and comments; described."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag in ("script", "desc"):
                parent.remove(child)
    root.set("role", "img")
    described = root.makeelement("desc", {})
    described.text = description
    root.insert([child.tag for child in root].index("title") + 1, described)
    return root


def _xml(text: str) -> str:
    """The text with what XML has no place for (control characters, lone surrogates) shown as U+FFFD."""
    return _NOT_XML.sub("\ufffd", text)
