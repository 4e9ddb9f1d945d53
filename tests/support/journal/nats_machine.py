"""The journal in a stream of a real cluster, as a machine and as a place of the conformance suite."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.support.journal.nats_cluster import NatsCluster
from trackway.journal.log import Record
from trackway.journal.stream.address import parse_address
from trackway.journal.stream.connection import ask, connect, leave
from trackway.journal.stream.place import sequence_of
from trackway.journal.stream.setup import make_streams
from trackway.journal.stream.stream_journal import StreamJournal

PLACE = f"{__name__}:at_address"


def at_address(argument: str) -> StreamJournal:
    """`url directory`."""
    url, _, directory = argument.partition(" ")
    return StreamJournal(parse_address(url), Path(directory))


def request(url: str, subject: str, question: object = None) -> bytes:
    """One request to a cluster, on a connection of its own."""

    async def run() -> bytes:
        client = await connect(parse_address(url))
        try:
            return await ask(client, subject, b"" if question is None else msgspec.json.encode(question))
        finally:
            await leave(client)

    return asyncio.run(run())


class NatsMachine:
    """A `Machine` (`tests.support.journal.conformance`). Its clients ask the stream's leader alone, so that they have a
    server while the others are frozen."""

    def __init__(self, cluster: NatsCluster, directory: Path):
        self._cluster = cluster
        self._directory = directory
        make_streams(parse_address(cluster.url), again=True, discard=True)
        self._leader = cluster.leader()
        self.journal().recover()

    def journal(self) -> StreamJournal:
        return StreamJournal(parse_address(self._cluster.url_of([self._leader])), self._directory)

    @contextmanager
    def hold(self) -> Iterator[None]:
        with self._cluster.frozen(*({0, 1, 2} - {self._leader})):
            yield

    def cut_power(self) -> None:
        self._cluster.kill()
        self._cluster.start()
        self._leader = self._cluster.leader()

    def damage(self, record: Record) -> None:
        question = {"seq": sequence_of(record.position), "no_erase": True}
        reply = request(self._cluster.url_of([self._leader]), "$JS.API.STREAM.MSG.DELETE.TRACKWAY_0", question)
        assert msgspec.json.decode(reply)["success"]
