"""The picture of flows: one file that runs nothing, in which each band is as wide as its number."""

import re
from xml.etree import ElementTree

import pytest

from tests.support.web.flows import answers
from trackway.web.flow_table import FlowTable, flow_table
from trackway.web.sankey import draw_flows

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script>&\"'\x00"
PATHS = {
    ((0, "look"), (1, "buy"), (2, "pay"), (3, "look")): 40,
    ((1, "buy"), (2, "pay")): 30,
    ((1, "buy"), (2, HOSTILE)): 30,
}


def drawn(paths: dict[tuple[tuple[int, str], ...], int]) -> tuple[ElementTree.Element, FlowTable, int]:
    table = flow_table(*answers(paths))
    picture, height = draw_flows("After buy", table)
    return ElementTree.fromstring(picture), table, height


def test_every_event_has_a_bar_and_a_label_and_every_way_a_band() -> None:
    root, table, height = drawn(PATHS)
    nodes = [node for column in table.columns for node in column]
    bars = root.findall(f"{SVG}rect")
    assert len(bars) == len(nodes)
    assert len(root.findall(f"{SVG}path")) == sum(len(node.ways) for node in nodes)
    tall = [float(bar.get("height", "")) for bar in bars]
    assert [one / tall[0] for one in tall] == pytest.approx([node.number / nodes[0].number for node in nodes], rel=0.02)
    texts = ["".join(each.itertext()) for each in root.findall(f"{SVG}text")]
    assert "buy 100" in texts and "left 60" in texts and "1 after" in texts
    assert root.get("viewBox") == f"0 0 800 {height}"


def test_bands_fill_the_bars_that_they_leave() -> None:
    root, _, _ = drawn(PATHS)
    bands = root.findall(f"{SVG}path")
    bars = root.findall(f"{SVG}rect")
    of_buy = [float(each.get("stroke-width", "")) for each in bands[1:3]]
    assert sum(of_buy) == pytest.approx(float(bars[1].get("height", "")), rel=0.02)


def test_the_picture_stays_within_its_bounds() -> None:
    many: dict[tuple[tuple[int, str], ...], int] = {
        ((1, "buy"), (2, f"event {number}")): number + 1 for number in range(60)
    }
    table = flow_table(*answers(many, shown_max=50))
    picture, height = draw_flows("After buy", table)
    root = ElementTree.fromstring(picture)
    for bar in root.findall(f"{SVG}rect"):
        x, y, wide, tall = (float(bar.get(name, "")) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= 800 - wide and 0 <= y <= height - tall


def test_texts_of_clients_run_nothing() -> None:
    table = flow_table(*answers(PATHS))
    picture, _ = draw_flows(HOSTILE, table)
    assert b"<script" not in picture
    root = ElementTree.fromstring(picture)
    assert {each.tag.removeprefix(SVG) for each in root.iter()} == {
        "svg",
        "title",
        "desc",
        "style",
        "text",
        "path",
        "rect",
    }
    assert not re.search(rb"href|url\(|onload", picture)
    described = root.findtext(f"{SVG}desc") or ""
    assert described.startswith("Flows of 100. 1 before: look 40; buy: buy 100; 1 after: pay 70;")
