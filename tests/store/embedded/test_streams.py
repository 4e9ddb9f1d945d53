import http.client
import socket
import time
from base64 import b64encode

import psutil
import pytest

from tests.support.store.process import PASSWORD, RunningStore
from tests.support.store.running_queries import running_queries
from tests.support.waiting import wait_until
from trackway.embedded.query_request import USER
from trackway.store.client import Store
from trackway.store.workload import LOADER

ENDLESS = "SELECT number, repeat('x', 100) FROM system.numbers"
MIB = 1 << 20


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
    streams = [store.stream(ENDLESS, format="TSV") for _ in range(LOADER.connections - 1)]
    for stream in streams:
        next(stream)
    for n in range(20):
        assert store.insert_rows(table, ["key", "number"], b"k" * 16 + n.to_bytes(8, "little")) == 1
        assert store.query(f"SELECT count() FROM {table}") == [(n + 1,)]
    for stream in streams:
        next(stream)
        stream.close()


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
