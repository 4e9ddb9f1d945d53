"""The one seam for file calls: the journal reads and changes segment files through a `Disk` only.

A failing call raises OSError. Tests use a disk that loses unsynced data. The head and the lock do not use the seam:
they are memory and a mutex that processes share, and nothing on disk depends on their bytes.
"""

import os
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """Every call raises OSError on failure. A file is a descriptor, as the operating system's."""

    def open(self, path: Path) -> int:
        """Open an existing file for reading and writing."""

    def create(self, path: Path) -> int:
        """Open a file for reading and writing; create it if it does not exist."""

    def close(self, file: int) -> None: ...

    def size(self, file: int) -> int: ...

    def read(self, file: int, length: int, offset: int) -> bytes:
        """Up to `length` bytes; fewer only at the end of the file."""

    def write(self, file: int, content: bytes, offset: int) -> None:
        """Write all of `content`. After an error, any part of it may have been written."""

    def sync(self, file: int) -> None:
        """Content and size are durable at return. After an error, all writes since the last sync are undefined."""

    def reserve(self, file: int, length: int) -> None:
        """Extend the file to at least this length with zeros, and allocate its blocks."""

    def truncate(self, file: int, length: int) -> None: ...

    def rename(self, source: Path, target: Path) -> None: ...

    def unlink(self, path: Path) -> None: ...

    def sync_directory(self, path: Path) -> None:
        """All changes of names in the directory are durable at return."""

    def names(self, path: Path) -> list[str]: ...


class OsDisk:
    """The disk of the operating system."""

    def open(self, path: Path) -> int:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def create(self, path: Path) -> int:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self, file: int) -> None:
        os.close(file)

    def size(self, file: int) -> int:
        return os.fstat(file).st_size

    def read(self, file: int, length: int, offset: int) -> bytes:
        content = os.pread(file, length, offset)
        while len(content) < length:
            more = os.pread(file, length - len(content), offset + len(content))
            if not more:
                break
            content += more
        return content

    def write(self, file: int, content: bytes, offset: int) -> None:
        written = os.pwrite(file, content, offset)
        while written < len(content):
            written += os.pwrite(file, memoryview(content)[written:], offset + written)

    def sync(self, file: int) -> None:
        os.fdatasync(file)

    def reserve(self, file: int, length: int) -> None:
        os.posix_fallocate(file, 0, length)

    def truncate(self, file: int, length: int) -> None:
        os.ftruncate(file, length)

    def rename(self, source: Path, target: Path) -> None:
        source.rename(target)

    def unlink(self, path: Path) -> None:
        path.unlink()

    def sync_directory(self, path: Path) -> None:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def names(self, path: Path) -> list[str]:
        return [entry.name for entry in path.iterdir()]
