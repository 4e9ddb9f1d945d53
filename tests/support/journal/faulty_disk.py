"""A disk in memory that loses what was not synced, tears writes, and fails on request.

Each file keeps what a running system sees (`live`), what is on the platter (`durable`), and the changes between the
two. Names are kept in the same way, per directory. A failing sync forgets the changes, as a kernel does that marks
the pages clean: syncing again succeeds and saves nothing.
"""

import errno
import random
from collections.abc import Callable
from pathlib import Path

Fault = Callable[[int, str], int | None]
"""Given the number of the call (from 1) and its name: the errno it fails with, or None."""


class MachineCrash(BaseException):
    """The machine stopped within a call. Not an Exception, so that nothing handles it."""


class _File:
    def __init__(self) -> None:
        self.live = bytearray()
        self.durable = bytearray()
        self.pending: list[tuple[str, int, bytes]] = []

    def change(self, kind: str, offset: int, content: bytes = b"") -> None:
        self.pending.append((kind, offset, content))
        _apply(self.live, kind, offset, content)

    def sync(self) -> None:
        for change in self.pending:
            _apply(self.durable, *change)
        self.pending = []


def _apply(image: bytearray, kind: str, offset: int, content: bytes) -> None:
    if kind == "truncate":
        del image[offset:]
    end = offset + len(content)
    image.extend(bytes(max(0, end - len(image))))
    image[offset:end] = content


class FaultyDisk:
    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fault: Fault | None = None
        self.crash_at = 0
        """Number of the call in which the machine stops; 0 is never."""
        self.during_sync: Callable[[], None] | None = None
        """Called once, after the next sync of a file has done its work and before it returns."""
        self._live: dict[Path, _File] = {}
        self._durable: dict[Path, _File] = {}
        self._renames: list[tuple[Path | None, Path | None, _File | None]] = []
        self._open: dict[int, _File] = {}
        self._next = 1000

    def crash(self, dice: random.Random | None = None) -> None:
        """Stop the machine and start it again. Without dice nothing unsynced survives, with them any part may."""
        self.crash_at = 0
        self.fault = None
        self._open = {}
        renames = self._renames[: dice.randint(0, len(self._renames))] if dice else []
        for change in renames:
            _rename(self._durable, *change)
        self._renames = []
        self._live = dict(self._durable)
        for file in self._live.values():
            if dice:
                _keep_some(file, dice)
            file.pending = []
            file.live = bytearray(file.durable)

    def content(self, path: Path) -> bytearray:
        """What a running system sees of a file; a change to it is at once durable."""
        file = self._live[path]
        file.sync()
        file.live = file.durable
        return file.live

    def open(self, path: Path) -> int:
        self._call("open")
        if path not in self._live:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return self._descriptor(self._live[path])

    def create(self, path: Path) -> int:
        self._call("create")
        if path not in self._live:
            self._change_name(None, path, _File())
        return self._descriptor(self._live[path])

    def close(self, file: int) -> None:
        self._open.pop(file, None)

    def size(self, file: int) -> int:
        self._call("size")
        return len(self._open[file].live)

    def read(self, file: int, length: int, offset: int) -> bytes:
        self._call("read")
        return bytes(self._open[file].live[offset : offset + length])

    def write(self, file: int, content: bytes, offset: int) -> None:
        """A failing or interrupted write leaves its first half behind."""
        try:
            self._call("write")
        except BaseException:
            if file in self._open:
                self._open[file].change("write", offset, content[: len(content) // 2])
            raise
        self._open[file].change("write", offset, content)

    def sync(self, file: int) -> None:
        try:
            self._call("sync")
        except OSError:
            self._open[file].pending = []
            raise
        self._open[file].sync()
        hook, self.during_sync = self.during_sync, None
        if hook:
            hook()

    def reserve(self, file: int, length: int) -> None:
        self._call("reserve")
        grown = length - len(self._open[file].live)
        if grown > 0:
            self._open[file].change("write", length - grown, bytes(grown))

    def truncate(self, file: int, length: int) -> None:
        self._call("truncate")
        self._open[file].change("truncate", length)

    def rename(self, source: Path, target: Path) -> None:
        self._call("rename")
        self._change_name(source, target, self._live[source])

    def unlink(self, path: Path) -> None:
        self._call("unlink")
        self._change_name(path, None, None)

    def sync_directory(self, path: Path) -> None:
        self._call("sync_directory")
        for change in self._renames:
            _rename(self._durable, *change)
        self._renames = []

    def names(self, path: Path) -> list[str]:
        self._call("names")
        return [name.name for name in self._live if name.parent == path]

    def _call(self, name: str) -> None:
        self.calls.append(name)
        number = len(self.calls)
        if self.crash_at and number >= self.crash_at:
            raise MachineCrash
        failure = self.fault(number, name) if self.fault else None
        if failure:
            raise OSError(failure, errno.errorcode[failure])

    def _descriptor(self, file: _File) -> int:
        self._next += 1
        self._open[self._next] = file
        return self._next

    def _change_name(self, source: Path | None, target: Path | None, file: _File | None) -> None:
        self._renames.append((source, target, file))
        _rename(self._live, source, target, file)


def _rename(names: dict[Path, _File], source: Path | None, target: Path | None, file: _File | None) -> None:
    if source is not None:
        names.pop(source, None)
    if target is not None and file is not None:
        names[target] = file


def _keep_some(file: _File, dice: random.Random) -> None:
    """Let each unsynced change reach the platter whole, in part, or not at all."""
    for kind, offset, content in file.pending:
        fate = dice.choice(["whole", "part", "none"])
        if fate == "whole":
            _apply(file.durable, kind, offset, content)
        elif fate == "part" and kind == "write":
            begin, end = sorted(dice.choices(range(len(content) + 1), k=2))
            _apply(file.durable, kind, offset + begin, content[begin:end])
