"""Requests that are sent again: refusals for now, broken connections, and how long."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from trackway.domain.errors import StateError
from trackway.transfer import connection
from trackway.transfer.connection import Address, Connection, Stopped


@contextmanager
def answering(*replies: tuple[int, dict[str, str]] | None) -> Iterator[tuple[str, list[str]]]:
    """A server that gives these replies one after another and then 200; None breaks the connection."""
    asked: list[str] = []
    left = list(replies)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            asked.append(self.path)
            reply = left.pop(0) if left else (200, {})
            if reply is None:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(reply[0])
            for name, value in reply[1].items():
                self.send_header(name, value)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/prefix", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "AGAIN_S_MIN", 0.01)


def ask(url: str) -> int:
    opened = Connection(Address(url, "secret"), threading.Event())
    try:
        return opened.ask("POST", "/import", {"strict": "1"}, b"{}").status
    finally:
        opened.close()


def test_refusals_for_now_and_broken_connections_are_tried_again() -> None:
    with answering((503, {}), None, (500, {}), (429, {"Retry-After": "0"}), (429, {})) as (url, asked):
        assert ask(url) == 200
    assert asked == ["/prefix/import?strict=1"] * 6


@pytest.mark.parametrize("status", [200, 400, 401, 413])
def test_other_answers_are_given(status: int) -> None:
    with answering((status, {})) as (url, asked):
        assert ask(url) == status
    assert len(asked) == 1


def test_a_server_that_stays_away_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "AWAY_S_MAX", 0.05)
    with answering(*[(503, {})] * 100) as (url, _), pytest.raises(StateError, match="did not take the data"):
        ask(url)


def test_a_wait_beyond_all_measure_ends_it() -> None:
    with (
        answering((429, {"Retry-After": "86400"})) as (url, _),
        pytest.raises(StateError, match="asks to wait 86400 s"),
    ):
        ask(url)


def test_a_stop_ends_a_wait() -> None:
    stop = threading.Event()
    with answering((429, {"Retry-After": "600"})) as (url, asked):
        opened = Connection(Address(url, "secret"), stop)
        timer = threading.Timer(0.1, stop.set)
        timer.start()
        with pytest.raises(Stopped):
            opened.ask("POST", "/import", body=b"{}")
        timer.join()
        opened.close()
    assert len(asked) == 1
