"""What one journal record carries: the outcome of every record of one request, ready to load.

A request becomes one journal record (several requests with one event each may share one), so that it is durable as a
whole or not at all. Its payload is a list of entries, one a project (`/track` takes the token from each event, so a
batch may name several). An entry holds the accepted events column by column, as ClickHouse's Native format has them:
the loader joins bytes and never looks into an event. Profile updates are carried as operations, and links between ids
as requests, since their result depends on what came before: only the loader, which alone reads the journal in order,
knows it.
`docs/journal-format.md` describes the bytes.
"""

from collections.abc import Sequence
from enum import IntEnum

import msgspec

VERSION = 4

KEY_BYTES = 16
NO_KEY = bytes(KEY_BYTES)
"""The key of an event whose insert_id was made up here: it takes no part in deduplication."""

NO_PROJECT = 0
"""The project of rejected records whose token is missing or unknown."""


class Endpoint(IntEnum):
    """Where a record came in; the number is stored."""

    TRACK = 1
    IMPORT = 2
    ENGAGE = 3
    GROUPS = 4

    @property
    def path(self) -> str:
        return f"/{self.name.lower()}"

    @property
    def takes_profiles(self) -> bool:
        """Whether its records are profile updates, not events."""
        return self in (Endpoint.ENGAGE, Endpoint.GROUPS)


class Rejection(msgspec.Struct, array_like=True, frozen=True):
    """A record that was refused: its place in the request, why, and the bytes as they were received."""

    index: int
    reason: str
    field: str
    insert_id: str
    original: bytes


class Update(msgspec.Struct, array_like=True, frozen=True):
    """One accepted profile record (protocol §5), whose outcome no longer depends on the profile.

    `group_key` is empty for a user's profile. `operations` is JSON text of an object, `{"$set": {…}, "$add": {…}}`:
    the record's operations in the order the client wrote them, all of them valid. `as_given`: the profile is the one of
    this very id, whatever person the id belongs to (`$ignore_alias`).
    """

    group_key: str
    profile_id: str
    operations: bytes
    as_given: bool = False


class LinkKind(IntEnum):
    """What asked for two ids to be one person; the number is stored."""

    DEVICE = 1
    IDENTIFY = 2
    ALIAS = 3
    MERGE = 4
    UNLINK = 5


class Link(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A request to take two ids for one person (protocol §6).

    Whether it is granted, the loader finds out, in the order of the journal.

    | kind | id | to |
    |---|---|---|
    | DEVICE | the device as it stands in `distinct_id`: `$device:D`, or an id given without the prefix | the user |
    | IDENTIFY | the anonymous id | the identified id |
    | ALIAS | the alias | the distinct_id |
    | MERGE | the second id | the first id |
    | UNLINK | the id that stands alone from now on | empty |

    `insert_id` is that of the event that asked, empty for DEVICE. `reason`, of UNLINK alone, is the operator's.
    """

    kind: LinkKind
    id: str
    to: str
    insert_id: str = ""
    reason: str = ""


class Events(msgspec.Struct, array_like=True, frozen=True):
    """The accepted events of an entry, each column in the order of the request.

    `keys`: 16 bytes an event (`NO_KEY` = not deduplicated). `times_ms`: a little-endian i64 an event, milliseconds
    since the epoch. All others are columns of strings (`journal.columns`), of which `properties` are JSON objects.
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

    `updates` are the accepted profile records, and `links` the requests to link ids, in the order of the request; the
    same DEVICE link stands there once. `received_us` is the arrival in microseconds since the epoch.
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


class _Versioned(msgspec.Struct, array_like=True):
    """What an entry of any version begins with."""

    version: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Entry])
_versions = msgspec.msgpack.Decoder(list[_Versioned])


def encode_entries(entries: Sequence[Entry]) -> bytes:
    """The payload of one journal record."""
    return _encoder.encode(entries)


def decode_entries(payload: bytes | memoryview) -> list[Entry]:
    """The entries of a payload. Raises ValueError when it is not one, or of another version."""
    try:
        entries = _decoder.decode(payload)
    except msgspec.MsgspecError as error:
        _check_versions(payload)
        raise ValueError(f"not a journal entry: {error}") from error
    if any(entry.version != VERSION for entry in entries):
        _check_versions(payload)
    return entries


def _check_versions(payload: bytes | memoryview) -> None:
    try:
        versions = {each.version for each in _versions.decode(payload)}
    except msgspec.MsgspecError:
        return
    for version in versions - {VERSION}:
        raise ValueError(f"journal entry of version {version}, not {VERSION}: load it with the trackway that wrote it")
