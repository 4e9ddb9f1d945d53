"""The picture of flows: columns of events, joined by bands that are as wide as their numbers.

The picture is one SVG file without scripts, as safe to serve as those of `chart`: all texts are escaped, and nothing is
loaded. A page shows the same numbers in tables beside it.
"""

import asyncio
from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

from trackway.web.chart import COLORS, Chart, picture_of, xml_text
from trackway.web.flow_table import FlowTable, Node

_WIDTH: Final = 800
_TOP: Final = 54
_NODE: Final = 14
_BOTTOM: Final = 16
_GAP: Final = 14
_NODE_HEIGHT: Final = 58
_HEIGHTS: Final = (200, 420)
_LETTER: Final = 7.2
"""Pixels of a letter, about."""
_GREY: Final = COLORS[1]
_EVENT_COLORS: Final = tuple(color for color in COLORS if color != _GREY)
_STYLE: Final = (
    "text{font-family:system-ui,sans-serif;font-size:13px;fill:#1b1f24}.title{font-size:18px}.head{font-size:14px}"
    ".band{fill:none;stroke-opacity:.35}"
    "@media (prefers-color-scheme: dark){text{fill:#e6e9ee}.band{stroke-opacity:.5}}"
)


class _Box(NamedTuple):
    """Where a node is drawn, in pixels from the left and the top."""

    x: float
    y: float
    height: float


async def flow_chart(title: str, table: FlowTable) -> Chart:
    """The picture of `draw_flows`, for a page. A thread draws it."""
    picture, height = await asyncio.to_thread(draw_flows, title, table)
    return picture_of(title, picture, height, [])


def draw_flows(title: str, table: FlowTable) -> tuple[bytes, int]:
    """An SVG file in UTF-8 with a title and a description, and its height in pixels at a width of 800."""
    tallest = max((len(column) for column in table.columns), default=1)
    inner = min(max(_NODE_HEIGHT * tallest, _HEIGHTS[0]), _HEIGHTS[1])
    gap = min(_GAP, inner / 2 / tallest)
    scale = (inner - gap * (tallest - 1)) / max(sum(node.number for node in column) for column in table.columns)
    boxes, colors = _boxes(table, scale, gap), _colors(table)
    height = round(max(box.y + box.height for column in boxes for box in column)) + _BOTTOM
    parts = [*_bands(table, boxes, colors, scale), *_nodes(table, boxes, colors)]
    heads = (
        _text(_column_x(table, number), _TOP - 12, _cut(head, _room(table)), "head")
        for number, head in enumerate(table.titles)
    )
    begin = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
    described = f"<title>{_escaped(title)}</title><desc>{_escaped(_description(table))}</desc>"
    shown = f'<text class="title" x="{_WIDTH / 2}" y="22" text-anchor="middle">{_escaped(title)}</text>'
    text = f"{begin}{described}<style>{_STYLE}</style>{shown}{''.join(heads)}{''.join(parts)}</svg>"
    return text.encode(), height


def _boxes(table: FlowTable, scale: float, gap: float) -> list[list[_Box]]:
    found = []
    for number, column in enumerate(table.columns):
        boxes, y = [], float(_TOP)
        for node in column:
            boxes.append(_Box(_column_x(table, number), y, max(node.number * scale, 1)))
            y += boxes[-1].height + gap
        found.append(boxes)
    return found


def _column_x(table: FlowTable, number: int) -> float:
    return number * _WIDTH / len(table.columns)


def _room(table: FlowTable) -> int:
    """Letters of a label that fit between two columns, or behind the last one."""
    return max(4, int((_WIDTH / len(table.columns) - _NODE - 10) / _LETTER))


def _colors(table: FlowTable) -> dict[str, str]:
    """A color for each event, the same in all columns."""
    names = dict.fromkeys(node.name for column in table.columns for node in column if node.is_event)
    return {name: _EVENT_COLORS[place % len(_EVENT_COLORS)] for place, name in enumerate(names)}


def _color(node: Node, colors: dict[str, str]) -> str:
    return colors[node.name] if node.is_event else _GREY


def _bands(table: FlowTable, boxes: Sequence[Sequence[_Box]], colors: dict[str, str], scale: float) -> list[str]:
    """A band for each way, each beside the other at both ends."""
    arrived = [[0.0] * len(column) for column in table.columns]
    parts = []
    for number, column in enumerate(table.columns):
        for node, box in zip(column, boxes[number], strict=True):
            left = 0.0
            for way in sorted(node.ways, key=lambda each: (each.column, each.place)):
                width = max(way.number * scale, 0.5)
                end = boxes[way.column][way.place]
                x1, y1 = box.x + _NODE, box.y + left + width / 2
                x2, y2 = end.x, end.y + arrived[way.column][way.place] + width / 2
                middle = (x1 + x2) / 2
                curve = f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
                to_left = table.columns[way.column][way.place].is_left
                color = _GREY if to_left else _color(node, colors)
                parts.append(f'<path class="band" d="{curve}" stroke="{color}" stroke-width="{width:.1f}"/>')
                left += width
                arrived[way.column][way.place] += width
    return parts


def _nodes(table: FlowTable, boxes: Sequence[Sequence[_Box]], colors: dict[str, str]) -> list[str]:
    parts = []
    for column, own in zip(table.columns, boxes, strict=True):
        for node, box in zip(column, own, strict=True):
            color = _color(node, colors)
            parts.append(
                f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{_NODE}" height="{box.height:.1f}" fill="{color}"/>'
            )
            number_text = f"{node.number:,}"
            label = f"{_cut(node.name, _room(table) - len(number_text) - 1)} {number_text}"
            parts.append(_text(box.x + _NODE + 5, box.y + box.height / 2 + 4, label))
    return parts


def _text(x: float, y: float, text: str, name: str = "") -> str:
    kind = f' class="{name}"' if name else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}">{_escaped(text)}</text>'


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(room - 1, 2)]}…"


def _escaped(text: str) -> str:
    return escape(xml_text(text))


def _description(table: FlowTable) -> str:
    """The most frequent event of each column. The tables have the rest."""
    best = (
        f"{title}: {column[0].name} {column[0].number:,}"
        for title, column in zip(table.titles, table.columns, strict=True)
        if column
    )
    return f"Flows of {table.entered:,}. {'; '.join(best)}. The figures are in the tables."
