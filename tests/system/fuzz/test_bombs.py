"""Requests made to eat memory: each is refused or stored, and the edge processes stay within their bound.

The bound is what a worker may hold for the largest body it takes (32 MiB unpacked): the body, a few copies of it, and
what the allocator keeps. A server that unpacked or parsed without bounds would pass it many times over.
"""

import gzip
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.support.http.encodings import FORM, GZIP, JSON, NDJSON
from tests.support.http.exchange import Reply, Request
from tests.support.server import Server, basic
from tests.support.waiting import wait_until

BODY_BYTES_MAX = 32 * 1024 * 1024
GROWTH_BYTES_MAX = 12 * BODY_BYTES_MAX
FREED_TIMEOUT_S = 10
SAMPLE_S = 0.02


@dataclass
class Memory:
    """Memory of the edge processes while a test runs, in bytes: at its beginning, and the most that was seen."""

    before: int
    peak: int

    @property
    def growth(self) -> int:
        return self.peak - self.before


@pytest.fixture
def memory(server: Server) -> Iterator[Memory]:
    """Watches the edge processes, and afterwards holds them to the bound."""
    seen = Memory(server.edge_bytes(), 0)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_S):
            seen.peak = max(seen.peak, server.edge_bytes())

    before = server.processes()
    watching = threading.Thread(target=watch)
    watching.start()
    yield seen
    done.set()
    watching.join()
    assert server.processes() == before, "a process died"
    assert seen.growth <= GROWTH_BYTES_MAX, f"edge grew by {seen.growth / 2**20:.0f} MiB"


def event(properties: bytes) -> bytes:
    """An event with these raw members, for /import."""
    return b'{"event":"a","properties":{"time":1600000000,"distinct_id":"u","$insert_id":"a",%b}}' % properties


def update(operations: bytes) -> bytes:
    """A profile update with these raw members."""
    return b'{"$token":"<token>","$distinct_id":"u",%b}' % operations


