"""A real file system of a few megabytes that fills up, and a server whose data directory is on it.

The file system is a tmpfs in a mount namespace of its own, held by a process that ends with the test: whatever happens,
nothing stays mounted. From outside the namespace it is seen through /proc.
"""

import json
import os
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from types import TracebackType

from tests.support.command_line import TRACKWAY
from tests.support.crash.process_tree import Tree, environment
from tests.support.server import Project
from trackway.domain.identity_mode import SIMPLIFIED

_MOUNT = 'mount -t tmpfs -o size="$1" tmpfs "$2" && echo mounted && exec cat'
_PIECE = bytes(64 * 1024)


class SmallDisk:
    """A tmpfs of `size_bytes` on `path`, for the processes that `inside` starts."""

    def __init__(self, path: Path, size_bytes: int):
        path.mkdir(parents=True)
        self.path = path
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        command = ["unshare", "--mount", *user, "sh", "-c", _MOUNT, "sh", str(size_bytes), str(path)]
        self._holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"mounted\n", "no file system can be mounted in a namespace here"

    def __enter__(self) -> "SmallDisk":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._holder.communicate()

    @property
    def seen(self) -> Path:
        """The same directory as seen from here."""
        return Path(f"/proc/{self._holder.pid}/root") / self.path.relative_to("/")

    def inside(self, command: list[str]) -> list[str]:
        """The command, with this file system mounted."""
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", "--target", str(self._holder.pid), "--mount", *user, *command]

    @property
    def free_bytes(self) -> int:
        return shutil.disk_usage(self.seen).free

    def leave(self, free_bytes: int) -> None:
        """Use up all but so many bytes."""
        with (self.seen / "ballast").open("ab", buffering=0) as ballast:
            while (more := self.free_bytes - free_bytes) >= len(_PIECE):
                ballast.write(bytes(min(more, 1 << 24)))

    def fill(self) -> None:
        """Use up every byte that is free."""
        with (self.seen / "ballast").open("ab", buffering=0) as ballast, suppress(OSError):
            while ballast.write(_PIECE):
                pass

    @contextmanager
    def kept_full(self) -> Iterator[None]:
        """Use up what is free, and what others give back meanwhile; with room again afterwards."""
        done = threading.Event()

        def keep() -> None:
            while not done.wait(0.005):
                self.fill()

        self.fill()
        keeping = threading.Thread(target=keep)
        keeping.start()
        try:
            yield
        finally:
            done.set()
            keeping.join()
            self.free()

    def free(self) -> None:
        (self.seen / "ballast").unlink()

    def copy(self, target: Path) -> None:
        """All files on it, for those who look at it from outside."""
        shutil.copytree(self.seen, target, symlinks=True, ignore=shutil.ignore_patterns("ballast", "*.sock"))


class TreeOnSmallDisk(Tree):
    """A tree whose data directory is the disk's root."""

    def __init__(self, disk: SmallDisk, *arguments: str):
        super().__init__(disk.path, *arguments)
        self._disk = disk

    @property
    def command(self) -> list[str]:
        return self._disk.inside(super().command)

    @property
    def seen_dir(self) -> Path:
        return self._disk.seen

    def create_project(self, identity_mode: str = SIMPLIFIED) -> Project:
        """By the command line, within the namespace."""
        create = [
            TRACKWAY,
            "project",
            "create",
            uuid.uuid4().hex,
            "--json",
            "--data-dir",
            str(self.data_dir),
            "--identity-mode",
            identity_mode,
        ]
        done = subprocess.run(self._disk.inside(create), env=environment(), capture_output=True, timeout=60, check=True)
        printed = json.loads(done.stdout)
        return Project(**{field.name: printed[field.name] for field in fields(Project)})

    @property
    def log(self) -> Path:
        return self.data_dir.with_suffix(".log")
