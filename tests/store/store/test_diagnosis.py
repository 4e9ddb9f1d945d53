"""What is said of a store that cannot be asked: one plain line that names the address and the fault, and no secret."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest

from tests.support.store.process import RunningStore
from trackway.store.client import Store
from trackway.store.errors import StoreError

SECRET = "a-wrong-secret"
NOT_OURS = b"HTTP/1.1 %s\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


@contextmanager
def answering(reply: bytes) -> Iterator[int]:
    """The port of something that gives this answer to whatever comes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def said_of(url: str) -> str:
    """What is said of the store at that URL by every way to ask it."""
    said = set()
    with closing(Store(url, connect_timeout_s=1, answer_timeout_s=1)) as store:
        for ask in (store.ping, lambda: store.command("SELECT 1"), lambda: list(store.stream("SELECT 1"))):
            with pytest.raises(StoreError) as failed:
                ask()
            said.add(str(failed.value))
    [line] = said
    assert SECRET not in line and "\n" not in line
    return line


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (NOT_OURS % b"200 OK", "is no ClickHouse: it answered with something else"),
        (NOT_OURS % b"404 Not Found", "is no ClickHouse: it answered with HTTP status 404"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "is no ClickHouse: it does not speak HTTP"),
        (b"", "closed the connection before its answer was whole"),
    ],
)
def test_what_is_no_clickhouse_is_said_to_be_none(reply: bytes, fault: str) -> None:
    with answering(reply) as port:
        assert said_of(f"http://me:{SECRET}@127.0.0.1:{port}/x") == f"the store at 127.0.0.1:{port} {fault}"


def test_store_that_is_not_reached_is_said_not_to_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        answer = said_of(f"http://me:{SECRET}@127.0.0.1:{port}/x")
        assert answer == f"the store at 127.0.0.1:{port} does not answer: nothing came within 1 s"
    assert said_of(f"http://127.0.0.1:{port}/x") == f"the store at 127.0.0.1:{port} does not answer: connection refused"
    assert said_of("http://[::1]:9/x") == "the store at [::1]:9 does not answer: connection refused"
    assert said_of("http://none.invalid/x").startswith("the store at none.invalid:8123 is not known: ")


def test_store_that_refuses_is_said_to_know_no_such_user_or_database(running: RunningStore) -> None:
    parts = urlsplit(running.url)
    at = f"127.0.0.1:{parts.port}"
    refused = f"the store at {at} does not take the user and password of store_url: authentication failed"
    assert said_of(f"http://trackway:{SECRET}@{at}/default") == refused
    assert said_of(f"http://nobody:{SECRET}@{at}/default") == refused
    own = parts.netloc.rpartition("@")[0]
    unknown = f"the store at {at} has no database 'none': create it, or correct store_url"
    assert said_of(f"http://{own}@{at}/none") == unknown
    tls = f"the store at {at} does not speak TLS as store_url has it: wrong version number"
    assert said_of(f"https://{own}@{at}/default") == tls
