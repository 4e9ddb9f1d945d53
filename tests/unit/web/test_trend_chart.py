"""The charts of trends: pictures that run nothing and load nothing, whatever texts and figures they show."""

import re
import xml.etree.ElementTree as ET

import pytest

from trackway.web.limits import TREND_DOTS_MAX
from trackway.web.trend_chart import Kind, draw_trend

SVG = "{http://www.w3.org/2000/svg}"
KINDS: list[Kind] = ["line", "bar"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_names_its_series(kind: Kind) -> None:
    picture = ET.fromstring(draw_trend("Orders", ["1 Mar", "2 Mar", "3 Mar"], {"US": [1, None, 2.5]}, kind))
    assert picture.findtext(f"{SVG}title") == "Orders"
    assert picture.findtext(f"{SVG}desc") == "From 1 Mar to 3 Mar: US. The figures are in the table."
    assert {"1 Mar", "2 Mar", "3 Mar"} <= {text.text for text in picture.iter(f"{SVG}text")}


@pytest.mark.parametrize("kind", KINDS)
def test_marks_are_lines_with_their_texts(kind: Kind) -> None:
    labels: list[str] = ["a", "b", "c"]
    series: dict[str, list[float | None]] = {"x": [1.0, 3.0, 2.0], "y": [None, 1.0, 0.0]}
    plain, marked = (draw_trend("t", labels, series, kind, marks).decode() for marks in ({}, {0: "1", 2: "<2>, 3"}))
    assert 'class="mark"' not in plain
    found = re.findall(r'<line class="mark" x1="([^"]*)" x2="([^"]*)" y1="([^"]*)" y2="([^"]*)"', marked)
    assert len(found) == 2 and all(left == right and float(top) < float(bottom) for left, right, top, bottom in found)
    assert float(found[0][0]) < float(found[1][0])
    assert ">1</text>" in marked and ">&lt;2&gt;, 3</text>" in marked


def test_a_line_leaves_gaps_where_there_is_no_figure() -> None:
    picture = ET.fromstring(draw_trend("t", ["1", "2", "3", "4"], {"s": [2, None, 1, 3]}, "line"))
    lines = [each.get("d", "") for each in picture.iter(f"{SVG}path") if "line reactive" in each.get("class", "")]
    assert [line.count("L") for line in lines] == [1]
    days = [str(day) for day in range(TREND_DOTS_MAX + 1)]
    alone = ET.fromstring(draw_trend("t", days, {"s": [None, 1, *([None] * (len(days) - 2))]}, "line"))
    assert [each for each in alone.iter(f"{SVG}circle") if "dot" in each.get("class", "")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_holds_no_script_and_refers_to_nothing(kind: Kind) -> None:
    drawn = draw_trend("<script>alert(1)</script>", ["<b>\0"], {"javascript:alert(1)": [1]}, kind)
    picture = ET.fromstring(drawn)
    assert not list(picture.iter(f"{SVG}script")) and not list(picture.iter("script"))
    assert not [
        name for each in picture.iter() for name in each.attrib if name.endswith("href") or re.match("on", name)
    ]
    assert b"@import" not in drawn and b"url(" not in drawn and b"<?xml-stylesheet" not in drawn


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("figures", [[], [0], [None], [1e18], [-5], [float("inf")]])
def test_any_figures_are_drawn(kind: Kind, figures: list[float | None]) -> None:
    labels = [str(place) for place, _ in enumerate(figures)]
    assert ET.fromstring(draw_trend("t", labels, {"s": figures}, kind)).findtext(f"{SVG}title") == "t"
