"""The connection to NATS: one for each process, in a thread with an event loop of its own.

The loader is a synchronous thread, and an edge process has an event loop that must not wait for NATS. Both hand work to
this thread. The client library reconnects by itself, but may wait without end for a server that is frozen with unsent
bytes. So here a connection that answers no ping is left, and a new client connects to another server. So is one whose
server is cut off from the others and acknowledges nothing (`Publisher`). A server that was left is tried last.
"""

import asyncio
import functools
import logging
import os
import random
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar
from urllib.parse import ParseResult

import uvloop

from trackway.domain.errors import ConfigError, StorageError
from trackway.journal.limits import (
    STREAM_AGAIN_S,
    STREAM_CONNECT_S_MAX,
    STREAM_PING_S,
    STREAM_PING_S_MAX,
    STREAM_REQUEST_S_MAX,
)
from trackway.journal.stream.address import Address
from trackway.runtime.background import start_task, start_thread

try:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.errors import Error as NatsError
except ImportError as error:
    message = (
        "journal_url needs the client of NATS: run .venv/bin/pip install '.[nats]' in the checkout, or install the "
        "wheel with [nats] behind its name"
    )
    raise ConfigError(message) from error

T = TypeVar("T")
LOST: Final = (OSError, NatsError, RuntimeError)
"""What the client raises when its connection is gone. RuntimeError is uvloop's, of a socket that is closed already."""
NO_RESPONDERS: Final = "503"
_log = logging.getLogger(__name__)
# The library logs through the root of its name; what it reports is reported here, once.
logging.getLogger("nats").setLevel(logging.CRITICAL)


class Away(StorageError):
    """NATS does not answer. The next try may succeed."""


class _Client(Client):
    """A client that sends its password through TLS alone, where the URL asks for TLS.

    The library encrypts a connection if the server says that it requires it, whatever the URL says. So a stranger in
    between could say otherwise, and would get the password.
    """

    def __init__(self, address: Address):
        super().__init__()
        self._needs_tls = address.tls
        self.is_proved = not address.tls
        """Whether the connection was looked at before the password was sent."""

    def _connect_command(self) -> bytes:
        """The library calls it to get what it sends next: user and password."""
        if self._needs_tls:
            writer = getattr(self._transport, "_io_writer", None)
            if writer is None or writer.get_extra_info("ssl_object") is None:
                raise NatsError("the server offers no TLS, which the URL asks for")
            self.is_proved = True
        return super()._connect_command()


async def connect(address: Address, urls: Sequence[str] = ()) -> Client:
    """A new client of one of the servers: of the first of `urls` that can be reached, or of any. Raises Away."""
    client = _Client(address)
    try:
        await asyncio.wait_for(
            client.connect(
                list(urls) or address.urls,
                error_cb=_ignore,
                dont_randomize=bool(urls),
                name="trackway",
                allow_reconnect=False,
                connect_timeout=round(STREAM_CONNECT_S_MAX),
                max_reconnect_attempts=0,
                user=address.user or None,
                password=address.password or None,
                pending_size=0,
            ),
            STREAM_CONNECT_S_MAX,
        )
    except LOST as error:
        _abort(client)
        raise Away(f"the journal at {address.shown} cannot be reached: {_text(error)}") from error
    assert client.is_proved, "this version of the library does not ask before it sends a password"
    return client


async def _ignore(error: Exception) -> None:
    """What fails is seen by those who wait for it."""
    _log.debug("the client of NATS reports %r", error)


def _abort(client: Client) -> None:
    """Close the socket at once. `Client.close` would wait for bytes that a frozen server does not read."""
    transport = getattr(client, "_transport", None)
    writer = getattr(transport, "_io_writer", None)
    if writer is not None:
        writer.transport.abort()


async def leave(client: Client) -> None:
    """Close a client, whatever its server does."""
    _abort(client)
    with suppress(*LOST):
        await asyncio.wait_for(client.close(), STREAM_CONNECT_S_MAX)


def _text(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the certificate of NATS is not trusted ({error.verify_message}): SSL_CERT_FILE can name a file with its "
            "authority"
        )
    return str(error) or type(error).__name__


def version_of(client: Client) -> str:
    """The version of the server, as `2.12.0`."""
    version = client.connected_server_version
    return f"{version.major}.{version.minor}.{version.patch}"


async def ask(
    client: Client,
    subject: str,
    question: bytes = b"",
    timeout_s: float = STREAM_REQUEST_S_MAX,
    headers: dict[str, str] | None = None,
) -> bytes:
    """The answer to one request. Raises Away."""
    try:
        reply = await client.request(subject, question, timeout=timeout_s, headers=headers)
    except LOST as error:
        raise Away(f"the journal does not answer {subject}: {_text(error)}") from error
    return reply.data


