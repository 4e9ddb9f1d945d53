"""A server whose store URL leads to something else: it accepts events, and its log says why they are not loaded."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.crash.process_tree import Tree
from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.server import create_project
from tests.support.waiting import wait_until


class Page(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_error(404)

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        """Nothing: pytest shows what a test prints."""


def test_server_with_a_wrong_store_takes_events_and_says_so_in_one_line_a_try(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as other:
        threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        said = f"the store at 127.0.0.1:{other.server_port} is no ClickHouse: it answered with HTTP status 404"
        with Tree(
            tmp_path / "data", "--workers", "1", "--store-url", f"http://127.0.0.1:{other.server_port}/x"
        ) as tree:
            tree.start()
            wait_until(lambda: tree.log.read_text().count(said) >= 3, 30, tree.log_end)
            token = create_project(tmp_path / "data" / "projects.db").token
            event = b'{"event":"a","properties":{"token":"%s","distinct_id":"u"}}' % token.encode()
            assert tree.ask(Request("POST", "/track", (JSON,), event)).body == b"1"
            tree.ask(Request("GET", "/readyz"))
            log = tree.log.read_text()
            tree.stop()
        other.shutdown()
    tries = [line for line in log.splitlines() if "cannot load" in line]
    assert all(said in line for line in tries), log
    assert not any(word in log for word in ("Traceback", "urllib3", "HTTPConnection", "Exception")), log
