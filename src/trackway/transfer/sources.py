"""Where a file comes from: a path, a directory, standard input, or objects of S3; and its bytes, unpacked.

A source has a name that says the same in every run, whatever the working directory: `$insert_id`s are made from it.
"""

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from trackway.domain.errors import ConfigError, StateError
from trackway.transfer.limits import FILES_MAX, HEAD_BYTES, READ_BYTES
from trackway.transfer.object_storage import is_object_url, object_storage

STANDARD_INPUT: Final = "-"
REJECTED_ENDING: Final = ".rejected.ndjson"
"""The end of the name of a file of rejected records. Within a directory it is none of the files to import."""
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"


class Source(NamedTuple):
    """A file to read. `name` makes `$insert_id`s; `shown` is for people; `size_bytes` is 0 where it is unknown.

    `open_raw` gives its bytes as they are stored, from the beginning.
    """

    name: str
    shown: str
    size_bytes: int
    open_raw: Callable[[], IO[bytes]]

    @property
    def is_stream(self) -> bool:
        """It can be read once only, from its beginning to its end."""
        return self.name == STANDARD_INPUT


class Opened(NamedTuple):
    """A file that is being read: its unpacked bytes, the first of them, how many stored bytes were read, and whether
    these are packed."""

    file: io.BufferedIOBase
    head: bytes
    read_bytes: Callable[[], int]
    is_packed: bool


def sources_of(places: Sequence[str], *, whole_paths: bool = False) -> list[Source]:
    """The files of these paths, directories and URLs, in order.

    A file's name is its own, below a directory or a prefix its path from there; with `whole_paths` it is the path as
    it was given. Raises ConfigError for a path that is not there and for two files of one name.
    """
    found = [source for place in places for source in _sources_at(place, whole_paths)]
    if len(found) > FILES_MAX:
        raise ConfigError(f"at most {FILES_MAX} files are imported at once, not {len(found)}")
    seen: dict[str, str] = {}
    for source in found:
        if source.name in seen:
            raise ConfigError(
                f"{seen[source.name]} and {source.shown} have one name, which $insert_ids are made from: "
                "import them one by one, or give --whole-paths"
            )
        seen[source.name] = source.shown
    return found


def _sources_at(place: str, whole_paths: bool) -> Iterator[Source]:
    if place == STANDARD_INPUT:
        yield Source(STANDARD_INPUT, "standard input", 0, lambda: sys.stdin.buffer)
    elif is_object_url(place):
        storage = object_storage(place)
        for path, below, size in storage.objects():
            yield Source(place if whole_paths else below, f"s3://{path}", size, _opener(storage.open, path))
    else:
        yield from _files_at(Path(place), whole_paths)


def _files_at(path: Path, whole_paths: bool) -> Iterator[Source]:
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file() and _is_imported(each.name))
    elif path.exists():
        files = [path]
    else:
        raise ConfigError(f"no file {path}")
    for file in files:
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        size = file.stat().st_size if file.is_file() else 0
        yield Source(str(file) if whole_paths else name, str(file), size, _opener(_open_file, file))


def _is_imported(name: str) -> bool:
    """Whether a file of that name within a directory is one to import."""
    return not name.startswith((".", "_")) and not name.endswith(REJECTED_ENDING)


def _opener(open_: Callable[[Any], IO[bytes]], at: Any) -> Callable[[], IO[bytes]]:
    return lambda: open_(at)


def _open_file(path: Path) -> IO[bytes]:
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}") from error


@contextmanager
def opened(source: Source) -> Iterator[Opened]:
    """The bytes of a source, unpacked by what they begin with. Raises StateError for what cannot be read."""
    raw = _Counted(source.open_raw())
    try:
        with io.BufferedReader(raw, READ_BYTES) as stored:
            unpacked = _unpacked(stored)
            with io.BufferedReader(unpacked, READ_BYTES) if unpacked is not stored else stored as plain:
                yield Opened(plain, plain.peek(HEAD_BYTES)[:HEAD_BYTES], raw.read_bytes, unpacked is not stored)
    except (OSError, EOFError) as error:
        raise StateError(f"{source.shown} cannot be read: {error}") from error


def _unpacked(stored: Any) -> Any:
    begin = stored.peek(4)
    if begin.startswith(_GZIP):
        from isal.igzip import IGzipFile  # noqa: PLC0415

        return IGzipFile(fileobj=stored, mode="rb")  # type: ignore[no-untyped-call]
    if begin.startswith(_ZSTD):
        from backports.zstd import ZstdFile  # noqa: PLC0415

        return ZstdFile(stored, "rb")
    return stored


class _Counted(io.RawIOBase):
    """A file's bytes, counted as they are read."""

    def __init__(self, file: Any):
        self._file = file
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read: int = self._file.readinto(buffer)
        self._read += read
        return read

    def read_bytes(self) -> int:
        return self._read

    def close(self) -> None:
        if self._file is not sys.stdin.buffer:
            self._file.close()
        super().close()
