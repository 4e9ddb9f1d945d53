"""Charts: pictures that run nothing and load nothing, whatever texts and figures they show."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.web.chart import bars

SVG = "{http://www.w3.org/2000/svg}"


def drawn(title: str, labels: list[str], series: dict[str, list[int]]) -> ET.Element:
    return ET.fromstring(bars(title, labels, series))


def test_chart_has_a_title_a_description_and_a_bar_for_each_figure() -> None:
    chart = drawn("Records", ["10:00", "10:01"], {"stored": [1200, 3], "rejected": [0, 4]})
    assert chart.findtext(f"{SVG}title") == "Records"
    described = chart.findtext(f"{SVG}desc")
    assert described == "Stacked bars from 10:00 to 10:01. In all: stored 1,203, rejected 4."
    assert len([rect for rect in chart.iter(f"{SVG}rect") if "reactive" in rect.get("class", "")]) >= 4
    assert {"stored", "rejected", "10:00", "10:01", "1,200"} <= {text.text for text in chart.iter(f"{SVG}text")}


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


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.integers(0, 2**40))
def test_any_text_is_text(title: str, label: str, name: str, figure: int) -> None:
    chart = drawn(title, [label], {name: [figure]})
    assert not list(chart.iter(f"{SVG}script"))
    assert f"{figure:,}" in str(chart.findtext(f"{SVG}desc"))


@pytest.mark.parametrize("names", [1, 2, 4, 5, 8])
def test_legend_of_any_number_of_names_is_within_the_picture(names: int) -> None:
    chart = drawn("a", ["x"], {f"series {number}": [1] for number in range(names)})
    height = float(chart.get("viewBox", "").split()[3])
    [legends] = [group for group in chart.iter(f"{SVG}g") if group.get("class") == "legends"]
    begin = float(legends.get("transform", "").rstrip(")").split(",")[1])
    ends = [begin + float(box.get("y", "0")) + float(box.get("height", "0")) for box in legends.iter(f"{SVG}rect")]
    assert len(ends) == names and max(ends) <= height
