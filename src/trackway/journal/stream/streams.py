"""The streams of a journal: their names, how they are made, and what makes one safe.

A stream's metadata hold its generation, its partition and an identity, which is random and part of its subject. So what
a server publishes never lands in another stream than the one that it has checked: not in a stream that was deleted and
made again, nor in one of a later generation. Streams that were made together have one identity. One that has replaced a
lost stream has a later generation, and an identity that begins with that of its journal (`journal.log.journal_of`).
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from trackway.domain.errors import ConfigError, StorageError
from trackway.journal.limits import (
    STREAM_DUPLICATE_WINDOW_S,
    STREAM_DUPLICATE_WINDOW_S_MIN,
    STREAM_GENERATION_MAX,
    STREAM_LEASE_S,
    STREAM_PARTITIONS_MAX,
    STREAM_REPLICAS_MIN,
)
from trackway.journal.log import journal_of
from trackway.journal.stream.connection import Away

PREFIX: Final = "TRACKWAY"
LEASE: Final = f"{PREFIX}_LEASE"
LEASE_SUBJECT: Final = "trackway.lease"
OLDEST_VERSION: Final = (2, 12)
"""Atomic batches came with NATS 2.12."""
_GENERATION, _IDENTITY, _PARTITION, _PARTITIONS, _LOST_END = (
    f"trackway.{name}" for name in ("generation", "identity", "partition", "partitions", "lost_end")
)
_NOT_FOUND: Final = 10059
_NANO: Final = 1_000_000_000


Ask = Callable[[str], Awaitable[bytes]]
"""Asks NATS about a subject."""


class MissingStream(StorageError):
    """NATS has no such stream."""


class UnsafeStream(ConfigError):
    """A stream whose acknowledgement would not mean that a quorum keeps the record."""


class Config(msgspec.Struct, kw_only=True):
    """What a server must know of a stream's configuration. Fields and defaults are those of NATS."""

    name: str = ""
    subjects: list[str] = []
    storage: str = "file"
    retention: str = "limits"
    discard: str = "old"
    num_replicas: int = 1
    max_age: int = 0
    max_bytes: int = -1
    max_msgs: int = -1
    max_msgs_per_subject: int = -1
    max_msg_size: int = -1
    duplicate_window: int = 0
    allow_direct: bool = False
    allow_atomic: bool = False
    allow_msg_ttl: bool = False
    allow_rollup_hdrs: bool = False
    no_ack: bool = False
    sealed: bool = False
    persist_mode: str = ""
    mirror: Any = None
    sources: Any = None
    subject_transform: Any = None
    metadata: dict[str, str] = {}


class State(msgspec.Struct):
    """How much a stream holds. An empty stream has a first sequence number beyond its last."""

    messages: int = 0
    bytes: int = 0
    first_seq: int = 0
    first_ts: str = ""
    last_seq: int = 0
    last_ts: str = ""


class Peer(msgspec.Struct):
    """A follower. `current`: it has all messages."""

    name: str = ""
    current: bool = False
    offline: bool = False


class Cluster(msgspec.Struct):
    leader: str = ""
    replicas: list[Peer] = []


