"""The mark of a data directory: what is newer is refused before anything is changed, what is older is taken up."""

import json
from pathlib import Path

import pytest

from trackway.domain.errors import StateError
from trackway.supervisor.data_format import FILE, Formats, claim

KNOWN = Formats(5, 20, 14)


def test_new_directory_gets_the_formats_of_this_version(tmp_path: Path) -> None:
    claim(tmp_path)
    written = json.loads((tmp_path / FILE).read_text())
    assert {name: written[name] for name in Formats._fields} == Formats.of_this_version()._asdict()
    assert [each.name for each in tmp_path.iterdir()] == [FILE]


def test_directory_of_an_earlier_version_is_marked_anew(tmp_path: Path) -> None:
    claim(tmp_path, KNOWN._replace(journal=4, store=11), "0.1.0")
    claim(tmp_path, KNOWN, "0.2.0")
    assert json.loads((tmp_path / FILE).read_text()) == {"version": "0.2.0", **KNOWN._asdict()}


def test_mark_of_this_version_is_not_written_again(tmp_path: Path) -> None:
    claim(tmp_path, KNOWN, "0.2.0")
    (tmp_path / FILE).chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        claim(tmp_path, KNOWN, "0.2.1")
    finally:
        tmp_path.chmod(0o700)
    assert json.loads((tmp_path / FILE).read_text())["version"] == "0.2.0"


@pytest.mark.parametrize(
    ("newer", "words"),
    [
        (KNOWN._replace(journal=6), "entries of the journal have format 6, and this version (0.2.0) knows up to 5"),
        (KNOWN._replace(store=21), "tables of the store have format 21, and this version (0.2.0) knows up to 20"),
        (KNOWN._replace(projects=15), "tables of the projects have format 15, and this version (0.2.0) knows up to 14"),
        (Formats(4, 21, 13), "tables of the store have format 21"),
    ],
)
def test_directory_of_a_newer_version_is_refused_and_stays_as_it_is(tmp_path: Path, newer: Formats, words: str) -> None:
    claim(tmp_path, newer, "9.9.9")
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(StateError) as refused:
        claim(tmp_path, KNOWN, "0.2.0")
    assert words in str(refused.value) and "newer trackway (9.9.9)" in str(refused.value)
    assert (tmp_path / FILE).read_bytes() == before


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"version": "1", "journal": "x", "store": 1, "projects": 1}'])
def test_mark_that_cannot_be_read_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(StateError, match="cannot be read"):
        claim(tmp_path, KNOWN)
