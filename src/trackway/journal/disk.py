"""The one seam for file calls: whatever the journal does to a segment file, it does through a `Disk`.

Paths and bytes come in, bytes go out, and a failing call raises OSError. Tests put a disk in its place that loses
what was not synced. Only the head and the lock do without it: they are memory and a mutex shared between processes,
and nothing on disk depends on their bytes.
"""

import os
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """Every call raises OSError on failure. A file is a descriptor, as the operating system's."""

    def open(self, path: Path) -> int:
        """Open an existing file for reading and writing."""

    def create(self, path: Path) -> int:
        """Open a file for reading and writing, making an empty one when there is none."""

    def close(self, file: int) -> None: ...

    def size(self, file: int) -> int: ...

    def read(self, file: int, length: int, offset: int) -> bytes:
        """Up to `length` bytes; fewer only at the end of the file."""

    def write(self, file: int, content: bytes, offset: int) -> None:
        """All of `content`, or an error after which any part of it may have been written."""

    def sync(self, file: int) -> None:
        """Content and size are durable at return. After an error what was written since the last sync is undefined."""

    def reserve(self, file: int, length: int) -> None:
        """Make the file at least so long, of zeros, with its blocks allocated."""

    def truncate(self, file: int, length: int) -> None: ...

    def rename(self, source: Path, target: Path) -> None: ...

    def unlink(self, path: Path) -> None: ...

    def sync_directory(self, path: Path) -> None:
        """Names made, changed and removed in the directory are durable at return."""

    def names(self, path: Path) -> list[str]: ...


class OsDisk:
    """The real one."""

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