class _Error(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class Info(msgspec.Struct):
    """The answer of NATS to a question about a stream. `ts`: when it was given, as RFC 3339."""

    config: Config = msgspec.field(default_factory=Config)
    state: State = msgspec.field(default_factory=State)
    cluster: Cluster = msgspec.field(default_factory=Cluster)
    ts: str = ""
    error: _Error | None = None


class Stream(msgspec.Struct, frozen=True):
    """A stream that was checked. `lost_end`: of one that has replaced a lost stream, the position up to which that was
    known to reach; 0 where nothing was known."""

    name: str
    generation: int
    identity: str
    partition: int
    partitions: int
    lost_end: int = 0

    @property
    def journal(self) -> str:
        """The identity of the journal, which all its streams share."""
        return journal_of(self.identity)

    @property
    def is_replacement(self) -> bool:
        return self.identity != self.journal

    @property
    def subject(self) -> str:
        return f"trackway.journal.{self.identity}.{self.partition}"

    @property
    def lease_subject(self) -> str:
        return f"{LEASE_SUBJECT}.{self.journal}"

    @property
    def progress_subject(self) -> str:
        """Where the machine that loads reports to the others. No stream has it."""
        return f"trackway.progress.{self.journal}"

    def machines_subject(self, topic: str) -> str:
        """What the machines send to each other. No stream has it."""
        return f"trackway.machines.{self.journal}.{topic}"


def stream_name(partition: int) -> str:
    return f"{PREFIX}_{partition}"


def lease_config() -> dict[str, Any]:
    """The stream that holds the lease: its last message, which goes by itself when it is not renewed."""
    return {
        "name": LEASE,
        "subjects": [f"{LEASE_SUBJECT}.*"],
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "num_replicas": STREAM_REPLICAS_MIN,
        "max_msgs_per_subject": 1,
        "max_age": STREAM_LEASE_S * _NANO,
        "duplicate_window": _NANO,
    }


def info_subject(name: str) -> str:
    return f"$JS.API.STREAM.INFO.{name}"


def read_info(name: str, reply: bytes) -> Info:
    """Raises MissingStream, Away."""
    try:
        info = msgspec.json.decode(reply, type=Info)
    except msgspec.DecodeError as error:
        raise Away(f"the journal answers what is no state of a stream: {error}") from error
    if info.error is None:
        return info
    if info.error.err_code == _NOT_FOUND:
        raise MissingStream(f"stream {name} does not exist")
    raise Away(f"the state of stream {name} is not known: {info.error.description or info.error.err_code}")


def read_stream(info: Info) -> Stream:
    """The stream of its metadata. Raises UnsafeStream for one that `trackway journal init` has not made."""
    metadata, name = info.config.metadata, info.config.name
    try:
        stream = Stream(
            name,
            int(metadata[_GENERATION]),
            metadata[_IDENTITY],
            int(metadata[_PARTITION]),
            int(metadata[_PARTITIONS]),
            int(metadata.get(_LOST_END, "0")),
        )
    except (KeyError, ValueError):
        raise UnsafeStream(f"stream {name} was not made by `trackway journal init`") from None
    known = 1 <= stream.generation <= STREAM_GENERATION_MAX and 1 <= stream.partitions <= STREAM_PARTITIONS_MAX
    if not known or info.config.subjects != [stream.subject]:
        raise UnsafeStream(f"stream {name} has other metadata or subjects than `trackway journal init` has given it")
    return stream


async def read_streams(ask: Ask) -> tuple[list[Info | None], list[Stream]]:
    """All streams of the journal, in their order, as they are now. Raises UnsafeStream where one is not safe, or not of
    the journal of the first; MissingStream, Away."""
    first = await _checked(ask, 0)
    infos = [first, *[await _checked(ask, number) for number in range(1, read_stream(first).partitions)]]
    streams = [read_stream(info) for info in infos]
    _check_together(streams)
    return list(infos), streams


async def read_present(ask: Ask, known: Sequence[Stream]) -> tuple[list[Info | None], list[Stream]]:
    """The same where some may be missing or silent: those are as they were `known` before, without a state. Raises
    UnsafeStream, also where the present ones are of another journal; MissingStream and Away where all are."""
    replies = await asyncio.gather(*(_checked(ask, each.partition) for each in known), return_exceptions=True)
    for reply in replies:
        if isinstance(reply, BaseException) and not isinstance(reply, Away | MissingStream):
            raise reply
    infos = [None if isinstance(reply, BaseException) else reply for reply in replies]
    faults = [reply for reply in replies if isinstance(reply, BaseException)]
    if len(faults) == len(infos):
        raise faults[0]
    streams = [read_stream(info) if info else each for info, each in zip(infos, known, strict=True)]
    _check_together(streams)
    return infos, streams


def _check_together(streams: Sequence[Stream]) -> None:
    """Raises UnsafeStream unless these are all streams of one journal, in their order."""
    first = streams[0]
    for number, each in enumerate(streams):
        found = (each.name, each.partition, each.partitions, each.journal)
        if found != (stream_name(number), number, len(streams), first.journal):
            raise UnsafeStream(f"stream {each.name} is not of the journal that stream {first.name} is of")


async def _checked(ask: Ask, number: int) -> Info:
    name = stream_name(number)
    info = read_info(name, await ask(info_subject(name)))
    check_safe(info.config)
    return info


def check_version(version: str) -> None:
    """Raises UnsafeStream for a server that is too old."""
    numbers = version.split("-", maxsplit=1)[0].split(".")
    if not all(number.isdecimal() for number in numbers) or tuple(map(int, numbers)) < OLDEST_VERSION:
        wanted = ".".join(map(str, OLDEST_VERSION))
        raise UnsafeStream(
            f"the server of NATS has version {version or 'unknown'}; the journal needs {wanted} or later"
        )


def check_safe(config: Config) -> None:
    """Raises UnsafeStream with the first setting of the stream that could lose an acknowledged record."""
    for name, wanted, text in (
        ("num_replicas", config.num_replicas >= STREAM_REPLICAS_MIN, f"at least {STREAM_REPLICAS_MIN}"),
        ("storage", config.storage == "file", "file"),
        ("retention", config.retention == "limits", "limits"),
        ("discard", config.discard == "new", "new"),
        ("max_age", config.max_age == 0, "0"),
        ("max_msgs_per_subject", config.max_msgs_per_subject <= 0, "unlimited"),
        ("max_msg_size", config.max_msg_size <= 0, "unlimited"),
        ("no_ack", not config.no_ack, "false"),
        ("sealed", not config.sealed, "false"),
        ("persist_mode", config.persist_mode in ("", "default"), "default"),
        ("allow_msg_ttl", not config.allow_msg_ttl, "false"),
        ("allow_rollup_hdrs", not config.allow_rollup_hdrs, "false"),
        ("allow_direct", config.allow_direct, "true"),
        ("allow_atomic", config.allow_atomic, "true"),
        ("mirror", not config.mirror, "none"),
        ("sources", not config.sources, "none"),
        ("subject_transform", not config.subject_transform, "none"),
        (
            "duplicate_window",
            config.duplicate_window >= STREAM_DUPLICATE_WINDOW_S_MIN * _NANO,
            f"at least {STREAM_DUPLICATE_WINDOW_S_MIN} s",
        ),
    ):
        if not wanted:
            raise UnsafeStream(f"stream {config.name} is not safe: its {name} must be {text}")


def milliseconds(text: str) -> int:
    """A time of NATS, in milliseconds since the epoch; 0 for one that cannot be read or lies before."""
    try:
        return max(round(datetime.fromisoformat(text).timestamp() * 1000), 0)
    except (ValueError, OverflowError):
        return 0


def new_identity(journal: str = "") -> str:
    """Of a new journal, or of a stream that replaces a lost one of this journal."""
    return f"{journal}-{secrets.token_hex(4)}" if journal else secrets.token_hex(8)


def config_of(stream: Stream, bytes_max: int) -> dict[str, Any]:
    """The configuration to make a stream with. `bytes_max`: a full stream refuses records; 0 is no bound."""
    return {
        "name": stream.name,
        "subjects": [stream.subject],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "num_replicas": STREAM_REPLICAS_MIN,
        "max_bytes": bytes_max or -1,
        "duplicate_window": STREAM_DUPLICATE_WINDOW_S * _NANO,
        "allow_direct": True,
        "allow_atomic": True,
        "metadata": {
            _GENERATION: str(stream.generation),
            _IDENTITY: stream.identity,
            _PARTITION: str(stream.partition),
            _PARTITIONS: str(stream.partitions),
            **({_LOST_END: str(stream.lost_end)} if stream.is_replacement else {}),
        },
    }
