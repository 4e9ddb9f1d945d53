"""The file of the last exports of the schedule."""

from pathlib import Path

from trackway.runtime.last_exports import LastExport, last_exports, note_exports


def test_the_last_exports_are_those_that_were_noted_last(tmp_path: Path) -> None:
    assert last_exports(tmp_path) == {}
    for number in (1, 2):
        noted = {7: LastExport(number), 8: LastExport(0, has_failed=True)}
        note_exports(tmp_path, noted)
        assert last_exports(tmp_path) == noted
    assert [each.name for each in tmp_path.iterdir()] == ["exports.json"]


def test_a_file_that_cannot_be_read_or_written_is_none(tmp_path: Path) -> None:
    note_exports(tmp_path / "gone", {7: LastExport(1)})
    (tmp_path / "exports.json").write_text("{")
    assert last_exports(tmp_path) == {} == last_exports(tmp_path / "gone")
