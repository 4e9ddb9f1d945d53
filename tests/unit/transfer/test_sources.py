"""Files by path, directory and standard input: their names and their bytes."""

import gzip
from pathlib import Path

import pytest
from backports import zstd

from trackway.domain.errors import ConfigError, StateError
from trackway.transfer.sources import opened, sources_of

TEXT = b'{"a":1}\n' * 50_000


def test_files_of_a_directory_are_named_by_their_path_in_it(tmp_path: Path) -> None:
    for name in ("b/part.csv", "a/part.csv", "a/.hidden", "_state.json", "b/part.csv.rejected.ndjson"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [each.name for each in sources_of([str(tmp_path)])] == ["a/part.csv", "b/part.csv"]
    assert sources_of([str(tmp_path / "b/part.csv.rejected.ndjson")]), "named, it is imported"
    two = [str(tmp_path / "a/part.csv"), str(tmp_path / "b/part.csv")]
    with pytest.raises(ConfigError, match="have one name"):
        sources_of(two)
    assert [each.name for each in sources_of(two, whole_paths=True)] == two


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress, lambda text: gzip.compress(text[:8]) * 2])
def test_packed_bytes_are_unpacked(tmp_path: Path, pack: object) -> None:
    packed = pack(TEXT)  # type: ignore[operator]
    (tmp_path / "a.ndjson").write_bytes(packed)
    [source] = sources_of([str(tmp_path / "a.ndjson")])
    with opened(source) as file:
        assert file.head and TEXT.startswith(file.head)
        found = file.file.read()
        assert found in (TEXT, TEXT[:8] * 2)
        assert file.read_bytes() == len(packed) == source.size_bytes


def test_a_packed_file_that_breaks_off_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(TEXT)[:-20])
    [source] = sources_of([str(tmp_path / "a.gz")])
    with pytest.raises(StateError, match=r"a\.gz cannot be read"), opened(source) as file:
        file.file.read()


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match="no file nowhere"):
        sources_of(["nowhere"])
