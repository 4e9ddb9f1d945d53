"""Runs of the benchmarks renew marked sections of docs/benchmarks.md."""

from pathlib import Path

import pytest
from bench.report import DOCUMENT, renew


@pytest.mark.parametrize("section", ["results", "cluster", "cluster of several streams"])
def test_the_page_has_the_section_and_a_run_renews_nothing_else(tmp_path: Path, section: str) -> None:
    page, before = tmp_path / "page.md", DOCUMENT.read_text("utf-8")
    page.write_text(before, "utf-8")
    renew(section, ["| new |"], page)
    begin, end = (f"<!-- {section}: {edge} -->\n" for edge in ("begin", "end"))
    head, tail = before.partition(begin)[0], before.partition(end)[2]
    assert page.read_text("utf-8") == f"{head}{begin}| new |\n{end}{tail}"
