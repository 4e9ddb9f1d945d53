"""Every cited section of the wire contract, and every cited OpenAPI document, exists."""

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[3]
CONTRACT: Final = ROOT / "docs/protocol.md"
OPENAPI: Final = ROOT / "tests/system/contract/openapi"
FOLDERS: Final = ("src", "tests", "bench", "docs")
SUFFIXES: Final = (".py", ".md", ".html", ".js", ".sql")
_HEADING: Final = re.compile(r"^## (\d+)\. \S", re.MULTILINE)
_SECTION: Final = re.compile(r"(?<!\d )§(\d+)\b")
"""Sections of an RFC are cited behind its number."""
_DOCUMENT: Final = re.compile(r"(?<![\w/.])openapi/([a-z][a-z-]*)\b(?![./])")


def citing_files() -> list[Path]:
    """Everything written by hand that may cite the contract."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES]
    return sorted([*(path for path in files if "node_modules" not in path.parts), *ROOT.glob("*.md")])


def cited(pattern: re.Pattern[str]) -> dict[str, list[str]]:
    """What each citation names, with the files that cite it."""
    found: dict[str, list[str]] = {}
    for path in citing_files():
        for name in pattern.findall(path.read_text()):
            found.setdefault(name, []).append(str(path.relative_to(ROOT)))
    return found


def test_sections_of_the_contract_are_numbered_without_a_gap() -> None:
    numbers = [int(number) for number in _HEADING.findall(CONTRACT.read_text())]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_cited_section_of_the_contract_exists() -> None:
    headings = set(_HEADING.findall(CONTRACT.read_text()))
    sections = cited(_SECTION)
    assert len(sections) > 10, "citations are no longer found"
    assert {section: files for section, files in sections.items() if section not in headings} == {}


def test_every_cited_openapi_document_exists() -> None:
    documents = cited(_DOCUMENT)
    assert "ingestion" in documents, "citations are no longer found"
    missing = {name: files for name, files in documents.items() if not (OPENAPI / f"{name}.openapi.yaml").exists()}
    assert missing == {}


@pytest.mark.parametrize("path", sorted(OPENAPI.glob("*.yaml")), ids=lambda path: path.name)
def test_every_openapi_document_is_whole_and_names_its_licence(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    assert document["info"]["license"]["name"] == "MIT"
    assert document["paths"]
