"""Packs: several files as one object, as a tar archive whose bytes depend on the files alone.

A part of the store has up to a hundred small files, and a storage such as S3 takes one object as quickly as one of
them. The digest of a pack is that of all its bytes.
"""

import io
import tarfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, Protocol, cast

from trackway.backup.limits import COPY_BYTES
from trackway.domain.errors import StateError


class Entry(NamedTuple):
    """A file of a pack: its path there, and its content or where that is."""

    path: str
    content: Path | bytes


class Digest(NamedTuple):
    """The length and the SHA-256 of a pack, in hexadecimal."""

    bytes: int
    sha256: str


class Readable(Protocol):
    """What is read to its end."""

    def read(self, size: int = -1, /) -> bytes: ...


class Digesting:
    """Counts and digests what is written to, or read from, a file."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self._sha256 = sha256()
        self._bytes = 0

    def write(self, content: bytes) -> int:
        self._note(content)
        return self._file.write(content)

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self._note(content)
        return content

    def _note(self, content: bytes) -> None:
        self._sha256.update(content)
        self._bytes += len(content)

    @property
    def digest(self) -> Digest:
        return Digest(self._bytes, self._sha256.hexdigest())


def write_pack(entries: Iterable[Entry], file: IO[bytes]) -> Digest:
    """Write a pack of these files. Raises OSError."""
    digesting = Digesting(file)
    with tarfile.open(
        fileobj=cast(IO[bytes], digesting), mode="w|", bufsize=COPY_BYTES, format=tarfile.PAX_FORMAT
    ) as archive:
        for path, content in entries:
            info = tarfile.TarInfo(path)
            info.mode = 0o600
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                with content.open("rb") as source:
                    info.size = content.stat().st_size
                    archive.addfile(info, source)
    return digesting.digest


def digest_of(file: IO[bytes]) -> Digest:
    """The digest of a file, which is read to its end."""
    digesting = Digesting(file)
    while digesting.read(COPY_BYTES):
        pass
    return digesting.digest


def unpack(file: IO[bytes], into: Path) -> Digest:
    """Write the files of a pack below a directory. They are not synced. Raises StateError for what is no pack of ours.

    Compare the digest before anything uses the files.
    """
    digesting = Digesting(file)
    try:
        with tarfile.open(fileobj=cast(IO[bytes], digesting), mode="r|", bufsize=COPY_BYTES) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                path = PurePosixPath(member.name)
                if content is None or path.is_absolute() or ".." in path.parts:
                    raise StateError(f"a pack has an entry that is no file of ours: {member.name[:100]!r}")
                to = into / path
                to.parent.mkdir(parents=True, exist_ok=True)
                with to.open("xb") as written:
                    while piece := content.read(COPY_BYTES):
                        written.write(piece)
    except tarfile.TarError as error:
        raise StateError(f"a pack cannot be read: {error}") from error
    while digesting.read(COPY_BYTES):
        pass
    return digesting.digest
