"""From the ASGI messages of a request to its body, and what it holds while it is answered; the client's address."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.edge.access import access_to

from trackway.edge.events import RecordsEndpoint
from trackway.edge.http import ClientGone, InFlight, client_address, networks, read_body
from trackway.edge.ratelimit import RateLimits
from trackway.errors import RequestError
from trackway.geo.locator import Locator
from trackway.journal.commit import GroupCommit
from trackway.journal.entry import Endpoint
from trackway.journal.recovery import recover
from trackway.journal.writer import Writer
from trackway.projects.database import ProjectsDatabase
from trackway.projects.directory import ProjectDirectory
from trackway.projects.project import Project
from trackway.settings import Settings

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


def parts(*pieces: bytes) -> list[Message]:
    return [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, start=1)
    ]


def read(messages: list[Message], bytes_max: int, in_flight: InFlight) -> bytes:
    return asyncio.run(read_body(Client(messages).receive, bytes_max, in_flight))


@pytest.mark.parametrize("pieces", [(b"",), (b"abc",), (b"a", b"bc"), (b"", b"abc", b""), (b"a", b"b", b"c")])
def test_a_body_is_read_whole_and_held(pieces: tuple[bytes, ...]) -> None:
    in_flight = InFlight(10)
    body = read(parts(*pieces), 3, in_flight)
    assert body == b"".join(pieces)
    assert in_flight.bytes == len(body)


def test_a_message_without_a_body_is_an_empty_body() -> None:
    assert read([{"type": "http.request"}], 0, InFlight(0)) == b""


@pytest.mark.parametrize("pieces", [(b"abcd",), (b"ab", b"cd"), (b"abcd", b""), (b"", b"abcd")])
def test_a_body_over_its_bound_is_refused_and_not_held(pieces: tuple[bytes, ...]) -> None:
    in_flight = InFlight(10)
    with pytest.raises(RequestError) as caught:
        read(parts(*pieces), 3, in_flight)
    assert (caught.value.status, in_flight.bytes) == (413, 0)


@pytest.mark.parametrize("pieces", [(b"abcd",), (b"ab", b"cd")])
def test_bodies_over_the_bound_of_all_are_refused_for_a_moment(pieces: tuple[bytes, ...]) -> None:
    in_flight = InFlight(10)
    in_flight.take(7)
    with pytest.raises(RequestError) as caught:
        read(parts(*pieces), 4, in_flight)
    assert (caught.value.status, caught.value.retry_after_s, in_flight.bytes) == (503, 1, 7)


@pytest.mark.parametrize("messages", [[GONE], [*parts(b"a", b"b")[:1], GONE]])
def test_a_client_that_goes_away_leaves_nothing_held(messages: list[Message]) -> None:
    in_flight = InFlight(10)
    with pytest.raises(ClientGone):
        read(messages, 4, in_flight)
    assert in_flight.bytes == 0


class Edge:
    """Both endpoints over a real journal and real projects."""

    def __init__(self, directory: Path):
        database = ProjectsDatabase(directory / "projects.db")
        database.migrate()
        self.project: Project = database.create("test", "us")
        recover(directory / "journal", segment_bytes=1 << 20)
        self.directory = directory
        self.in_flight = InFlight(1500)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[dict[str, RecordsEndpoint]]:
        projects = ProjectDirectory(self.directory / "projects.db")
        configured = Settings(
            workers=1, rate_limits=False, body_bytes_max=1024, in_flight_bytes_max=1500, geolocation=False
        )
        locator = Locator(configured)
        writer = Writer(self.directory / "journal", segment_bytes=1 << 20, background=lambda work: work())
        commit = GroupCommit(writer)
        rates = RateLimits(self.directory / "rates", 0, configured)
        try:
            yield {
                each.path: RecordsEndpoint(
                    each, configured, projects, access_to(projects), commit, rates, self.in_flight, locator
                )
                for each in Endpoint
            }
        finally:
            await commit.close()
            writer.close()

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


@settings(max_examples=60, deadline=None)
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


# (name, peer, X-Forwarded-For headers, address); trusted are 10.0.0.0/8, 127.0.0.1 and fd00::/8
ADDRESSES: list[tuple[str, str, list[str], str]] = [
    ("no proxy", "192.0.2.1", [], "192.0.2.1"),
    ("a stranger's header", "192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
    ("one proxy", "10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    ("a proxy without a header", "10.0.0.1", [], "10.0.0.1"),
    ("an empty header", "10.0.0.1", [""], "10.0.0.1"),
    ("a client's claim", "10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
    ("a chain of proxies", "10.0.0.1", ["1.1.1.1,198.51.100.1, 10.0.0.2 ,127.0.0.1"], "198.51.100.1"),
    ("proxies only", "10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    ("a claim in a header of its own", "10.0.0.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
    ("headers of several proxies", "10.0.0.1", ["1.1.1.1", "198.51.100.1", "10.0.0.2"], "198.51.100.1"),
    ("no address at all", "10.0.0.1", ["unknown"], "10.0.0.1"),
    ("no address in the middle", "10.0.0.1", ["198.51.100.1, _hidden, 10.0.0.2"], "10.0.0.2"),
    ("a gap", "10.0.0.1", ["198.51.100.1,,10.0.0.2"], "10.0.0.2"),
    ("version 6", "fd00::1", ["2001:db8::7"], "2001:db8::7"),
    ("version 4 over 6", "::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
    ("a stranger of version 4 over 6", "::ffff:192.0.2.1", ["198.51.100.1"], "::ffff:192.0.2.1"),
    ("bytes", "10.0.0.1", ["\xff\xfe"], "10.0.0.1"),
]


@pytest.mark.parametrize(("name", "peer", "values", "address"), ADDRESSES, ids=[row[0] for row in ADDRESSES])
def test_the_clients_address_is_found_behind_trusted_proxies_only(
    name: str, peer: str, values: list[str], address: str
) -> None:
    headers = [(b"host", b"x"), *((b"x-forwarded-for", value.encode("latin-1")) for value in values)]
    scope: Message = {"client": (peer, 5), "headers": headers}
    assert client_address(scope, networks(("10.0.0.0/8", "127.0.0.1", "fd00::/8"))) == address
    assert client_address(scope, ()) == peer


def test_a_connection_without_an_address_has_none() -> None:
    assert client_address({"client": None, "headers": []}, networks(("10.0.0.0/8",))) == ""
    assert client_address({"headers": []}, ()) == ""
