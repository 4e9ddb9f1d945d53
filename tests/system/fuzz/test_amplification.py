"""Bodies that cost their sender nothing: none without a known token costs the server much, or leaves much on disk.

Each is 64 KiB at most, and packed so that it unpacks to as much as it can of what is hard to read. Processor time is
compared with that of an honest batch of the same size in the same run; the bound has room for a busy machine.
"""

import base64
import functools
import gzip
import json
import random
import time
from collections.abc import Callable

import psutil
import pytest

from tests.support.http.encodings import FORM, GZIP, JSON, NDJSON
from tests.support.http.exchange import Reply, Request
from tests.support.server import Server
from trackway.edge.limits import UNKNOWN_BYTES_MAX, UNKNOWN_READ_BYTES_MAX

BODY_BYTES_MAX = 64 * 1024
LARGE = 8_000_000
DISK_BYTES_MAX = 128 * 1024
TIMES = 4
"""Requests that are measured together: the processor's time is told in hundredths of a second."""
HONEST_TIMES_MAX = 10
"""How often the time of an honest batch one may take, which is 7 ms; the dearest takes four times as much."""
TOKEN = "0" * 32
MULTIPART = ("Content-Type", "multipart/form-data; boundary=b")
PART = b'--b\r\nContent-Disposition: form-data; name="data"\r\n\r\n%b\r\n--b--\r\n'

Headers = tuple[tuple[str, str], ...]


def event(more: bytes, token: str = TOKEN) -> bytes:
    return b'{"event":"a","properties":{"token":"%b","distinct_id":"u",%b}}' % (token.encode(), more)