class Connection:
    """The connection of this process. It is made anew whenever it is lost, for ever."""

    def __init__(self, address: Address):
        self._address = address
        # Each process begins with another server, so that their load is spread.
        self._urls = random.sample(address.urls, len(address.urls))
        self._client: Client | None = None
        self._there = asyncio.Event()
        self.acknowledged_s = 0.0
        """When a record of any stream was last acknowledged, or the client was new, by the monotonic clock."""
        self.when_lost: list[Callable[[], None]] = []
        """Called in the thread of the connection, each time that a client is lost."""
        self.listeners: dict[str, Callable[[bytes], None]] = {}
        """By subject, what is called in the thread of the connection with each message. `listen` adds to them."""
        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self._started = threading.Event()
        start_thread(self._run, "journal-nats")
        self._started.wait()

    def call(self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """Run the coroutine in the thread of the connection, and wait. Raises Away when it takes longer."""
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result(timeout_s)
        except TimeoutError as error:
            future.cancel()
            raise Away(f"the journal at {self._address.shown} does not answer") from error

    def post(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Call in the thread of the connection, soon."""
        self.loop.call_soon_threadsafe(functools.partial(callback, *arguments))

    @property
    def client(self) -> Client | None:
        """The client, while it is connected. This and all below are for the thread of the connection."""
        return self._client

    def leave_unless_acknowledged(self, since_s: float) -> None:
        """Go on with another server if no record was acknowledged since then: this one answers, but to no avail."""
        if self._client is not None and self.acknowledged_s <= since_s:
            _abort(self._client)

    async def ready(self, timeout_s: float = STREAM_REQUEST_S_MAX) -> Client:
        """The client, as soon as it is connected. Raises Away."""
        try:
            await asyncio.wait_for(self._there.wait(), timeout_s)
        except TimeoutError as error:
            raise Away(f"the journal at {self._address.shown} cannot be reached") from error
        assert self._client is not None, "the event is set while there is a client"
        return self._client

    async def ask(
        self,
        subject: str,
        question: bytes = b"",
        timeout_s: float = STREAM_REQUEST_S_MAX,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        """The answer to one request. Raises Away."""
        return await ask(await self.ready(timeout_s), subject, question, timeout_s, headers)

    async def listen(self, subject: str, callback: Callable[[bytes], None]) -> None:
        """Call with each message to the subject, over all connections to come. Raises nothing: an absent server is
        asked when it is back."""
        self.listeners[subject] = callback
        if (client := self._client) is not None:
            with suppress(*LOST):
                await _listen(client, subject, callback)

    async def say(self, subject: str, message: bytes) -> None:
        """Publish to those who listen now. Nobody acknowledges it. Raises Away."""
        client = await self.ready()
        try:
            await client.publish(subject, message)
        except LOST as error:
            raise Away(f"the journal cannot be reached: {_text(error)}") from error

    @asynccontextmanager
    async def answers(self, subject: str, question: bytes) -> AsyncIterator[Callable[[], Awaitable[Msg]]]:
        """Ask what is answered by several messages: a function that gives the next one, and raises Away."""
        client = await self.ready()
        inbox = client.new_inbox()
        try:
            subscription = await client.subscribe(inbox)
            await client.publish(subject, question, reply=inbox)
        except LOST as error:
            raise Away(f"the journal cannot be asked: {_text(error)}") from error

        async def following() -> Msg:
            try:
                return await subscription.next_msg(STREAM_REQUEST_S_MAX)
            except (*LOST, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and not client.is_closed:
                    raise
                raise Away(f"the journal does not answer {subject}: {_text(error)}") from error

        try:
            yield following
        finally:
            with suppress(*LOST):
                await subscription.unsubscribe()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.call_soon(self._begin)
        self.loop.run_forever()

    def _begin(self) -> None:
        start_task(self._stay_connected(), "journal-connection")
        self._started.set()

    async def _stay_connected(self) -> None:
        fault = ""
        while True:
            try:
                client = await connect(self._address, self._urls)
            except Away as error:
                if not fault:
                    _log.warning("%s", error)
                fault = str(error)
                await asyncio.sleep(STREAM_AGAIN_S)
                continue
            if fault:
                _log.info("the journal at %s is reached again", self._address.shown)
                fault = ""
            with suppress(*LOST):
                for subject, hear in self.listeners.items():
                    await _listen(client, subject, hear)
            server = client.connected_url
            self._client = client
            self.acknowledged_s = time.monotonic()
            self._there.set()
            await _while_it_answers(client)
            self._client = None
            self._there.clear()
            for callback in list(self.when_lost):
                callback()
            self._try_last(server)
            await leave(client)

    def _try_last(self, server: ParseResult | None) -> None:
        """The server was left: the others are tried before it. A server that a cluster advertises is in no list."""
        if server is not None:
            self._urls.sort(key=lambda url: url.endswith(f"//{server.netloc}"))


async def _listen(client: Client, subject: str, callback: Callable[[bytes], None]) -> None:
    async def heard(message: Msg) -> None:
        callback(message.data)

    await client.subscribe(subject, cb=heard)


async def _while_it_answers(client: Client) -> None:
    """Return when the client has lost its server, or when that has not answered a ping in time."""
    while client.is_connected:
        await asyncio.sleep(STREAM_PING_S)
        try:
            await asyncio.wait_for(client.flush(round(STREAM_PING_S_MAX)), STREAM_PING_S_MAX)
        except LOST:
            return


_connections: dict[tuple[int, Address], Connection] = {}
_lock = threading.Lock()


def connection_of_process(address: Address) -> Connection:
    """The connection of this process, which lasts as long as the process. A fork gets one of its own."""
    key = os.getpid(), address
    with _lock:
        if key not in _connections:
            _connections[key] = Connection(address)
        return _connections[key]
