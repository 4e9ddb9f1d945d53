import contextlib
import http.client
import socket
import threading
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from tests.store.running import PASSWORD, RunningStore
from tests.waiting import wait_until

from trackway.store.client import Store, StoreError
from trackway.store.request import READERS, USER

ENDLESS = "SELECT number, repeat('x', 100) FROM system.numbers"
MIB = 1 << 20


def running_queries(store: Store, like: str) -> int:
    sql = "SELECT count() FROM system.processes WHERE query LIKE {like:String} AND NOT query LIKE '%system.processes%'"
    return int(store.query(sql, {"like": like})[0][0])


def wait_until_none(store: Store, like: str) -> None:
    wait_until(lambda: not running_queries(store, like), 60, lambda: "query still runs")


def test_memory_stays_flat_while_a_gigabyte_is_streamed(running: RunningStore, store: Store) -> None:
    process = psutil.Process(running.pid)
    list(store.stream("SELECT number, repeat('x', 200) FROM numbers(300000)", format="TSV"))
    before, peak, size = process.memory_info().rss, 0, 0
    for piece in store.stream("SELECT number, repeat('x', 200) FROM numbers(5000000)", format="TSV"):
        size += len(piece)
        peak = max(peak, process.memory_info().rss)
    assert size > 950 * MIB
    assert peak - before < 250 * MIB, f"{before / MIB:.0f} MiB before, {peak / MIB:.0f} MiB at most"


def test_memory_stays_flat_when_nobody_reads(running: RunningStore, store: Store) -> None:
    process = psutil.Process(running.pid)
    stream = store.stream(ENDLESS, format="TSV")
    next(stream)
    before = process.memory_info().rss
    time.sleep(1)
    assert process.memory_info().rss - before < 100 * MIB
    stream.close()


def test_closed_stream_stops_its_query_and_frees_its_connection(store: Store) -> None:
    for _ in range(10):  # more than there are connections for streams
        stream = store.stream(ENDLESS, format="TSV")
        next(stream)
        stream.close()
    assert b"".join(store.stream("SELECT 1", format="TSV")) == b"1\n"
    wait_until_none(store, "%system.numbers%")


@pytest.mark.parametrize("ending", ["", "&wait_end_of_query=1"])
def test_client_that_leaves_before_the_first_row_kills_its_query(
    running: RunningStore, store: Store, ending: str
) -> None:
    body = b"SELECT sum(sipHash64(number)) AS leaving FROM system.numbers"
    for _ in range(4):
        connection = socket.create_connection(("127.0.0.1", running.port))
        password = b64encode(f"{USER}:{PASSWORD}".encode())
        head = b"POST /?max_threads=1%b HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %b\r\nContent-Length: %d\r\n\r\n"
        connection.sendall(head % (ending.encode(), password, len(body)) + body)
        wait_until(lambda: running_queries(store, "%leaving%") > 0, 30, lambda: "query never ran")
        connection.close()
        wait_until_none(store, "%leaving%")


def test_inserts_and_queries_go_on_during_long_streams(store: Store, table: str) -> None:
    """Every connection for streams is taken by a reader that has stopped reading."""
    streams = [store.stream(ENDLESS, format="TSV") for _ in range(3)]
    for stream in streams:
        next(stream)
    for n in range(20):
        assert store.insert_rows(table, ["key", "number"], b"k" * 16 + n.to_bytes(8, "little")) == 1
        assert store.query(f"SELECT count() FROM {table}") == [(n + 1,)]
    for stream in streams:
        next(stream)
        stream.close()


def test_our_own_streams_do_not_wait_for_readers(running: RunningStore, store: Store) -> None:
    streams = [store.stream(ENDLESS, format="TSV", settings={"quota_key": READERS}) for _ in range(3)]
    for stream in streams:
        next(stream)
    with contextlib.closing(Store(running.url, answer_timeout_s=20)) as another:
        assert b"".join(another.stream("SELECT 1", format="TSV")) == b"1\n"
    for stream in streams:
        stream.close()


def test_queries_of_pages_keep_no_others_waiting(running: RunningStore, store: Store) -> None:
    with contextlib.closing(store.for_readers(30)) as pages, ThreadPoolExecutor(5) as threads:
        slow = "SELECT sum(sipHash64(number)) AS slow_page FROM system.numbers SETTINGS max_threads = 1"
        asked = [threads.submit(pages.query, slow) for _ in range(5)]
        wait_until(lambda: running_queries(store, "%slow_page%") >= 3, 30, lambda: "the queries of pages never ran")
        with contextlib.closing(Store(running.url, answer_timeout_s=20)) as another:
            assert another.query("SELECT 1") == [(1,)]
        while not all(each.done() for each in asked):
            store.command("KILL QUERY WHERE query LIKE '%slow_page%' AND query NOT LIKE 'KILL%' ASYNC")
            time.sleep(0.05)
        assert all(isinstance(each.exception(), StoreError) for each in asked)


def test_too_many_streams_are_refused_and_the_others_go_on(running: RunningStore) -> None:
    failures: list[StoreError] = []
    streams = []

    def begin() -> None:
        store = Store(running.url)
        stream = store.stream(ENDLESS, format="TSV")
        streams.append(stream)
        try:
            with contextlib.closing(stream):
                next(stream)
                release.wait()
        except StoreError as error:
            failures.append(error)
            release.set()
        finally:
            store.close()

    release = threading.Event()
    threads = [threading.Thread(target=begin) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {failure.code for failure in failures} == {202}


def test_connection_serves_many_requests(running: RunningStore) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    keys = {"X-ClickHouse-User": USER, "X-ClickHouse-Key": PASSWORD}
    sockets = set()
    for n in range(50):
        connection.request("POST", "/", b"SELECT nope" if n % 3 == 2 else b"SELECT 1", keys)
        connection.getresponse().read()
        sockets.add(connection.sock)
    connection.close()
    assert len(sockets) == 1
