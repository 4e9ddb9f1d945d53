"""From the ASGI messages of a request to its body, and what it holds while it is answered; the client's address."""

import asyncio
import contextlib
import gzip
import json
import threading
from collections.abc import AsyncIterator, Callable, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.edge.credentials import access_to
from tests.support.examples import examples
from tests.support.projects.migrated import migrated_file
from trackway.domain.endpoint import Endpoint
from trackway.domain.errors import RequestError
from trackway.edge.ingestion.offload import HeavyWork
from trackway.edge.ingestion.records_endpoint import RecordsEndpoint
from trackway.edge.limits import HEAVY_BYTES
from trackway.edge.quotas.in_flight import InFlight, read_body
from trackway.edge.quotas.rate_limits import RateLimits
from trackway.edge.wire.asgi import ClientGone
from trackway.geo.locator import Locator
from trackway.journal.group_commit import GroupCommit
from trackway.journal.segments.recovery import recover
from trackway.journal.segments.writer import Writer
from trackway.projects.project import Project
from trackway.projects.project_lookup import ProjectDirectory
from trackway.settings.table import Settings

Message = MutableMapping[str, Any]
GONE: Message = {"type": "http.disconnect"}


class Client:
    """Plays a client's messages; after the last it is gone."""

    def __init__(self, messages: list[Message]):
        self._messages = [*messages, GONE]
        self.replies: list[Message] = []

    async def receive(self) -> Message:
        return self._messages.pop(0) if len(self._messages) > 1 else self._messages[0]

    async def send(self, message: Message) -> None:
        self.replies.append(message)

    @property
    def answer(self) -> tuple[int, bytes]:
        start, *rest = self.replies
        return start["status"], b"".join(message["body"] for message in rest)


SCOPE: Message = {"client": ("192.0.2.1", 5), "headers": []}


def parts(*pieces: bytes) -> list[Message]:
    return [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, start=1)
    ]


def read(messages: list[Message], bytes_max: int, in_flight: InFlight) -> bytes:
    """The body, which stays held; what cannot be read is let go of."""
    claim = in_flight.claim(SCOPE, known=True)
    try:
        return asyncio.run(read_body(Client(messages).receive, bytes_max, claim))
    except BaseException:
        claim.release()
        raise


@pytest.mark.parametrize("pieces", [(b"",), (b"abc",), (b"a", b"bc"), (b"", b"abc", b""), (b"a", b"b", b"c")])
def test_a_body_is_read_whole_and_held(pieces: tuple[bytes, ...]) -> None:
    in_flight = InFlight(10, 10)
    body = read(parts(*pieces), 3, in_flight)
    assert body == b"".join(pieces)
    assert in_flight.bytes == len(body)


def test_a_message_without_a_body_is_an_empty_body() -> None:
    assert read([{"type": "http.request"}], 0, InFlight(0, 0)) == b""


@pytest.mark.parametrize("pieces", [(b"abcd",), (b"ab", b"cd"), (b"abcd", b""), (b"", b"abcd")])
def test_a_body_over_its_bound_is_refused_and_not_held(pieces: tuple[bytes, ...]) -> None:
    in_flight = InFlight(10, 10)
    with pytest.raises(RequestError) as caught:
        read(parts(*pieces), 3, in_flight)
    assert (caught.value.status, in_flight.bytes) == (413, 0)


@pytest.mark.parametrize("pieces", [(b"abcd",), (b"ab", b"cd")])
def test_bodies_over_the_bound_of_all_are_refused_for_a_moment(pieces: tuple[bytes, ...]) -> None:
    in_flight = InFlight(10, 10)
    in_flight.take_whole(SCOPE, 7)
    with pytest.raises(RequestError) as caught:
        read(parts(*pieces), 4, in_flight)
    assert (caught.value.status, caught.value.retry_after_s, in_flight.bytes) == (503, 1, 7)


@pytest.mark.parametrize("messages", [[GONE], [*parts(b"a", b"b")[:1], GONE]])
def test_a_client_that_goes_away_leaves_nothing_held(messages: list[Message]) -> None:
    in_flight = InFlight(10, 10)
    with pytest.raises(ClientGone):
        read(messages, 4, in_flight)
    assert in_flight.bytes == 0


