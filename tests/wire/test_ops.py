"""What anybody may ask about a server names no address, is for no other origin, and may have a port of its own."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crash.process_tree import Tree
from tests.support.free_port import free_port
from tests.support.http.exchange import Reply, Request, ask
from tests.support.server import Server
from tests.support.waiting import wait_until

PATHS = ["/healthz", "/readyz", "/metrics"]
READY_TIMEOUT_S = 60


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    """A server with a port for operators, whose store is away."""
    store = f"http://storeuser:storepassword@127.0.0.1:{free_port()}/somewhere"
    arguments = ["--workers", "2", "--store-url", store, "--ops-port", str(free_port()), "--path-prefix", "/mixpanel"]
    with Tree(tmp_path_factory.mktemp("ops") / "data", *arguments) as tree:
        tree.start()
        yield tree


def ops(tree: Tree, path: str) -> Reply:
    """What the operators' port answers."""
    port = int(tree.arguments[tree.arguments.index("--ops-port") + 1])
    return ask(port, Request("GET", path))


def test_details_are_on_the_port_of_operators_alone(away: Tree) -> None:
    assert [away.ask(Request("GET", "/mixpanel" + path)).status for path in PATHS] == [200, 404, 404]
    assert [ops(away, path).status for path in PATHS] == [200, 503, 200]
    assert ops(away, "/track").status == 404
    assert ops(away, "/readyz").header("x-request-id"), "by which the log names a failure"
    assert ops(away, "/metrics").header("x-request-id") is None
    assert b"trackway_journal_sync_seconds" in ops(away, "/metrics").body


def test_a_store_that_is_away_is_told_in_fixed_words(away: Tree) -> None:
    def store() -> object:
        return json.loads(ops(away, "/readyz").body)["store"]

    assert store() == {"up": False, "error": "the store does not answer"}
    wait_until(lambda: b"store_errors_total{" in ops(away, "/metrics").body, READY_TIMEOUT_S, lambda: "no failed load")
    said = b"".join(ops(away, path).body for path in PATHS).decode()
    assert not re.search(r"127\.0\.0\.1|localhost|https?:|store(user|password)|somewhere|refused|Errno", said), said
    assert "127.0.0.1" in away.log.read_text(), "the log says where"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
@pytest.mark.parametrize("path", PATHS)
def test_no_page_of_another_origin_may_read_them(server: Server, path: str, method: str) -> None:
    origin = (("Origin", "https://example.com"), ("Access-Control-Request-Method", "GET"))
    reply = server.ask(Request(method, path, origin))
    assert reply.header("access-control-allow-origin") is None
    assert server.ask(Request(method, "/track", origin)).header("access-control-allow-origin"), "as others do"


def test_port_of_operators_that_is_taken_is_one_plain_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        tree = Tree(tmp_path / "data", "--ops-port", str(port))
        done = subprocess.run(tree.command, capture_output=True, timeout=READY_TIMEOUT_S, check=False)
    assert done.returncode == 1
    assert f"trackway: cannot listen on 127.0.0.1 port {port}: " in done.stderr.decode()
