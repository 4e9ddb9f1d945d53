"""The payload of one journal record: the outcome of every record of one request, ready to load.

A request becomes one journal record, so all of it is durable or none. Several requests with one event each may share a
record. The payload is a list of entries, one for each project: `/track` takes the token from each event, so a batch
may name several projects. An entry holds the accepted events column by column, in ClickHouse's Native format. The
loader joins these bytes and never parses an event. Profile updates are stored as operations, and links between ids as
requests. Their result depends on earlier records, and only the loader reads the journal in order.
`docs/journal-format.md` describes the bytes.
"""

from collections.abc import Iterable, Sequence

import msgspec
from backports import zstd

from trackway.domain.endpoint import Endpoint
from trackway.domain.link import Link, LinkKind
from trackway.domain.partition import partition_of

VERSION = 5
_READABLE = (4, VERSION)
"""Version 4 ends with the links."""
_PACKED_FROM_BYTES = 512
"""Rejections of fewer bytes are not compressed."""
_PACKING_LEVEL = 1

KEY_BYTES = 16
NO_KEY = bytes(KEY_BYTES)
"""The key of an event without an insert_id of its own. Such an event is not deduplicated."""

NO_PROJECT = 0
"""The project of rejected records whose token is missing or unknown."""


class Rejection(msgspec.Struct, array_like=True, frozen=True):
    """A rejected record: its index in the request, the reason, and the bytes as received."""

    index: int
    reason: str
    field: str
    insert_id: str
    original: bytes


class Update(msgspec.Struct, array_like=True, frozen=True):
    """One accepted profile record (protocol §5). Whether it is accepted does not depend on the profile.

    `group_key` is empty for a user's profile. `operations` is JSON text of an object, `{"$set": {…}, "$add": {…}}`:
    the record's operations in the order of the client, all of them valid, as msgspec writes a dict: without white
    space, and no name twice. `as_given`: the update is for the profile of this id itself, not of the person that the id
    belongs to (`$ignore_alias`).
    """

    group_key: str
    profile_id: str
    operations: bytes
    as_given: bool = False


class Events(msgspec.Struct, array_like=True, frozen=True):
    """The accepted events of an entry, each column in the order of the request.

    `keys`: 16 bytes for each event (`NO_KEY` = not deduplicated). `times_ms`: a little-endian i64 for each event, in
    milliseconds since the epoch. All others are columns of strings (`domain.native`). Each string of `properties` is a
    JSON object.
    """

    number: int
    keys: bytes
    times_ms: bytes
    names: bytes
    distinct_ids: bytes
    insert_ids: bytes
    device_ids: bytes
    user_ids: bytes
    properties: bytes

    @property
    def strings(self) -> tuple[bytes, ...]:
        """The columns of strings, in the order of the fields."""
        return self.names, self.distinct_ids, self.insert_ids, self.device_ids, self.user_ids, self.properties


NO_EVENTS = Events(0, b"", b"", b"", b"", b"", b"", b"", b"")


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """The outcomes of one request for one project.

    `updates` are the accepted profile records and `links` the requests to link ids, both in the order of the request.
    Equal DEVICE links are listed once. `received_us` is the arrival in microseconds since the epoch. `counted` has the
    reasons of rejected records without a project, each with its number. `packed` holds the compressed rejections in the
    journal if they are long; in memory it is empty.
    """

    version: int
    project_id: int
    received_us: int
    endpoint: int
    ignored: int = 0
    events: Events = NO_EVENTS
    rejections: list[Rejection] = []
    updates: list[Update] = []
    links: list[Link] = []
    counted: list[tuple[str, int]] = []
    packed: bytes = b""


class _Head(msgspec.Struct, array_like=True):
    """The first fields of an entry."""

    version: int
    project_id: int


class _Versioned(msgspec.Struct, array_like=True):
    """The first field of an entry of any version."""

    version: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Entry])
_rejections = msgspec.msgpack.Decoder(list[Rejection])
_heads = msgspec.msgpack.Decoder(list[_Head])
_versions = msgspec.msgpack.Decoder(list[_Versioned])
_undecoded = msgspec.msgpack.Decoder(list[msgspec.Raw])


def encode_entries(entries: Sequence[Entry]) -> bytes:
    """The payload of one journal record."""
    return _encoder.encode([_packed(entry) if entry.rejections else entry for entry in entries])


PROBE = _encoder.encode([])
"""The payload of a record without entries: it tests the journal and loads nothing."""


def join_payloads(payloads: Iterable[bytes]) -> bytes:
    """One payload with the entries of several."""
    return _encoder.encode([entry for payload in payloads for entry in _undecoded.decode(payload)])


def split_payload(payload: bytes, partitions: int) -> dict[int, bytes]:
    """By partition of so many, the payload of the entries whose projects are there. A payload without entries is of
    none."""
    whose = [partition_of(entry.project_id, partitions) for entry in _heads.decode(payload)]
    if len(set(whose)) == 1:
        return {whose[0]: payload}
    split: dict[int, list[msgspec.Raw]] = {}
    for partition, entry in zip(whose, _undecoded.decode(payload), strict=True):
        split.setdefault(partition, []).append(entry)
    return {partition: _encoder.encode(entries) for partition, entries in split.items()}


def unlink_payload(project_id: int, received_us: int, id: str, reason: str) -> bytes:
    """The payload of an operator's unlinking. It counts no records, so its endpoint does not matter."""
    link = Link(LinkKind.UNLINK, id, "", "", reason)
    return encode_entries([Entry(VERSION, project_id, received_us, Endpoint.TRACK, links=[link])])


def decode_entries(payload: bytes | memoryview) -> list[Entry]:
    """The entries of a payload. Raises ValueError for other bytes and for an unknown version."""
    try:
        entries = _decoder.decode(payload)
    except msgspec.MsgspecError as error:
        _check_versions(payload)
        raise ValueError(f"not a journal entry: {error}") from error
    if any(entry.version not in _READABLE for entry in entries):
        _check_versions(payload)
    return [_unpacked(entry) if entry.packed else entry for entry in entries]


def _packed(entry: Entry) -> Entry:
    """Compress the rejections: they hold what clients sent, which may be megabytes that shrink to a hundredth."""
    rejections = _encoder.encode(entry.rejections)
    if len(rejections) < _PACKED_FROM_BYTES:
        return entry
    return msgspec.structs.replace(entry, rejections=[], packed=zstd.compress(rejections, _PACKING_LEVEL))


def _unpacked(entry: Entry) -> Entry:
    try:
        rejections = _rejections.decode(zstd.decompress(entry.packed))
    except (zstd.ZstdError, msgspec.MsgspecError) as error:
        raise ValueError(f"not a journal entry: {error}") from error
    return msgspec.structs.replace(entry, rejections=rejections, packed=b"")


def _check_versions(payload: bytes | memoryview) -> None:
    try:
        versions = {each.version for each in _versions.decode(payload)}
    except msgspec.MsgspecError:
        return
    for version in versions.difference(_READABLE):
        raise ValueError(f"journal entry of version {version}, not {VERSION}: load it with the trackway that wrote it")
