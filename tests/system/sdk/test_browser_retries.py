"""The browser SDK's batch sender when the server refuses, stands still or goes away: every event arrives exactly once.

Each server here has one edge process, so that the test knows which one to disturb.
"""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.http.exchange import Request
from tests.support.sdk.browser import TIMEOUT_S, Tab
from tests.support.server import Project, Server, running_server
from tests.support.waiting import POLL_S, wait_until


def track(tab: Tab, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        tab.call("track", "seen", {"number": number, "note": "😀"})


def assert_once(server: Server, project: Project, count: int) -> None:
    """Each number arrived, and none twice."""
    server.wait_loaded()
    lines = server.export(project, event='["seen"]')
    assert sorted(line["properties"]["number"] for line in lines) == list(range(count))


def assert_sent(tab: Tab, refusal: int) -> None:
    """The browser let the SDK see the refusal, and in the end there was success."""
    wait_for(tab, 200)
    assert {each.status for each in tab.sent("/track") if each.method == "POST"} == {200, refusal}


def wait_for(tab: Tab, status: int) -> None:
    """Return once a request got that status."""
    wait_until(
        lambda: any(each.status == status for each in tab.sent("/track")),
        TIMEOUT_S,
        lambda: f"no {status}: {tab.sent('/track')}",
    )


@contextlib.contextmanager
def held_request(server: Server, size: int) -> Iterator[None]:
    """A request of another client, of which so many bytes have come and the last one has not: others get a 503."""
    head = f"POST /track HTTP/1.1\r\nHost: a\r\nContent-Length: {size + 1}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode() + b" " * size)
        while server.ask(Request("POST", "/track", (), b" " * 1000)).status != 503:
            time.sleep(POLL_S)
        yield


def test_batch_over_the_limit_is_halved_until_it_fits(tmp_path: Path, tab: Tab) -> None:
    with running_server(tmp_path, "--workers", "1", "--body-bytes-max", "5000") as server:
        tab.start(server.project.token, server.url, batch_autostart=False)
        track(tab, 30)
        tab.tell("start_batch_senders")
        tab.wait_sent()
        assert_sent(tab, 413)
        assert any(each.startswith("413 response; reducing batch size to") for each in tab.reported())
        assert_once(server, server.project, 30)


def test_busy_server_is_tried_again(tmp_path: Path, tab: Tab) -> None:
    limits = ("--body-bytes-max", "20000", "--in-flight-bytes-max", "20000")
    with running_server(tmp_path, "--workers", "1", *limits) as server:
        tab.start(server.project.token, server.url)
        with held_request(server, 19_500):
            track(tab, 3)
            wait_for(tab, 503)
        tab.wait_sent()
        assert_sent(tab, 503)
        assert_once(server, server.project, 3)


def test_events_sent_twice_because_the_server_stood_still_are_stored_once(tmp_path: Path, tab: Tab) -> None:
    with running_server(tmp_path, "--workers", "1") as server:
        edge = server.processes()["edge-0"]
        tab.start(server.project.token, server.url, batch_request_timeout_ms=300)
        os.kill(edge, signal.SIGSTOP)
        try:
            track(tab, 3)
            wait_for(tab, 0)
        finally:
            os.kill(edge, signal.SIGCONT)
        tab.wait_sent()
        assert_sent(tab, 0)
        assert_once(server, server.project, 3)


def test_page_goes_on_with_a_server_that_was_started_again(tmp_path: Path, tab: Tab) -> None:
    with running_server(tmp_path, "--workers", "1") as server:
        project, port = server.project, str(server.port)
        tab.start(project.token, server.url)
        track(tab, 3)
        tab.wait_sent()
        tab.go_offline(True)
        track(tab, 3, first=3)
        wait_for(tab, 0)
    with running_server(tmp_path, "--workers", "1", "--port", port) as server:
        tab.go_offline(False)
        tab.wait_sent()
        assert_sent(tab, 0)
        assert_once(server, project, 6)
