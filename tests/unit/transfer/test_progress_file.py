"""What an interrupted import leaves, and when it counts."""

from pathlib import Path

from trackway.transfer.limits import HEAD_BYTES, REASONS_MAX
from trackway.transfer.progress_file import OTHER_REASONS, Progress
from trackway.transfer.sources import sources_of

BEGIN = b"x" * HEAD_BYTES


def saved(path: Path, text: bytes) -> Path:
    (path / "a").write_bytes(text)
    progress = Progress(path / "progress")
    [source] = sources_of([str(path / "a")])
    assert progress.begin(source) == 0
    progress.count("a", 7, 5, ["r", "r"])
    progress.save()
    return path


def begin_again(path: Path) -> tuple[int, int]:
    progress = Progress(path / "progress")
    sources = sources_of([str(path / "a")])
    progress.load(sources)
    return progress.begin(sources[0]), progress.imported


def test_the_same_file_and_one_that_has_grown_go_on(tmp_path: Path) -> None:
    saved(tmp_path, BEGIN + b"1")
    assert begin_again(tmp_path) == (7, 5)
    (tmp_path / "a").write_bytes(BEGIN + b"123")
    assert begin_again(tmp_path) == (7, 5)


def test_another_file_begins_anew(tmp_path: Path) -> None:
    for other in (BEGIN, b"y" + BEGIN):
        saved(tmp_path, BEGIN + b"1")
        (tmp_path / "a").write_bytes(other)
        assert begin_again(tmp_path) == (0, 0)


def test_a_file_with_a_line_put_in_or_left_out_behind_its_beginning_begins_anew(tmp_path: Path) -> None:
    rest = b"12" * HEAD_BYTES
    for other in (BEGIN + b"0" + rest, BEGIN + rest[1:] + b"34"):
        saved(tmp_path, BEGIN + rest)
        (tmp_path / "a").write_bytes(other)
        assert begin_again(tmp_path) == (0, 0)


def test_a_stream_begins_and_counts_anew(tmp_path: Path) -> None:
    progress, sources = Progress(tmp_path / "progress"), sources_of(["-"])
    assert progress.begin(sources[0]) == 0
    progress.count("-", 7, 5, ["r"])
    progress.save()
    again = Progress(tmp_path / "progress")
    again.load(sources)
    assert (again.begin(sources[0]), again.imported, again.rejected.total(), again.resumed) == (0, 0, 0, False)


def test_a_damaged_progress_file_begins_anew(tmp_path: Path) -> None:
    saved(tmp_path, BEGIN)
    for damaged in (b"", b"[]", b'{"version":1}', (tmp_path / "progress").read_bytes()[:-3]):
        (tmp_path / "progress").write_bytes(damaged)
        assert begin_again(tmp_path) == (0, 0)


def test_many_reasons_are_counted_together(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress")
    progress.count("a", 1, 0, [f"reason {number}" for number in range(REASONS_MAX + 50)])
    assert (len(progress.rejected), progress.rejected[OTHER_REASONS]) == (REASONS_MAX + 1, 50)
