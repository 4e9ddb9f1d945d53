"""A real store process for tests: started on a free port of the loopback address, gone at the end."""

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from trackway.domain.errors import StorageError
from trackway.embedded.process import address, run
from trackway.store.client import Store

PASSWORD = "pass/word:with@signs"
START_S_MAX = 30


class RunningStore:
    """A store process that can be killed and started again on the same port and directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.url = address(self._sock, PASSWORD)
        self.port: int = self._sock.getsockname()[1]
        self._process: BaseProcess | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None and self._process.pid is not None
        return self._process.pid

    def start(self) -> None:
        """Start the process and wait for its first answer."""
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=run, args=(self._sock, self.directory, PASSWORD))
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


@contextmanager
def running_store(directory: Path) -> Iterator[RunningStore]:
    """A started store in `directory`. It is killed at the end, if it still runs."""
    running = RunningStore(directory)
    try:
        running.start()
        yield running
    finally:
        running.close()
