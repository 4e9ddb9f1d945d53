"""A store process of its own, without a server: for statements that are measured by themselves, and for filling."""

import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from bench.server import wait_until
from trackway.domain.errors import StorageError
from trackway.embedded.process import address, run
from trackway.store.client import Store
from trackway.store.migrate import migrate

_PASSWORD: Final = "bench"
"""Of a store on the loopback address that is gone with its data."""
_START_S_MAX: Final = 60.0
_MERGED_S_MAX: Final = 300.0
_POLL_S: Final = 0.1


@contextmanager
def running_store(directory: Path) -> Iterator[Store]:
    """A client of a store process that lives as long as the context."""
    with socket.create_server(("127.0.0.1", 0)) as sock, closing(Store(address(sock, _PASSWORD))) as store:
        process = multiprocessing.get_context("spawn").Process(target=run, args=(sock, directory, _PASSWORD))
        process.start()
        try:
            _wait(store)
            migrate(store)
            yield store
        finally:
            process.terminate()
            process.join()


def wait_merged(store: Store) -> None:
    """Return once the store merges no more parts."""
    wait_until(lambda: not store.query("SELECT 1 FROM system.merges"), _MERGED_S_MAX, "merges to end", _POLL_S)


def _wait(store: Store) -> None:
    deadline_s = time.monotonic() + _START_S_MAX
    while True:
        try:
            return store.ping()
        except StorageError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(_POLL_S)
