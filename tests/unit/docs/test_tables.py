"""Every table of a page is one that is drawn as a table: a row to a line, each with as many cells as its head."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_RULE = re.compile(r"\|(?: *:?-+:? *\|)+")
_FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_CELL_END = re.compile(r"(?<!\\)\|")


def faults(text: str) -> Iterator[str]:
    """The lines of tables that are not drawn as such."""
    lines = _FENCE.sub("", text).splitlines()
    for number, line in enumerate(lines):
        rule = _RULE.search(line)
        if rule and rule.group() != line.strip():
            yield line
        elif rule:
            cells = _cells(line)
            rows = [lines[number - 1], *_rows_after(lines, number)]
            yield from (row for row in rows if _cells(row) != cells)


def _rows_after(lines: list[str], number: int) -> Iterator[str]:
    for line in lines[number + 1 :]:
        if not line.strip():
            return
        yield line


def _cells(line: str) -> int:
    return len(_CELL_END.findall(_CODE.sub("", line))) - 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tables_are_tables(page: Path) -> None:
    assert list(faults(page.read_text("utf-8"))) == []


def test_broken_tables_are_found() -> None:
    assert list(faults("| A | B |\n|---|---|\n| 1 | `|` |\n")) == []
    assert list(faults("| A | B | |---|---| | 1 | 2 |\n")) != []
    assert list(faults("| A | B |\n|---|---|\n| 1 | 2\nand more |\n")) == ["| 1 | 2", "and more |"]
