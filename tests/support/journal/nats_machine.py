"""The journal in a stream of a real cluster, as a machine and as a place of the conformance suite."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import msgspec

from tests.support.journal.nats_cluster import NatsCluster
from tests.support.waiting import wait_until
from trackway.journal.log import Record
from trackway.journal.stream.address import parse_address
from trackway.journal.stream.connection import Away, ask, connect, leave
from trackway.journal.stream.place import sequence_of
from trackway.journal.stream.setup import make_streams
from trackway.journal.stream.stream_journal import StreamJournal

PLACE = f"{__name__}:at_address"
LEADS_S_MAX = 60.0


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
    """A `Machine` (`tests.support.journal.conformance`). Its clients ask the server that leads all streams, so they
    have one while the others are frozen."""

    def __init__(self, cluster: NatsCluster, directory: Path, partitions: int = 1):
        self._cluster = cluster
        self._directory = directory
        self._streams = [f"TRACKWAY_{number}" for number in range(partitions)]
        make_streams(parse_address(cluster.url), partitions=partitions, again=True, discard=True)
        self._leader = self._leader_of_all()
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
        self._leader = self._leader_of_all()

    def _leader_of_all(self) -> int:
        """The server that leads all streams: then others may freeze."""
        leader = self._cluster.leader(self._streams[-1])
        for stream in self._streams[:-1]:
            led = partial(self._leads, leader, stream)
            wait_until(led, LEADS_S_MAX, f"n{leader} does not lead {stream}".format)
        return leader

    def _leads(self, server: int, stream: str) -> bool:
        """Whether a server leads a stream. If not, it is asked to; servers that have just started may not answer."""
        if self._cluster.leader(stream) == server:
            return True
        with suppress(Away):
            subject = f"$JS.API.STREAM.LEADER.STEPDOWN.{stream}"
            request(self._cluster.url, subject, {"placement": {"preferred": f"n{server}"}})
        return False

    def damage(self, record: Record) -> None:
        question = {"seq": sequence_of(record.position), "no_erase": True}
        reply = request(
            self._cluster.url_of([self._leader]), f"$JS.API.STREAM.MSG.DELETE.{self._streams[-1]}", question
        )
        assert msgspec.json.decode(reply)["success"]