def array(record: bytes, size: int) -> bytes:
    """As many of these as make up a body of that size, within the bound of records."""
    return b"[" + b",".join([record] * min(size // (len(record) + 1), 2000)) + b"]"


def of(size: int) -> dict[str, bytes]:
    """JSON texts of about that size, each of another sort that is hard to read."""
    return {
        "events": array(event(b'"x":"%b"' % (b"x" * (size // 2100))), size),
        "small events": array(event(b'"a":1'), size),
        "bad events": array(b'{"event":"","x":"%b"}' % (b"x" * (size // 2100)), size),
        "events that are not UTF-8": array(b'{"event":"\xff","properties":{"a":[1,2,{"b":"c"}]}}', size),
        "events of many members": array(event(b",".join(b'"a%d":0' % i for i in range(120))), size),
        "deep events": array(event(b'"x":' + b"[" * 400 + b"]" * 400), size),
        "addresses": array(event(b'"ip":"' + b"1.2.3.4 " * 100 + b'"'), size),
        "members": b'[{"event":"a","properties":{' + b",".join([b'"a":0'] * (size // 6)) + b"}}]",
        "tokens": b'[{"event":"a","properties":{'
        + b",".join(b'"token":"%05d"' % i for i in range(size // 17))
        + b"}}]",
        "the word token": b'[{"event":"' + b'\\"token\\"' * (size // 9) + b'"}]',
        "blanks behind a token": b'[{"event":"a","token"' + b" " * size + b":1}]",
        "brackets": b"[" * size,
        "braces": b'{"a":' * (size // 5),
        "empty objects": b"[" + b"{}," * (size // 3) + b"{}]",
        "numbers": b"[" + b"1," * (size // 2) + b"1]",
        "colons": b"{" + b"a:" * (size // 2),
        "quotes": b'["' + b'\\"' * (size // 2) + b'"]',
    }


@functools.cache
def bodies() -> dict[str, tuple[Headers, bytes]]:
    found: dict[str, tuple[Headers, bytes]] = {
        "gzip members": ((JSON, GZIP), (gzip.compress(b"[") * 3000)[:BODY_BYTES_MAX]),
        "percent signs": ((FORM,), b"data=" + b"%5B%7B%22a%22" * 4900),
        "form fields": ((FORM, GZIP), gzip.compress(b"a=b&" * 500_000)),
    }
    for size in (UNKNOWN_READ_BYTES_MAX - 100, UNKNOWN_BYTES_MAX - 100, LARGE):
        texts = {"events": of(size)["events"]} if size == LARGE else of(size)
        for name, text in texts.items():
            found[f"{name}, {size} bytes"] = ((JSON, GZIP), gzip.compress(text, 6))
        found[f"lines, {size} bytes"] = ((NDJSON, GZIP), gzip.compress(texts["events"][1:-1].replace(b"}},", b"}}\n")))
        form = b"data=" + base64.b64encode(texts["events"])
        found[f"base64, {size} bytes"] = ((FORM, GZIP), gzip.compress(form, 6))
        found[f"percent, {size} bytes"] = ((FORM, GZIP), gzip.compress(b"data=" + b"%5B%7B%22a%22" * (size // 13), 6))
    return {name: each for name, each in found.items() if len(each[1]) <= BODY_BYTES_MAX}


class Costs:
    """What requests cost the edge processes, in seconds of the processor."""

    def __init__(self, server: Server):
        self._server = server
        self.honest_s = self.of(Request("POST", "/track", (JSON, GZIP), self._honest()))[0]

    def of(self, request: Request) -> tuple[float, Reply]:
        reply = self._server.ask(request)
        before = self._spent_s()
        for _ in range(TIMES):
            self._server.ask(request)
        return self._spent_s() - before, reply

    def _honest(self) -> bytes:
        """2000 events, which no client packs to less."""
        rng = random.Random(1)
        known = f'"token":"{self._server.project.token}","time":{int(time.time())}'
        texts = [
            f'{{"event":"e","properties":{{{known},"distinct_id":"u","$insert_id":"{rng.getrandbits(128):032x}"}}}}'
            for _ in range(2000)
        ]
        body = gzip.compress(f"[{','.join(texts)}]".encode(), 9)
        assert len(body) <= BODY_BYTES_MAX
        return body

    def _spent_s(self) -> float:
        times = [psutil.Process(pid).cpu_times() for role, pid in self._server.processes().items() if "edge" in role]
        return sum(each.user + each.system for each in times)


@pytest.fixture(scope="module")
def costs(server: Server) -> Costs:
    return Costs(server)


@pytest.mark.parametrize("path", ["/track?verbose=1", "/engage?strict=1"])
def test_no_body_without_a_known_token_costs_more_than_an_honest_one(server: Server, costs: Costs, path: str) -> None:
    dear = {}
    for name, (headers, body) in bodies().items():
        spent_s, reply = costs.of(Request("POST", path, headers, body))
        assert reply.status in (200, 400, 413), (name, reply)
        if spent_s > HONEST_TIMES_MAX * costs.honest_s:
            dear[name] = round(spent_s / costs.honest_s, 1)
    assert dear == {}, f"so many times an honest batch, which takes {costs.honest_s / TIMES:.3f} s"


def test_what_names_no_project_leaves_nothing_but_some_counts(server: Server, written: Callable[[], int]) -> None:
    before = written()
    for headers, body in bodies().values():
        server.ask(Request("POST", "/track", headers, body))
    assert written() - before < DISK_BYTES_MAX


@pytest.fixture
def written(server: Server) -> Callable[[], int]:
    """Payload bytes that went to the journal, of all edge processes."""

    def read() -> int:
        lines = server.ask(Request("GET", "/metrics")).body.splitlines()
        return sum(int(float(line.split()[1])) for line in lines if line.startswith(b"trackway_journal_bytes_total"))

    return read


def test_rejected_records_with_a_public_token_leave_little(server: Server, written: Callable[[], int]) -> None:
    bad = event(b'"time":1,"x":"%b"' % (b"x" * 15_000), server.project.token)
    body = gzip.compress(array(bad, 30_000_000), 9)
    assert len(body) <= BODY_BYTES_MAX
    before = written()
    assert server.ask(Request("POST", "/track", (JSON, GZIP), body)).body == b"0"
    assert written() - before < DISK_BYTES_MAX


def test_a_batch_that_begins_with_unknown_tokens_is_taken(server: Server) -> None:
    """Up to 2 MiB of others may stand before the first record of a known project."""
    project = server.create_project()
    unknown, known = event(b'"x":"%b"' % (b"x" * 1000)), event(b'"$insert_id":"known-1"', project.token)
    text = b"[" + b",".join([*[unknown] * 1500, known]) + b"]"
    for headers, body in (
        ((JSON,), text),
        ((JSON, GZIP), gzip.compress(text)),
        ((FORM,), b"data=" + base64.b64encode(text)),
        ((FORM, GZIP), gzip.compress(b"data=" + base64.urlsafe_b64encode(text))),
    ):
        assert server.ask(Request("POST", "/track", headers, body)).body == b"1", headers
    assert len(server.export_when(project, 1)) == 1


def test_large_bodies_of_a_known_project_are_taken_in_every_encoding(server: Server) -> None:
    project = server.create_project()
    records = [event(b'"$insert_id":"large-%04d","x":"%b"' % (i, b"x" * 3000), project.token) for i in range(1000)]
    text = b"[" + b",".join(records) + b"]"
    for headers, body in (
        ((JSON,), text),
        ((JSON, GZIP), gzip.compress(text)),
        ((FORM,), b"data=" + base64.b64encode(text)),
        ((FORM, GZIP), gzip.compress(b"data=" + base64.b64encode(text))),
        ((NDJSON, GZIP), gzip.compress(b"\n".join(records))),
        ((MULTIPART,), PART % base64.b64encode(text)),
        ((MULTIPART, GZIP), gzip.compress(PART % text)),
    ):
        assert server.ask(Request("POST", "/track", headers, body)).body == b"1", headers
    assert len(server.export_when(project, 1000)) == 1000


def test_what_unpacks_to_much_without_a_known_token_is_refused(server: Server) -> None:
    for name in (f"events, {LARGE} bytes", f"base64, {LARGE} bytes", f"percent, {LARGE} bytes"):
        headers, body = bodies()[name]
        reply = server.ask(Request("POST", "/track?verbose=1", headers, body))
        assert reply.status == 413, name
        assert b"without a known token" in reply.body
        assert json.loads(reply.body)["code"] == 413
