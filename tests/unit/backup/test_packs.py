import contextlib
import io
import tarfile
from pathlib import Path

import pytest

from trackway.backup.packs import Digest, Entry, digest_of, unpack, write_pack
from trackway.domain.errors import StateError


def packed(*entries: Entry) -> tuple[bytes, Digest]:
    file = io.BytesIO()
    digest = write_pack(entries, file)
    return file.getvalue(), digest


def test_files_come_back_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(range(256)) * 5000)
    content, digest = packed(Entry("a/b.bin", tmp_path / "large"), Entry("ü", b"text"), Entry("empty", b""))
    assert unpack(io.BytesIO(content), tmp_path / "out") == digest == digest_of(io.BytesIO(content))
    found = {
        path.relative_to(tmp_path / "out").as_posix(): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert found == {"a/b.bin": (tmp_path / "large").read_bytes(), "ü": b"text", "empty": b""}


def test_equal_files_make_equal_packs(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"x" * 1000)
    (tmp_path / "two").chmod(0o755)
    assert packed(Entry("f", tmp_path / "one")) == packed(Entry("f", tmp_path / "two"))


@pytest.mark.parametrize("length", [0, 100, 600, 1100])
def test_a_pack_that_was_cut_is_refused_or_has_another_digest(tmp_path: Path, length: int) -> None:
    content, digest = packed(Entry("f", b"x" * 1000))
    with contextlib.suppress(StateError):
        assert unpack(io.BytesIO(content[:length]), tmp_path / "out") != digest


@pytest.mark.parametrize("name", ["../f", "/f", "a/../../f"])
def test_no_pack_writes_outside_of_its_directory(tmp_path: Path, name: str) -> None:
    content, _ = packed(Entry(name, b"x"))
    with pytest.raises(StateError, match="no file of ours"):
        unpack(io.BytesIO(content), tmp_path / "out" / "in")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_link_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(StateError, match="no file of ours"):
        unpack(io.BytesIO(file.getvalue()), tmp_path)
