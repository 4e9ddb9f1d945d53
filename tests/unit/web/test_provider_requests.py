"""Requests to a provider: what is no answer is a failure with a reason, in bounded time and memory."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from trackway.domain.errors import RequestError
from trackway.web import provider_requests as module
from trackway.web.limits import PROVIDER_ANSWER_BYTES_MAX
from trackway.web.provider_requests import ProviderFailed, ProviderRequests

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[str]:
    """The URL of a server that does so. At the end each of its connections is closed, also one that nobody awaits."""
    handlers = set[asyncio.Task[Any]]()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for each in handlers:
            each.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


def asked(serve: Serve, form: dict[str, str] | None = None) -> dict[str, Any]:
    """What a server that does so answers."""

    async def run() -> dict[str, Any]:
        async with serving(serve) as address:
            url, requests = f"{address}/path?a=b", ProviderRequests()
            return await (requests.get_json(url) if form is None else requests.post_form(url, form))

    return asyncio.run(run())


def answering(answer: bytes, heard: list[bytes] | None = None) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heard is not None:
            heard.append(head + await reader.read(100))
        writer.write(answer)
        await writer.drain()

    return serve


def page(body: bytes) -> bytes:
    return PAGE % (len(body), body)


def test_json_is_read_whatever_the_form_of_its_length() -> None:
    chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n'
    for answer in (page(b'{"a":1}'), chunked):
        assert asked(answering(answer)) == {"a": 1}


def test_a_form_is_sent_as_one() -> None:
    heard: list[bytes] = []
    asked(answering(page(b"{}"), heard), {"code": "a b&c"})
    assert heard[0].startswith(b"POST /path?a=b HTTP/1.1\r\n") and heard[0].endswith(b"\r\n\r\ncode=a+b%26c")
    assert b"Content-Type: application/x-www-form-urlencoded\r\n" in heard[0]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", "answered 302"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "answered 500"),
        (page(b"<html>"), "did not answer with JSON"),
        (page(b"[1]"), "did not answer with a JSON object"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "did not answer with HTTP"),
        (page(b"x" * PROVIDER_ANSWER_BYTES_MAX), f"more than {PROVIDER_ANSWER_BYTES_MAX} bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "ended before its end"),
        (b"", "ended before its end"),
    ],
)
def test_what_is_no_answer_is_a_failure_with_a_reason(answer: bytes, reason: str) -> None:
    with pytest.raises(ProviderFailed, match=reason) as failed:
        asked(answering(answer), {"client_secret": "hidden"})
    assert "hidden" not in str(failed.value)


def test_who_drips_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROVIDER_S_MAX", 0.3)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            while not writer.is_closing():
                writer.write(b"H")
                await asyncio.sleep(0.02)
        finally:
            writer.close()

    with pytest.raises(ProviderFailed, match="did not answer"):
        asked(drip)


def test_who_is_not_there_is_a_failure() -> None:
    for url in ("http://127.0.0.1:1/", "ftp://127.0.0.1/", "http:///x"):
        with pytest.raises(ProviderFailed):
            asyncio.run(ProviderRequests().get_json(url))


def test_certificates_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ssl.SSLContext] = []
    make = ssl.create_default_context

    def counted() -> ssl.SSLContext:
        made.append(make())
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", counted)
    requests = ProviderRequests()
    assert len(made) == 1
    for _ in range(3):
        with pytest.raises(ProviderFailed):
            asyncio.run(requests.get_json("https://127.0.0.1:1/"))
    assert len(made) == 1


def test_so_many_requests_wait_for_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROVIDER_REQUESTS_MAX", 2)

    async def run() -> list[int]:
        answer = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            await answer.wait()
            writer.write(page(b"{}"))
            await writer.drain()

        async with serving(serve) as address:
            url, requests = f"{address}/", ProviderRequests()
            waiting = [asyncio.create_task(requests.get_json(url)) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(RequestError) as refused:
                await requests.get_json(url)
            answer.set()
            assert await asyncio.gather(*waiting) == [{}, {}]
            assert await requests.get_json(url) == {}
            return [refused.value.status]

    assert asyncio.run(run()) == [503]
