"""Bodies that come too slowly are told from those that come, whatever came before."""

import asyncio

import pytest

from tests.support.http.application_server import serving, talk
from trackway.domain.limits import SMALL_BODY_BYTES_MAX
from trackway.edge.app import fixed
from trackway.edge.wire.asgi import Receive, Scope, Send
from trackway.http import pace as http_pace
from trackway.http import server
from trackway.http.limits import BODY_BYTES_PER_S_MIN, LARGE_BODY_S, SMALL_BODY_S
from trackway.http.pace import Pace

SLOWEST = BODY_BYTES_PER_S_MIN
LARGE = SMALL_BODY_BYTES_MAX + 1
HEAD = b"POST /track HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"


def slow_at(size: int, bytes_per_s: int) -> int | None:
    """The second at which a body of which `size` came at once is found slow, of a hundred."""
    pace = Pace()
    return next((s for s in range(100) if pace.is_slow(float(s), -1.0, size + s * bytes_per_s)), None)


@pytest.mark.parametrize(
    ("size", "bytes_per_s", "second"),
    [
        (LARGE, 0, LARGE_BODY_S),
        (LARGE, SLOWEST - 1, LARGE_BODY_S),
        (LARGE, SLOWEST, None),
        (1, 0, SMALL_BODY_S),
        (1, SLOWEST - 1, SMALL_BODY_S),
        (1, SLOWEST, None),
    ],
)
def test_what_came_in_the_last_window_counts(size: int, bytes_per_s: int, second: int | None) -> None:
    assert slow_at(size, bytes_per_s) == second


def test_each_request_has_its_own_window_and_time_in_which_we_do_not_read_counts_for_nothing() -> None:
    pace = Pace()
    for second in range(100):
        assert not pace.is_slow(float(second), second // 10 * 10.0, LARGE)
    for second in range(100, 200):
        if second % LARGE_BODY_S == 0:
            pace.restart(float(second), 200.0, LARGE)
        assert not pace.is_slow(float(second), 200.0, LARGE)


@pytest.mark.parametrize("reads", [True, False], ids=["reading", "answered before"])
def test_a_body_that_stands_still_gets_a_408_unless_it_was_answered(
    reads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "STALLED_LOOK_S", 0.02)
    monkeypatch.setattr(http_pace, "SMALL_BODY_S", 0.1)
    answered = fixed(b"1")

    async def read_first(scope: Scope, receive: Receive, send: Send) -> None:
        while reads and (await receive()).get("more_body"):
            pass
        await answered(scope, receive, send)

    async def reply() -> bytes:
        async with serving(read_first) as port:
            return await talk(port, HEAD, b"half")

    assert asyncio.run(reply()).startswith(b"HTTP/1.1 408 Request Timeout" if reads else b"HTTP/1.1 200 OK")


def test_a_client_that_waits_for_leave_to_send_is_not_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STALLED_LOOK_S", 0.02)
    monkeypatch.setattr(http_pace, "SMALL_BODY_S", 0.1)

    async def read_late(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.5)
        while (await receive()).get("more_body"):
            pass
        await fixed(b"1")(scope, receive, send)

    async def reply() -> bytes:
        async with serving(read_late) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HEAD.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"))
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"x" * 1000)
            head = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            return head

    assert asyncio.run(reply()).startswith(b"HTTP/1.1 200 OK")
