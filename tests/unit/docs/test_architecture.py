"""Documents name only what is there: tests, modules, files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src/trackway"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_every_invariant_is_guarded_by_a_test_that_is_there() -> None:
    named = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", (ROOT / "ARCHITECTURE.md").read_text())
    assert len(named) > 10
    missing = [f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / file).read_text()]
    assert not missing


def test_every_folder_of_the_source_has_its_row_and_no_other_has() -> None:
    folders = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    table = (ROOT / "ARCHITECTURE.md").read_text().split("| Folder |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == folders


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_that_a_page_names_exists(document: Path) -> None:
    named = set(re.findall(r"`([\w./-]+\.py)`", document.read_text()))
    assert [name for name in named if not (ROOT / name).exists() and not _is_module(name)] == []


def _is_module(name: str) -> bool:
    """A path below the source; a name alone may be that of several modules, such as `limits.py`."""
    return (SOURCE / name).exists() if "/" in name else any(SOURCE.rglob(name))


def test_every_bound_of_the_security_page_is_shown_by_a_test_that_is_there() -> None:
    rows = [line for line in (ROOT / "docs/security.md").read_text().splitlines() if line.startswith("| ")][1:]
    assert rows
    missing = []
    for row in rows:
        named = re.findall(r"`(tests/[^`:]+\.py)(?:::(test_\w+))?`", row.rsplit("|", 2)[1])
        there = [(ROOT / file).exists() and f"def {name}" in (ROOT / file).read_text() for file, name in named]
        if not named or not all(there):
            missing.append(row)
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def _anchors(document: Path) -> set[str]:
    """The names by which links reach the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_heading_finds_it(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", document.read_text())
    assert [
        f"{file}#{anchor}"
        for file, anchor in links
        if anchor not in _anchors(document.parent / file if file else document)
    ] == []


def test_every_dependency_has_its_entry_in_the_decisions() -> None:
    project = (ROOT / "pyproject.toml").read_text().split("dependencies = [")[1].split("]")[0]
    names = re.findall(r'"([A-Za-z0-9_.-]+)', project)
    decisions = (ROOT / "docs/decisions.md").read_text()
    assert [name for name in names if name not in decisions] == []