def packed_blanks(size: int) -> bytes:
    """gzip of so many blanks, made by repeating one packed block; no one who keeps to a bound gets to its trailer."""
    block_bytes = 10_000_000
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(b" " * block_bytes) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + bytes(7) + block * (size // block_bytes) + b"\x03\x00" + bytes(8)


BOMBS: dict[str, Callable[[], tuple[tuple[tuple[str, str], ...], bytes]]] = {
    "a gigabyte of blanks in gzip": lambda: ((JSON, GZIP), packed_blanks(1_000_000_000)),
    "gzip within gzip": lambda: ((JSON, GZIP), gzip.compress(packed_blanks(1_000_000_000))),
    "many gzip members": lambda: ((JSON, GZIP), gzip.compress(b"[") * 300_000),
    "gzip of empty members": lambda: ((JSON, GZIP), gzip.compress(b"") * 300_000),
    "opening brackets": lambda: ((JSON,), b"[" * 30_000_000),
    "opening braces": lambda: ((JSON,), b'{"a":' * 5_000_000),
    "brackets in gzip": lambda: ((JSON, GZIP), gzip.compress(b"[" * 30_000_000, 1)),
    "brackets within a property": lambda: ((JSON,), event(b'"x":' + b"[" * 900_000 + b"]" * 900_000)),
    "braces within a property": lambda: ((JSON,), event(b'"x":' + b'{"a":' * 300_000 + b"1" + b"}" * 300_000)),
    "a million keys": lambda: ((JSON,), event(b",".join(b'"%x":0' % number for number in range(200_000)))),
    "a million keys in an object": lambda: (
        (JSON,),
        event(b'"x":{' + b",".join(b'"%x":0' % number for number in range(190_000)) + b"}"),
    ),
    "a million elements": lambda: ((JSON,), event(b'"x":[' + b"0," * 900_000 + b"0]")),
    "a million empty objects": lambda: ((JSON,), b"[" + b"{}," * 10_000_000 + b"{}]"),
    "a million empty arrays": lambda: ((JSON,), b"[" + b"[]," * 10_000_000 + b"[]]"),
    "a million numbers": lambda: ((JSON,), b"[" + b"1," * 15_000_000 + b"1]"),
    "a million strings": lambda: ((JSON,), b"[" + b'"",' * 10_000_000 + b'""]'),
    "a million lines": lambda: ((NDJSON,), b"{}\n" * 10_000_000),
    "a million blank lines": lambda: ((NDJSON,), b"\n" * 30_000_000),
    "a million form fields": lambda: ((FORM,), b"a=b&" * 7_000_000),
    "a form of percent signs": lambda: ((FORM,), b"data=" + b"%41" * 10_000_000),
    "a form of plus signs": lambda: ((FORM,), b"data=" + b"+" * 30_000_000),
    "base64 of brackets": lambda: ((FORM,), b"data=" + b"W1tb" * 8_000_000),
    "a number of two million digits": lambda: ((JSON,), event(b'"x":' + b"9" * 2_000_000)),
    "a time of two million digits": lambda: ((JSON,), event(b'"time":' + b"9" * 2_000_000)),
    "a distinct_id of two million digits": lambda: ((JSON,), event(b'"distinct_id":' + b"9" * 2_000_000)),
    "a string of two million characters": lambda: ((JSON,), event(b'"x":"' + b"x" * 2_000_000 + b'"')),
    "a string of escapes": lambda: ((JSON,), event(b'"x":"' + b"\\u00fc" * 300_000 + b'"')),
    "an event name of two million characters": lambda: ((JSON,), b'{"event":"' + b"x" * 2_000_000 + b'"}'),
    "a property name of two million characters": lambda: ((JSON,), event(b'"' + b"x" * 2_000_000 + b'":1')),
    "brackets within an operand": lambda: ((JSON,), update(b'"$set":{"x":' + b"[" * 500_000 + b"]" * 500_000 + b"}")),
    "a million keys to set": lambda: (
        (JSON,),
        update(b'"$set":{' + b",".join(b'"%x":0' % number for number in range(100_000)) + b"}"),
    ),
    "a million elements to unite": lambda: ((JSON,), update(b'"$union":{"x":[' + b"0," * 500_000 + b"0]}")),
    "a million empty arrays to unite": lambda: ((JSON,), update(b'"$union":{"x":[' + b"[]," * 300_000 + b"[]]}")),
    "a million names to unset": lambda: ((JSON,), update(b'"$unset":[' + b'"",' * 300_000 + b'""]')),
    "a million digits to add": lambda: ((JSON,), update(b'"$add":{"x":' + b"9" * 1_000_000 + b"}")),
    "a name of a million characters": lambda: ((JSON,), update(b'"$set":{"' + b"x" * 1_000_000 + b'":1}')),
    "a million members": lambda: ((JSON,), update(b",".join(b'"%x":0' % number for number in range(100_000)))),
    "2000 updates of long lists": lambda: (
        (JSON,),
        b"[" + b",".join([update(b'"$union":{"x":[' + b"0," * 8_000 + b"0]}")] * 2000) + b"]",
    ),
    "2000 large bad events": lambda: (
        (JSON,),
        b"[" + b",".join(b'{"event":"","x":"%b"}' % (b"x" * 15_000) for _ in range(2000)) + b"]",
    ),
    "2000 events of long strings": lambda: (
        (JSON,),
        b"[" + b",".join([event(b'"x":"' + b"x" * 15_000 + b'"')] * 2000) + b"]",
    ),
}


def assert_refused_or_stored(reply: Reply) -> None:
    assert reply.status in (200, 400, 413), (reply.status, reply.body[:300])
    if reply.header("content-type") == "application/json":
        json.loads(reply.body)


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_answered_within_the_memory_bound(server: Server, memory: Memory, name: str) -> None:
    headers, body = BOMBS[name]()
    body = body.replace(b"<token>", server.project.token.encode())
    for target in ("/track?verbose=1", "/import?strict=1", "/engage?strict=1"):
        assert_refused_or_stored(server.ask(Request("POST", target, (*headers, basic(server.project.secret)), body)))


def test_many_bombs_at_once_stay_within_the_memory_bound(server: Server, memory: Memory) -> None:
    body = gzip.compress(b"[" * 30_000_000, 1)
    requests = [Request("POST", "/import?strict=1", (JSON, GZIP, basic(server.project.secret)), body)] * 32
    with ThreadPoolExecutor(16) as threads:
        replies = list(threads.map(server.ask, requests))
    assert {reply.status for reply in replies} <= {400, 413, 503}


def test_memory_of_one_bomb_is_not_kept_for_the_next(server: Server) -> None:
    body = b"[" + b",".join([event(b'"x":"' + b"x" * 10_000 + b'"')] * 2000) + b"]"
    request = Request("POST", "/import?strict=1", (JSON, basic(server.project.secret)), body)
    for _ in range(16):  # as many as it takes for each edge process to have had one
        assert_refused_or_stored(server.ask(request))
    before = server.edge_bytes()
    for _ in range(24):
        assert_refused_or_stored(server.ask(request))
    # A reply leaves before the process lets go of its request.
    wait_until(
        lambda: server.edge_bytes() - before <= 2 * BODY_BYTES_MAX,
        FREED_TIMEOUT_S,
        lambda: f"{before} bytes have become {server.edge_bytes()}",
    )
