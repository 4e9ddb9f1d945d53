"""Where exports and backups write: a directory, or a key of S3. A file of a directory is there whole or not at all."""

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final

from trackway.domain.errors import StateError
from trackway.transfer.limits import READ_BYTES
from trackway.transfer.object_storage import ObjectStorage, is_object_url, object_storage

WORK: Final = ".trackway-export-"
"""Prefix of directories in which files are made before they are put in their place."""


class Destination(ABC):
    """Files by their path below one place. Every method raises StateError."""

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A path of this machine to write to. On leaving without an error the file is in its place."""
        with TemporaryDirectory(prefix=WORK, dir=self.work_dir()) as directory:
            path = Path(directory) / "file"
            with _as_ours(name):
                yield path
            self.put(path, name)

    @abstractmethod
    def work_dir(self) -> Path | None:
        """Where files are made before they are put; None for the machine's own place for such."""

    @abstractmethod
    def clean(self) -> None:
        """Remove what a killed export was about to write."""

    @abstractmethod
    def put(self, path: Path, name: str) -> None:
        """Let a file of this machine be the one of that name, which it replaces."""

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """The bytes of a small file, None without one."""

    @contextmanager
    def sink(self, name: str) -> Iterator[IO[bytes]]:
        """A file to write to from its beginning to its end, of any length. On leaving without an error it is in its
        place; after an error a part of it may be."""
        with self.writing(name) as path, path.open("wb") as file:
            yield file

    @abstractmethod
    def open(self, name: str) -> IO[bytes]:
        """A file to read from."""

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """All files by name, with their sizes in bytes."""

    @abstractmethod
    def free_bytes(self) -> int | None:
        """Room for more files, None where that is unknown."""

    @abstractmethod
    def names(self) -> list[str]:
        """All files, in order."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    def write(self, name: str, content: bytes) -> None:
        """A small file."""
        with self.writing(name) as path:
            path.write_bytes(content)


class Directory(Destination):
    """A directory, which is made with the first file."""

    def __init__(self, path: Path):
        self._path = path

    def work_dir(self) -> Path:
        with _as_ours(self._path):
            self._path.mkdir(parents=True, exist_ok=True)
        return self._path

    def clean(self) -> None:
        for left in self._path.glob(f"{WORK}*"):
            shutil.rmtree(left, ignore_errors=True)

    def put(self, path: Path, name: str) -> None:
        at = self._path / name
        with _as_ours(at):
            at.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as file:
                os.fsync(file.fileno())
            path.replace(at)
            _sync(at.parent)

    def read(self, name: str) -> bytes | None:
        with _as_ours(self._path / name), suppress(FileNotFoundError):
            return (self._path / name).read_bytes()
        return None

    def names(self) -> list[str]:
        return sorted(self.sizes())

    def open(self, name: str) -> IO[bytes]:
        try:
            return (self._path / name).open("rb")
        except OSError as error:
            raise StateError(f"{self._path / name} cannot be read: {error.strerror}") from error

    def sizes(self) -> dict[str, int]:
        return {
            each.relative_to(self._path).as_posix(): each.stat().st_size
            for each in self._path.rglob("*")
            if each.is_file() and not each.relative_to(self._path).parts[0].startswith(WORK)
        }

    def free_bytes(self) -> int:
        there = next(each for each in (self._path, *self._path.absolute().parents) if each.exists())
        return shutil.disk_usage(there).free

    def remove(self, name: str) -> None:
        with _as_ours(self._path / name), suppress(FileNotFoundError):
            (self._path / name).unlink()


class Objects(Destination):
    """Objects below a key. S3 shows an object when all of it has arrived."""

    def __init__(self, storage: ObjectStorage):
        self._storage = storage

    def work_dir(self) -> None:
        return None

    def clean(self) -> None:
        """An object is not there before it is whole, and the machine's own place is cleaned by the machine."""

    def put(self, path: Path, name: str) -> None:
        at = f"{self._storage.path}/{name}"
        with (
            _as_ours(f"s3://{at}"),
            path.open("rb") as file,
            self._storage.files.open_output_stream(at) as stream,
        ):
            shutil.copyfileobj(file, stream, READ_BYTES)

    def read(self, name: str) -> bytes | None:
        at = f"{self._storage.path}/{name}"
        with _as_ours(f"s3://{at}"), suppress(FileNotFoundError), self._storage.files.open_input_file(at) as file:
            found: bytes = file.read()
            return found
        return None

    @contextmanager
    def sink(self, name: str) -> Iterator[IO[bytes]]:
        at = f"{self._storage.path}/{name}"
        with _as_ours(f"s3://{at}"), self._storage.files.open_output_stream(at) as stream:
            yield stream

    def open(self, name: str) -> IO[bytes]:
        return self._storage.open(f"{self._storage.path}/{name}")

    def sizes(self) -> dict[str, int]:
        return self._storage.sizes_below()

    def free_bytes(self) -> None:
        return None

    def names(self) -> list[str]:
        return sorted(self.sizes())

    def remove(self, name: str) -> None:
        with _as_ours(f"s3://{self._storage.path}/{name}"), suppress(FileNotFoundError):
            self._storage.files.delete_file(f"{self._storage.path}/{name}")


def destination_of(place: str) -> Destination:
    """The destination that a path or an address of S3 names. Raises ConfigError."""
    return Objects(object_storage(place)) if is_object_url(place) else Directory(Path(place))


@contextmanager
def _as_ours(at: Any) -> Iterator[None]:
    """An error of the disk or the storage, as one of ours."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StateError(f"{at} cannot be used: {str(error).partition(chr(10))[0][:300]}") from error


def _sync(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
