"""Whoever loses a right while a body is still coming in changes nothing with it (protocol §3).

Credentials are looked at before a body is read, and again when it is there: what trickles in for minutes would
otherwise be taken long after its sender was shut out.
"""

import json
import socket
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.support.http.encodings import FORM, JSON
from tests.support.http.events import record
from tests.support.http.exchange import Request
from tests.support.lookup.requests import creating
from tests.support.profile_server import ProfileServer
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import TAKEN_OVER_S, Credentials, accounts_of, everywhere, new_account
from tests.support.store.questions import Tables
from trackway.projects.saved import Bookmark
from trackway.projects.saved_table import Saved

LARGE = b" " * (64 * 1024)
"""Blanks mean nothing to JSON; with them a request is too large for the server's short ways."""
LAST_BYTES = 5
REPORT = b'{"name":"slow","type":"insights","params":{}}'


@dataclass(frozen=True)
class Slow:
    """A project, an account that may change it, and requests that do, to be sent slowly."""

    server: ProfileServer
    project: Project
    account: Credentials
    table: str

    def requests(self, credentials: tuple[str, str]) -> list[Request]:
        def event(insert_id: str) -> bytes:
            return json.dumps([record(self.project, insert_id=insert_id, time=1_600_000_000)]).encode()

        named = f"project_id={self.project.project_id}"
        form = f"strict=1&{named}&data=".encode() + event("form")
        return [
            Request("POST", f"/import?strict=1&{named}", (JSON, credentials), event("small")),
            Request("POST", f"/import?strict=1&{named}", (JSON, credentials), LARGE + event("large")),
            Request("POST", "/import", (FORM, credentials), form),
            Request("POST", f"/api/app/identity/unlink?{named}", (JSON, credentials), b'{"id":"a","reason":"b"}'),
            Request("PUT", f"/lookup-tables/{self.table}?{named}", (credentials,), b"id,a\n1,2\n"),
            Request("POST", f"/api/app/projects/{self.project.project_id}/bookmarks", (JSON, credentials), REPORT),
        ]

    def answers(self, credentials: tuple[str, str], meanwhile: Callable[[], None]) -> list[tuple[int, str | None]]:
        """Status and error of each request, before whose end `meanwhile` happens."""
        requests = self.requests(credentials)
        with ExitStack() as stack:
            connections = [_begun(self.server.server, request, stack) for request in requests]
            meanwhile()
            for connection, request in zip(connections, requests, strict=True):
                connection.sendall(request.body[-LAST_BYTES:])
            return [_answer(connection) for connection in connections]

    def changed(self) -> tuple[int, int, int]:
        """How many events there are now, rows of the table, and saved reports."""
        self.server.wait_loaded()
        ((events,),) = self.server.store.query(
            "SELECT count() FROM events WHERE project_id = {project_id:UInt32}", {"project_id": self.project.project_id}
        )
        found = Tables(self.server.store).find(self.project.project_id, uuid.UUID(self.table))
        assert found is not None
        return (
            int(events),
            found.row_count,
            len(Saved(self.server.server.projects).all(Bookmark, self.project.project_id)),
        )


def _begun(server: Server, request: Request, stack: ExitStack) -> socket.socket:
    """A connection on which all but the last bytes of the request were sent."""
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
    lines = [f"{request.method} {request.target} HTTP/1.1", "Host: x", f"Content-Length: {len(request.body)}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    connection.sendall("\r\n".join((*lines, "", "")).encode() + request.body[:-LAST_BYTES])
    return connection


def _answer(connection: socket.socket) -> tuple[int, str | None]:
    text = b""
    while not text.endswith((b"}", b"1", b"0")) or b"\r\n\r\n" not in text:
        text += connection.recv(4096)
    head, _, body = text.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body).get("error")


@pytest.fixture
def slow(profile_server: ProfileServer, profile_project: Project) -> Slow:
    server, project = profile_server.server, profile_project
    profile_server.wait_loaded()
    [table] = json.loads(server.ask(creating(project, "slow")).body)["results"]
    return Slow(profile_server, project, new_account(server, {project.project_id: "admin"}), table["id"])


def until_refused(slow: Slow, credentials: tuple[str, str]) -> None:
    """Wait until every edge process knows it, also the one that leaves new connections to the other since it holds more
    of those that are under way."""
    limits = Request("GET", f"/api/app/rate-limits?project_id={slow.project.project_id}", (credentials,))
    assert everywhere(lambda: slow.server.server.ask(limits).status == 401)
    time.sleep(TAKEN_OVER_S)


def test_what_a_revoked_account_was_sending_is_refused_at_its_end(slow: Slow) -> None:
    def revoke() -> None:
        accounts_of(slow.server.server).revoke(slow.account.account_id)
        until_refused(slow, slow.account.basic)

    answers = slow.answers(slow.account.basic, revoke)
    assert answers == [(401, "Not a valid service account username")] * len(answers)
    assert slow.changed() == (0, 0, 0)


def test_what_a_former_member_was_sending_is_refused_at_its_end(slow: Slow) -> None:
    def leave() -> None:
        accounts_of(slow.server.server).remove({slow.project.project_id: [slow.account.account_id]})
        until_refused(slow, slow.account.basic)

    answers = slow.answers(slow.account.basic, leave)
    assert answers == [(401, "Credentials in request did not match project_id URL parameter")] * len(answers)
    assert slow.changed() == (0, 0, 0)


def test_what_came_with_a_secret_that_has_ended_is_refused_at_its_end(slow: Slow) -> None:
    def rotate() -> None:
        slow.server.server.projects.rotate(slow.project.name, "secret", 0)
        until_refused(slow, basic(slow.project.secret))

    answers = slow.answers(basic(slow.project.secret), rotate)
    assert answers == [(401, "Invalid credentials")] * len(answers)
    assert slow.changed() == (0, 0, 0)


def test_whoever_may_still_do_it_has_it_done_however_slowly(slow: Slow) -> None:
    answers = slow.answers(slow.account.basic, lambda: None)
    assert answers == [(200, None)] * (len(answers) - 1) + [(201, None)]
    assert slow.changed() == (3, 1, 1)
