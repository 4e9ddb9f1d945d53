import signal
import socket
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.store.process import PASSWORD, RunningStore, running_store
from trackway.domain.errors import StorageError
from trackway.embedded.process import run
from trackway.store.client import Store

BATCH = 2000


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[RunningStore]:
    """A store of this test's own."""
    with running_store(tmp_path / "store") as running:
        store = Store(running.url)
        store.command(
            "CREATE TABLE batches (batch UInt32, row UInt32) ENGINE = MergeTree ORDER BY (batch, row) "
            "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
        )
        store.close()
        yield running


def insert_batch(store: Store, batch: int) -> None:
    head = batch.to_bytes(4, "little")
    store.insert_rows("batches", ["batch", "row"], b"".join(head + n.to_bytes(4, "little") for n in range(BATCH)))


def insert_until_down(url: str, first: int, after_one: Callable[[], None]) -> list[int]:
    """Insert batches until the store is gone, calling `after_one` after the first. Returns those acknowledged."""
    # The socket outlives the process, so a request after the kill waits in vain: hence a short timeout.
    store, acknowledged = Store(url, answer_timeout_s=10), []
    try:
        for batch in range(first, first + 100_000):
            insert_batch(store, batch)
            acknowledged.append(batch)
            if batch == first:
                after_one()
    except StorageError:
        return acknowledged
    finally:
        store.close()
    raise AssertionError("the store was never killed")


def test_killed_store_comes_back_with_every_acknowledged_insert(alone: RunningStore) -> None:
    kept: set[int] = set()
    for cycle, delay in enumerate((0.1, 0.25, 0.4, 0.55, 0.7)):
        killer = threading.Timer(delay, alone.kill)
        kept |= set(insert_until_down(alone.url, cycle * 100_000, killer.start))
        killer.join()
        alone.start()
        store = Store(alone.url)
        found = dict(store.query("SELECT batch, count() FROM batches GROUP BY batch"))
        store.close()
        assert kept <= found.keys()
        assert set(found.values()) == {BATCH}, "an insert is there whole or not at all"
    assert len(kept) >= 5


def test_rows_spooled_when_killed_are_thrown_away(alone: RunningStore) -> None:
    spool = alone.directory / "spool"
    connection = socket.create_connection(("127.0.0.1", alone.port))
    head = f"POST /?user=trackway&password={PASSWORD.replace(':', '%3A')}&query=INSERT+INTO+batches+FORMAT+RowBinary"
    connection.sendall(f"{head} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n".encode() + bytes(3_000_000))
    while not list(spool.iterdir()):
        pass
    alone.kill()
    connection.close()
    alone.start()
    assert list(spool.iterdir()) == []
    store = Store(alone.url)
    assert store.query("SELECT count() FROM batches") == [(0,)]
    store.close()


def test_insert_whose_body_breaks_off_leaves_nothing(alone: RunningStore) -> None:
    def torn() -> Iterator[bytes]:
        yield bytes(1 << 20)
        raise ValueError("reader broke")

    store = Store(alone.url)
    with pytest.raises(ValueError, match="reader broke"):
        store.insert_rows("batches", ["batch", "row"], torn())
    insert_batch(store, 7)
    assert store.query("SELECT batch, count() FROM batches GROUP BY batch") == [(7, BATCH)]
    store.close()


def test_sigterm_finishes_what_runs_and_exits_with_zero(alone: RunningStore) -> None:
    store = Store(alone.url)
    stream = store.stream("SELECT number FROM numbers(10000000)", format="TSV")
    received = [next(stream)]
    ended: list[int | None] = []
    stopper = threading.Thread(target=lambda: ended.append(alone.stop(signal.SIGTERM)))
    stopper.start()
    received.extend(stream)
    store.close()
    stopper.join()
    assert ended == [0]
    lines = b"".join(received).split(b"\n")
    assert len(lines) == 10_000_001
    assert all(int(b) == int(a) + 1 for a, b in pairwise(lines[:1000]))


def test_stopped_store_comes_back_with_its_tables(alone: RunningStore) -> None:
    store = Store(alone.url)
    insert_batch(store, 1)
    assert alone.stop(signal.SIGTERM) == 0
    with pytest.raises(StorageError):
        Store(alone.url, connect_timeout_s=1, answer_timeout_s=1).ping()
    alone.start()
    assert store.query("SELECT count() FROM batches") == [(BATCH,)]
    store.close()


def test_store_works_in_its_own_directory(alone: RunningStore) -> None:
    """The engine reads the working directory. Where the server was started, its account may be shut out."""
    assert Path(f"/proc/{alone.pid}/cwd").resolve() == alone.directory


def test_second_process_for_a_directory_is_refused(alone: RunningStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(alone.directory.parent)  # so that this process is back where it was at the end
    with (
        socket.create_server(("127.0.0.1", 0)) as sock,
        pytest.raises(StorageError, match="cannot open the store"),
    ):
        run(sock, alone.directory, PASSWORD)
