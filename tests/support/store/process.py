"""A real store process for tests: started on a free port of the loopback address, gone at the end."""

import functools
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.support.store import two_shards as two_shards_store
from tests.support.store.tables import merge_all
from trackway.domain.errors import StorageError
from trackway.embedded.process import address, run
from trackway.store.client import Store
from trackway.store.cluster import PARAMETER, Cluster
from trackway.store.diagnosis import port_of
from trackway.store.migrate import migrate

PASSWORD = "pass/word:with@signs"
START_S_MAX = 30
ELSEWHERE = os.environ.get("TEST_TRACKWAY_STORE_URL", "")
"""A ClickHouse server in which tests make databases of their own, in place of stores of their own."""
CLUSTER_ELSEWHERE = os.environ.get("TEST_TRACKWAY_STORE_CLUSTER", "")
"""The cluster that it is a node of."""
ON_TWO_SHARDS = os.environ.get("TEST_TRACKWAY_STORE") == "two-shards" and not ELSEWHERE
"""Whether the stores of tests are both shards of a cluster."""
ON_CLUSTER = ON_TWO_SHARDS or bool(CLUSTER_ELSEWHERE)
_FORKING = multiprocessing.get_context("forkserver")
"""Stores fork from a process that has imported what they run: the imports cost twice what starting the engine does."""
_FORKING.set_forkserver_preload([two_shards_store.__name__])


class RunningStore:
    """A store process that can be killed and started again on the same port and directory.

    With `two_shards` it is both shards of a cluster, and its URL says so.
    """

    def __init__(self, directory: Path, *, two_shards: bool = ON_TWO_SHARDS) -> None:
        self.directory = directory
        self._run = two_shards_store.run if two_shards else run
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.url = address(self._sock, PASSWORD) + (two_shards_store.QUERY if two_shards else "")
        self.port: int = self._sock.getsockname()[1]
        self._process: BaseProcess | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None and self._process.pid is not None
        return self._process.pid

    def start(self) -> None:
        """Start the process and wait for its first answer."""
        self._process = _FORKING.Process(target=self._run, args=(self._sock, self.directory, PASSWORD))
        self._process.start()
        self._wait()

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def stop(self, number: int = signal.SIGTERM) -> int | None:
        """Send a signal and wait for the end. Returns the exit code."""
        if self._process is None:
            return None
        os.kill(self.pid, number)
        self._process.join()
        code = self._process.exitcode
        self._process.close()
        self._process = None
        return code

    def close(self) -> None:
        self.stop(signal.SIGKILL)
        self._sock.close()

    def _wait(self) -> None:
        store = Store(self.url, connect_timeout_s=5, answer_timeout_s=START_S_MAX)
        deadline = time.monotonic() + START_S_MAX
        while True:
            assert self._process is not None and self._process.is_alive(), "the store process died at its start"
            try:
                return store.ping()
            except StorageError:
                assert time.monotonic() < deadline, "the store does not answer"
                time.sleep(0.05)
            finally:
                store.close()


class StoreElsewhere(RunningStore):
    """A database of its own in a ClickHouse that others run. Tests that kill their store are skipped."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        parts = urlsplit(ELSEWHERE)
        self._at = urlunsplit(parts._replace(path="/default", query=""))
        self._databases = [database := f"test_{uuid.uuid4().hex}"]
        self._everywhere = ""
        self.url = urlunsplit(parts._replace(path=f"/{database}", query=""))
        self.port: int = port_of(parts)
        if CLUSTER_ELSEWHERE:
            cluster = Cluster(CLUSTER_ELSEWHERE, database)
            self._databases.append(cluster.shards)
            self._everywhere = cluster.everywhere
            self.url += f"?{PARAMETER}={CLUSTER_ELSEWHERE}"

    @property
    def pid(self) -> int:
        pytest.skip("the store runs elsewhere")

    def start(self) -> None:
        with closing(Store(self._at)) as store:
            store.command(f"CREATE DATABASE IF NOT EXISTS {self._databases[0]} {self._everywhere}")

    def stop(self, number: int = signal.SIGTERM) -> int | None:
        pytest.skip("the store runs elsewhere")

    def close(self) -> None:
        with closing(Store(self._at)) as store:
            for database in self._databases:
                store.command(f"DROP DATABASE IF EXISTS {database} {self._everywhere} SYNC")


@contextmanager
def migrated_store(directory: Path) -> Iterator[RunningStore]:
    """A started store that has its tables. It is killed at the end, if it still runs."""
    lay_tables(directory)
    with running_store(directory) as running:
        with closing(Store(running.url)) as client:
            migrate(client)
        yield running


def lay_tables(directory: Path) -> None:
    """Give a store that has no file yet all tables, without rows: a copy costs a tenth of what the migrations do.

    On two shards and elsewhere each store runs the migrations itself.
    """
    if not ELSEWHERE and not ON_TWO_SHARDS and not _has_files(directory):
        shutil.copytree(_tables().name, directory, symlinks=True, dirs_exist_ok=True)


def _has_files(directory: Path) -> bool:
    return directory.exists() and any(directory.iterdir())


@functools.cache
def _tables() -> "tempfile.TemporaryDirectory[str]":
    """The directory of a stopped store that was migrated, the same for all tests of a process."""
    directory = tempfile.TemporaryDirectory(prefix="trackway-tables-")
    with running_store(Path(directory.name)) as running:
        with closing(Store(running.url)) as client:
            migrate(client)
            merge_all(client, "schema_migrations")
            merged = client.query("SELECT path FROM system.parts WHERE NOT active")
        assert running.stop() == 0
    for (path,) in merged:  # four fifths of all files: each copy would be made, read and removed with them
        shutil.rmtree(path, ignore_errors=True)
    return directory


@contextmanager
def running_store(directory: Path, *, two_shards: bool = ON_TWO_SHARDS) -> Iterator[RunningStore]:
    """A started store in `directory`. It is killed at the end, if it still runs."""
    here = two_shards != ON_TWO_SHARDS or not ELSEWHERE  # a test that says what it needs has it
    running = RunningStore(directory, two_shards=two_shards) if here else StoreElsewhere(directory)
    try:
        running.start()
        yield running
    finally:
        running.close()