class GatedWork(HeavyWork):
    """Waits at a gate, in the thread, before it does anything."""

    def __init__(self, gate: threading.Event):
        super().__init__()
        self._gate = gate

    def run(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        def gated() -> Any:
            assert self._gate.wait(30)
            return work()

        super().run(gated, then)


class Edge:
    """Both endpoints over a real journal and real projects."""

    def __init__(self, directory: Path, bytes_max: int = 1024):
        database = migrated_file(directory / "projects.db")
        self.project: Project = database.create("test", "us")
        recover(directory / "journal", segment_bytes=1 << 20)
        self.directory = directory
        self.bytes_max = bytes_max
        self.gate = threading.Event()
        self.gate.set()
        self.in_flight = InFlight(bytes_max * 3 // 2, bytes_max)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[dict[str, RecordsEndpoint]]:
        projects = ProjectDirectory(self.directory / "projects.db")
        configured = Settings(
            workers=1,
            rate_limits=False,
            body_bytes_max=self.bytes_max,
            in_flight_bytes_max=self.bytes_max * 3 // 2,
            geolocation=False,
        )
        locator = Locator(configured)
        writer = Writer(self.directory / "journal", segment_bytes=1 << 20, background=lambda work: work())
        commit = GroupCommit(writer)
        rates, heavy = RateLimits(self.directory / "rates", 0, configured), GatedWork(self.gate)
        try:
            yield {
                each.path: RecordsEndpoint(
                    each, configured, projects, access_to(projects), commit, rates, self.in_flight, locator, heavy
                )
                for each in Endpoint
            }
        finally:
            heavy.close()
            await commit.close()

    def scope(self, path: str, headers: list[tuple[bytes, bytes]], query: bytes = b"") -> Message:
        return {
            "type": "http",
            "path": path,
            "method": "POST",
            "query_string": query,
            "headers": headers,
            "client": ("192.0.2.1", 5),
        }

    def play(self, requests: list[tuple[Message, list[Message]]]) -> list[Client]:
        """All requests at once."""
        clients = [Client(messages) for _, messages in requests]

        async def run() -> None:
            async with self.serving() as endpoints:
                await asyncio.gather(
                    *(
                        endpoints[scope["path"]](scope, client.receive, client.send)
                        for (scope, _), client in zip(requests, clients, strict=True)
                    )
                )

        asyncio.run(run())
        return clients


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Edge:
    return Edge(tmp_path_factory.mktemp("edge"))


PIECES = st.lists(st.sampled_from([b"", b"x", b"{", b"[]", b"data=e30", b"\x1f\x8b", b"[5]", b"y" * 600]), max_size=3)
SENDINGS = st.lists(
    st.tuples(
        st.sampled_from(["/track", "/import"]),
        st.booleans(),
        PIECES,
        st.booleans(),
        st.sampled_from([b"", b"verbose=1", b"strict=1", b"img=1", b"a=1&" * 70, b"x" * 70_000]),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=examples(60))
@given(SENDINGS)
def test_whatever_clients_send_at_once_nothing_stays_held(
    edge: Edge, sendings: list[tuple[str, bool, list[bytes], bool, bytes]]
) -> None:
    requests = []
    for path, authorized, pieces, whole, query in sendings:
        headers = [(b"authorization", f"Basic {edge.project.secret}:".encode())] if authorized else []
        messages = parts(*pieces, b"")
        requests.append((edge.scope(path, headers, query), messages if whole else messages[:-1]))
    clients = edge.play(requests)
    assert edge.in_flight.bytes == 0
    for client, (_, _, _, whole, _) in zip(clients, sendings, strict=True):
        assert not client.replies or client.answer[0] in (200, 400, 401, 413, 503)
        assert client.replies or not whole


def test_requests_at_once_share_a_bound_and_give_it_back(edge: Edge) -> None:
    record = {"event": "a", "properties": {"token": edge.project.token, "distinct_id": "u", "pad": "x" * 700}}
    request = edge.scope("/track", [])
    clients = edge.play([(request, parts(json.dumps(record).encode())) for _ in range(4)])
    assert sorted(client.answer for client in clients) == [(200, b"1"), *[(503, b"0")] * 3]
    assert edge.in_flight.bytes == 0
    assert edge.play([(request, parts(json.dumps(record).encode()))])[0].answer == (200, b"1")


@pytest.mark.parametrize("encoding", [b"", b"gzip"])
def test_a_large_body_does_not_hold_up_a_small_one(tmp_path: Path, encoding: bytes) -> None:
    edge = Edge(tmp_path, bytes_max=1 << 24)
    record = {"event": "a", "properties": {"token": edge.project.token, "distinct_id": "u", "pad": "x" * 2000}}
    small = json.dumps(record).encode()
    large = b"[" + b",".join([small] * 1000) + b"]"
    assert len(large) > HEAVY_BYTES
    headers = [(b"content-encoding", encoding)] if encoding else []
    packed = gzip.compress(large) if encoding else large
    clients = [Client(parts(packed)), Client(parts(small))]

    async def run() -> None:
        async with edge.serving() as endpoints:
            edge.gate.clear()
            track = endpoints["/track"]
            heavy = asyncio.ensure_future(track(edge.scope("/track", headers), clients[0].receive, clients[0].send))
            await asyncio.sleep(0)
            await track(edge.scope("/track", []), clients[1].receive, clients[1].send)
            assert clients[1].answer == (200, b"1")
            assert not heavy.done() and not clients[0].replies
            edge.gate.set()
            await heavy
            assert clients[0].answer == (200, b"1")

    asyncio.run(run())
    assert edge.in_flight.bytes == 0
