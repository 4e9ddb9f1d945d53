"""Makes the streams of a journal, and shows how they are: for `trackway journal`. Servers never make a stream."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec
from nats.aio.client import Client

from trackway.domain.errors import StateError
from trackway.journal.limits import STREAM_AGAIN_S, STREAM_GENERATION_MAX, STREAM_PARTITIONS_MAX, STREAM_START_S_MAX
from trackway.journal.log import StreamStatus
from trackway.journal.stream.address import Address
from trackway.journal.stream.connection import Away, ask, connect, leave, version_of
from trackway.journal.stream.streams import (
    LEASE,
    Info,
    MissingStream,
    Stream,
    UnsafeStream,
    check_safe,
    check_version,
    config_of,
    info_subject,
    lease_config,
    milliseconds,
    new_identity,
    read_info,
    read_stream,
    stream_name,
)

T = TypeVar("T")
_NOT_YET: Final = (10005, 10008)
"""NATS has not enough servers for all replicas, or no leader: at its start, or while servers come back."""


_NO_LEADER: Final = "the servers of NATS have no leader: a new cluster elects one once all its servers have met"
"""Two of three are enough only later (`findings/nats-first-start-needs-all-servers.sh`)."""


class _NotYet(StateError):
    """NATS refuses what it may take later."""


def make_streams(
    address: Address,
    *,
    partitions: int = 0,
    again: bool = False,
    generation: int = 0,
    bytes_max: int = 0,
    discard: bool = False,
) -> list[StreamStatus]:
    """Make the streams, one for each partition; 0 is as many as before, or one. `again`: replace those that exist by
    empty ones of the next generation, which they must be empty for, unless `discard` says that their records may go.
    `generation`: of new streams, 0 is 1 or the next.

    Raises StateError when they exist already, or cannot be made as asked; StorageError when NATS does not answer.
    """
    return _with_client(address, lambda client: _make(client, partitions, again, generation, bytes_max, discard))


def replace_stream(
    address: Address, partition: int, *, lost: Stream | None, lost_end: int, generation: int = 0, discard: bool = False
) -> list[StreamStatus]:
    """Make one stream of the journal anew, empty and of a later generation; the others stay. `lost`: the stream as this
    machine knew it, and `lost_end` the position up to which it was known to reach. `generation`: 0 is the next.
    `discard`: also where the stream is still there.

    Raises StateError when it cannot be made as asked; StorageError when NATS does not answer.
    """
    return _with_client(address, lambda client: _replace(client, partition, lost, lost_end, generation, discard))


def streams_status(address: Address) -> list[StreamStatus]:
    """Raises MissingStream, StorageError."""
    return _with_client(address, _status)


def _with_client(address: Address, work: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        client = await _answering(address)
        try:
            return await work(client)
        finally:
            await leave(client)

    return asyncio.run(run())


async def _answering(address: Address) -> Client:
    """A client, as soon as the servers of NATS, which may be starting, answer about streams. Raises Away."""
    until_s = time.monotonic() + STREAM_START_S_MAX
    while True:
        client: Client | None = None
        try:
            client = await connect(address)
            await _check_leader(client)
        except Away:
            if client is not None:
                await leave(client)
            if time.monotonic() >= until_s:
                raise
            await asyncio.sleep(STREAM_AGAIN_S)
        else:
            return client


async def _check_leader(client: Client) -> None:
    """Raises Away where the servers answer, and not about streams."""
    try:
        reply = await ask(client, "$JS.API.INFO")
    except Away as error:
        raise Away(_NO_LEADER) from error
    if msgspec.json.decode(reply).get("error"):
        raise Away(_NO_LEADER)


async def _make(
    client: Client, partitions: int, again: bool, generation: int, bytes_max: int, discard: bool
) -> list[StreamStatus]:
    check_version(version_of(client))
    if partitions > STREAM_PARTITIONS_MAX:
        raise StateError(f"a journal has at most {STREAM_PARTITIONS_MAX} streams, not {partitions}")
    before = await _present(client)
    olds = [read_stream(info) for info in before]
    for old, info in zip(olds, before, strict=True):
        if not again:
            raise StateError(f"stream {old.name} exists already, of generation {old.generation}")
        if info.state.messages and not discard:
            raise StateError(f"stream {old.name} holds {info.state.messages} messages: drain it first")
    newest = max((old.generation for old in olds), default=0)
    generation = _later(generation, newest)
    for old in olds:
        await _change(client, f"STREAM.DELETE.{old.name}")
    if not await _exists(client, LEASE):
        await _change(client, f"STREAM.CREATE.{LEASE}", lease_config())
    partitions, identity = partitions or max((old.partitions for old in olds), default=1), new_identity()
    for number in reversed(range(partitions)):  # a server asks for the first, so that it finds all or none
        stream = Stream(stream_name(number), generation, identity, number, partitions)
        await _change(client, f"STREAM.CREATE.{stream.name}", config_of(stream, bytes_max))
    return await _status(client)


def _later(generation: int, newest: int) -> int:
    """The generation that was asked for, by default the next. Raises StateError unless it may follow the newest."""
    generation = generation or newest + 1
    if generation <= newest:
        raise StateError(f"generation {generation} is not later than {newest}, which exists")
    if generation > STREAM_GENERATION_MAX:
        raise StateError(f"generations end at {STREAM_GENERATION_MAX}: a later one has no positions")
    return generation


async def _replace(
    client: Client, partition: int, lost: Stream | None, lost_end: int, generation: int, discard: bool
) -> list[StreamStatus]:
    check_version(version_of(client))
    name = stream_name(partition)
    if not discard and await _exists(client, name):
        raise StateError(f"stream {name} is there: only one that is lost is replaced, unless its records may go")
    before = await _present(client, without=partition)
    others = [read_stream(info) for info in before]
    if not others:
        raise StateError(f"stream {name} is the only one: make the journal again with `trackway journal init`")
    first = others[0]
    if {(each.journal, each.partitions) for each in others} != {(first.journal, first.partitions)}:
        raise StateError("the streams that are there belong to more than one journal")
    if not 0 <= partition < first.partitions:
        raise StateError(f"the journal has {first.partitions} streams, with the numbers 0 to {first.partitions - 1}")
    known = lost if lost and lost.journal == first.journal else None
    newest = max(each.generation for each in (*others, *filter(None, [known])))
    made = Stream(
        name,
        _later(generation, newest),
        new_identity(first.journal),
        partition,
        first.partitions,
        lost_end if known else 0,
    )
    if discard:
        with suppress(MissingStream):
            await _change(client, f"STREAM.DELETE.{name}")
    await _change(client, f"STREAM.CREATE.{name}", config_of(made, max(before[0].config.max_bytes, 0)))
    return await _status(client)


async def _present(client: Client, without: int = -1) -> list[Info]:
    """The streams that exist, whatever journal they are of: a killed command may have left some. Not the one of the
    number `without`."""
    found = []
    for number in range(STREAM_PARTITIONS_MAX):
        if number == without:
            continue
        with suppress(MissingStream):
            found.append(await _info(client, stream_name(number)))
    return found


async def _status(client: Client) -> list[StreamStatus]:
    """Of as many streams as the first one names that is there. Raises MissingStream where none is."""
    found = [await _shown_of(client, 0)]
    while not (known := [each for each in found if each.partitions]) and len(found) < STREAM_PARTITIONS_MAX:
        found.append(await _shown_of(client, len(found)))
    if not known:
        if found[0].replicas:  # it is there, and is not one of ours
            return found[:1]
        raise MissingStream(f"stream {stream_name(0)} does not exist")
    return [*found, *[await _shown_of(client, number) for number in range(len(found), known[0].partitions)]]


async def _shown_of(client: Client, number: int) -> StreamStatus:
    name = stream_name(number)
    try:
        return _shown(await _info(client, name))
    except (MissingStream, Away) as error:
        return StreamStatus(name=name, fault=str(error))


async def _exists(client: Client, name: str) -> bool:
    try:
        await _info(client, name)
    except MissingStream:
        return False
    return True


async def _info(client: Client, name: str) -> Info:
    return read_info(name, await ask(client, info_subject(name)))


async def _change(client: Client, what: str, config: dict[str, Any] | None = None) -> None:
    """Change a stream, as soon as NATS can do it. Raises StateError, Away."""
    until_s = time.monotonic() + STREAM_START_S_MAX
    while True:
        try:
            await _try(client, what, config)
        except _NotYet:
            if time.monotonic() >= until_s:
                raise
            await asyncio.sleep(STREAM_AGAIN_S)
        else:
            return


async def _try(client: Client, what: str, config: dict[str, Any] | None) -> None:
    reply = await ask(client, f"$JS.API.{what}", b"" if config is None else msgspec.json.encode(config))
    if error := msgspec.json.decode(reply).get("error"):
        kind = _NotYet if error.get("err_code") in _NOT_YET else StateError
        raise kind(f"NATS refuses {what}: {error.get('description')}")


def _shown(info: Info) -> StreamStatus:
    fault = ""
    stream = Stream(info.config.name, 0, "", 0, 0)
    try:
        stream = read_stream(info)
        check_safe(info.config)
    except UnsafeStream as error:
        fault = str(error)
    state, cluster = info.state, info.cluster
    return StreamStatus(
        name=info.config.name,
        partitions=stream.partitions,
        generation=stream.generation,
        identity=stream.identity,
        replicas=info.config.num_replicas,
        current=sum(peer.current and not peer.offline for peer in cluster.replicas) + bool(cluster.leader),
        leader=cluster.leader,
        messages=state.messages,
        bytes=state.bytes,
        bytes_max=max(info.config.max_bytes, 0),
        first_sequence=state.first_seq,
        last_sequence=state.last_seq,
        first_ms=milliseconds(state.first_ts) if state.messages else 0,
        fault=fault,
    )
