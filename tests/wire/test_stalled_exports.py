"""Clients that ask for an export and do not read it: whatever they hold, others are served."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from tests.support.http.encodings import JSON
from tests.support.http.events import import_all, record
from tests.support.http.exchange import Request
from tests.support.profile_server import ProfileServer
from tests.support.running_exports import running_exports
from tests.support.server import VISIBLE_TIMEOUT_S, Project, basic

STREAMS = 3  # the store's connections for them


@contextmanager
def unread_exports(server: ProfileServer, project: Project, count: int) -> Iterator[None]:
    """So many exports of a project that have begun and go no further."""
    name, value = basic(project.secret)
    target = "/api/2.0/export?from_date=1971-01-01&to_date=2100-01-01"
    head = f"GET {target} HTTP/1.1\r\nHost: x\r\n{name}: {value}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(closing(socket.socket()))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.server.port))
            connection.sendall(head)
            assert connection.recv(12) == b"HTTP/1.1 200"
        yield


def test_three_exports_that_nobody_reads_do_not_stop_the_loader(
    profile_server: ProfileServer, profile_project: Project
) -> None:
    server, project = profile_server.server, profile_project
    wide = {f"p{number}": "x" * 255 for number in range(240)}
    for part in range(2):
        import_all(server, project, [record(project, insert_id=f"id-{part}-{row}", **wide) for row in range(400)])
    profile_server.wait_loaded()
    with unread_exports(profile_server, project, STREAMS):
        assert running_exports(profile_server) == STREAMS
        update = {"$token": project.token, "$distinct_id": "ada", "$set": {"plan": "pro"}}
        assert server.ask(Request("POST", "/engage", (JSON,), json.dumps(update).encode())).body == b"1"
        import_all(server, project, [record(project, insert_id="late")])
        assert profile_server.profiles_of(project)["", "ada"]["plan"] == "pro"
        assert running_exports(profile_server) == STREAMS
    deadline = time.monotonic() + VISIBLE_TIMEOUT_S
    while running_exports(profile_server):
        assert time.monotonic() < deadline, "exports whose clients have left still run"
        time.sleep(0.05)
    assert len(server.export(project, event='["signed up"]')) == 801
