"""docs/limits.md is generated from the `limits.py` of each folder, and these hold every bound."""

import ast
from pathlib import Path
from typing import Final

import pytest

from trackway.commands.limits_reference import limits_document, read_limits, with_unit

ROOT: Final = Path(__file__).parents[3]
ELSEWHERE: Final = {
    "CAPACITY_MIN", "DATETIME_SECONDS_MAX", "GROWTH_MAX", "INTEGER_MAX", "INTEGER_MIN", "REPEATED_CHARACTERS_MAX",
    "WORKERS_DEFAULT_MAX",
}  # fmt: skip
"""Ends of a type's range, sizes of one algorithm, and the default of a setting."""


def test_page_of_limits_is_what_the_program_prints() -> None:
    written = (ROOT / "docs" / "limits.md").read_text()
    assert written == limits_document(), "run: trackway reference limits > docs/limits.md"


def test_page_has_each_constant_of_each_folder_once() -> None:
    page = limits_document()
    for path in (ROOT / "src" / "trackway").glob("*/limits.py"):
        for limit in read_limits(path.read_text(), f"trackway.{path.parent.name}.limits"):
            for name in limit.values:
                assert page.count(f"`{name}`") == 1, name


def test_no_other_module_has_a_bound_of_its_own() -> None:
    found = {
        ast.unparse(target)
        for path in (ROOT / "src" / "trackway").rglob("*.py")
        if path.name != "limits.py"
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    }
    assert {name for name in found if name.endswith(("_MAX", "_MIN")) and not name.startswith("_")} == ELSEWHERE


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in (ROOT / "src" / "trackway").glob("*/limits.py")))
def test_headings_of_a_folder_are_not_repeated(folder: str) -> None:
    path = ROOT / "src" / "trackway" / folder / "limits.py"
    lines = [line for line in path.read_text().splitlines() if line.startswith("# ")]
    assert lines and len(set(lines)) == len(lines)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("BODY_BYTES_MAX", 2 * 1024 * 1024, "2 MiB"),
        ("REPLY_BYTES_MIN", 1400, "1,400 B"),
        ("BODY_BYTES_PER_S_MIN", 1024, "1 KiB/s"),
        ("SESSION_S_MAX", 12 * 3600, "12 h"),
        ("POLL_S", 0.05, "50 ms"),
        ("AGE_MS_MAX", 5 * 86_400_000, "5 d"),
        ("ROWS_MAX", 10_000_000, "10,000,000"),
    ],
)
def test_value_has_the_unit_that_the_name_says(name: str, value: float, shown: str) -> None:
    assert with_unit(name, value) == shown
