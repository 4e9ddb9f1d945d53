"""Charts: pictures that run nothing and load nothing, whatever texts and figures they show."""

import asyncio
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trackway.web
from trackway.web.chart import COLORS, bars, chart, top_of
from trackway.web.limits import CHART_LABELS_MAX

SVG = "{http://www.w3.org/2000/svg}"


def drawn(title: str, labels: list[str], series: dict[str, list[int]]) -> ET.Element:
    return ET.fromstring(bars(title, labels, series))


def test_chart_has_a_title_a_description_and_a_bar_for_each_figure() -> None:
    chart = drawn("Records", ["10:00", "10:01"], {"stored": [1200, 3], "rejected": [0, 4]})
    assert chart.findtext(f"{SVG}title") == "Records"
    described = chart.findtext(f"{SVG}desc")
    assert described == "Stacked bars from 10:00 to 10:01. In all: stored 1,203, rejected 4."
    assert len([rect for rect in chart.iter(f"{SVG}rect") if "reactive" in rect.get("class", "")]) >= 4
    assert {"10:00", "10:01", "1,200"} <= {text.text for text in chart.iter(f"{SVG}text")}


def test_chart_holds_no_script_and_refers_to_nothing() -> None:
    picture = bars("<script>alert(1)</script>", ["<b>"], {"javascript:alert(1)": [1]})
    chart = ET.fromstring(picture)
    assert not list(chart.iter(f"{SVG}script")) and not list(chart.iter("script"))
    assert not [name for element in chart.iter() for name in element.attrib if name.endswith("href")]
    assert not [name for element in chart.iter() for name in element.attrib if name.startswith("on")]
    assert b"@import" not in picture and b"url(" not in picture and b"<?xml-stylesheet" not in picture


def test_same_figures_are_the_same_bytes() -> None:
    assert bars("a", ["x"], {"s": [1]}) == bars("a", ["x"], {"s": [1]})


def test_chart_of_nothing_is_a_picture_that_says_so() -> None:
    assert drawn("a", [], {}).findtext(f"{SVG}desc") == "Nothing to show."
    assert drawn("a", ["x"], {"s": [0]}).findtext(f"{SVG}desc") == "Stacked bars from x to x. In all: s 0."


def test_series_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="'s' has 2 figures for 1 labels"):
        bars("a", ["x"], {"s": [1, 2]})


@settings(deadline=None)
@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.integers(0, 2**40))
def test_any_text_is_text(title: str, label: str, name: str, figure: int) -> None:
    chart = drawn(title, [label], {name: [figure]})
    assert not list(chart.iter(f"{SVG}script"))
    assert f"{figure:,}" in str(chart.findtext(f"{SVG}desc"))


def heights(chart: ET.Element) -> list[float]:
    """Of the bars, in the order of series and labels."""
    return [float(rect.get("height", "0")) for rect in chart.iter(f"{SVG}rect") if "reactive" in rect.get("class", "")]


def test_bars_beyond_the_end_of_the_axis_end_there_in_their_proportions() -> None:
    chart = ET.fromstring(bars("a", ["x", "y"], {"s": [10, 3000], "t": [10, 1000]}, top=20))
    low, high, low_rest, high_rest = heights(chart)
    assert low + low_rest == pytest.approx(high + high_rest, rel=0.01)
    assert high == pytest.approx(3 * high_rest, rel=0.01)
    assert chart.findtext(f"{SVG}desc") == "Stacked bars from x to y. In all: s 3,010, t 1,010."


@pytest.mark.parametrize(
    ("totals", "top"),
    [
        ([], None),
        ([0, 0], None),
        ([0, 7], None),
        ([100, 120, 90], None),
        ([1, 20], None),
        ([1, 21], 2),
        ([0, 100, 0, 120, 150_000, 90], 180),
        ([100, 150_000, 120, 150_000, 90], 180),
    ],
)
def test_axis_ends_below_bars_that_would_flatten_all_others(totals: list[int], top: int | None) -> None:
    assert top_of(totals) == top


def test_only_chosen_labels_are_written() -> None:
    labels = [f"label {number}" for number in range(400)]
    texts = {
        text.text for text in ET.fromstring(bars("a", labels, {"s": [1] * 400}, ticks=[5, 300])).iter(f"{SVG}text")
    }
    assert texts & set(labels) == {"label 5", "label 300"}
    some = {text.text for text in drawn("a", labels, {"s": [1] * 400}).iter(f"{SVG}text")} & set(labels)
    assert 4 <= len(some) <= CHART_LABELS_MAX


def test_key_has_the_colors_of_the_bars_which_are_those_of_the_style_sheet() -> None:
    """A page writes names and colors below its chart: the style sheet has them a second time."""
    sheet = (Path(trackway.web.__file__).parent / "static" / "site.css").read_text()
    assert re.findall(r"\.color-(\d+) \{ background: (#[0-9a-f]{6}); \}", sheet) == [
        (str(place), color) for place, color in enumerate(COLORS)
    ]
    drawn = asyncio.run(chart("a", ["x"], {"s": [1], "t": [2]}, first_color=7))
    assert drawn.key == [(7, "s"), (0, "t")]
    picture = bars("a", ["x"], {"s": [1]}, first_color=3).decode()
    assert re.search(r"\.color-0[^}]*fill: ?#d03b4f", picture)
