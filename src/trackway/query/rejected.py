"""Rejected records: why they were refused, how many, each with its bytes, and whether it has been sent again.

All of it is read from the store, for one project at a time and bounded in rows, bytes and seconds. What became of a
record that was sent again stands in `replays`, of whose rows the one made last counts.
"""

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec

from trackway.journal.entry import Endpoint
from trackway.limits import REJECTED_REASONS_SHOWN_MAX, REJECTED_SHOWN_BYTES_MAX
from trackway.query.reading import rows
from trackway.store.client import Store

_KEY_TEXT = re.compile(r"([0-9]{1,16})-([0-9]{1,20})-([0-9]{1,10})")
_KEY = "toUnixTimestamp64Micro(received), position, index"


class State(IntEnum):
    """What became of a record's replay; the number is stored.

    BEGUN is not known to have ended: the process that sent it died. An event may be sent once more then, since it is
    recognised; a profile update might count twice, and is not.
    """

    OPEN = 0
    BEGUN = 1
    REPLAYED = 2


class Key(NamedTuple):
    """Which rejected record of a project: when its request came in, where that lies in the journal, its place in it."""

    received_us: int
    position: int
    place: int

    @property
    def text(self) -> str:
        """As it stands in a URL."""
        return "-".join(map(str, self))


class Reason(NamedTuple):
    """Records of an endpoint with one reason: how many, how many of them were sent again, when the last came in."""

    endpoint: Endpoint
    reason: str
    field: str
    records: int
    replayed: int
    latest_ms: int


class RejectedRecord(NamedTuple):
    """A record as it is kept. `size_bytes` is the length of all that is kept, of which `original` is the start."""

    key: Key
    endpoint: Endpoint
    reason: str
    field: str
    original: bytes
    size_bytes: int
    state: State

    @property
    def may_be_replayed(self) -> bool:
        """Whether there is something to send, and sending it cannot count twice."""
        open_again = self.state is State.BEGUN and not self.endpoint.takes_profiles
        return self.size_bytes > 0 and (self.state is State.OPEN or open_again)


def read_key(text: str) -> Key | None:
    """The key of its text, None when it is none."""
    match = _KEY_TEXT.fullmatch(text)
    if match is None:
        return None
    key = Key(int(match[1]), int(match[2]), int(match[3]))
    return key if key.position < 1 << 64 and key.place < 1 << 32 else None


_STATES = "(SELECT received, position, index FROM replays FINAL WHERE project_id = {project:UInt32} AND state = %d)"
_STATE = (
    f"multiIf((received, position, index) IN {_STATES % State.REPLAYED}, {State.REPLAYED:d}, "
    f"(received, position, index) IN {_STATES % State.BEGUN}, {State.BEGUN:d}, {State.OPEN:d})"
)
_REASONS = f"""
SELECT endpoint, reason, any(field), count() AS records, countIf({_STATE} = {State.REPLAYED:d}),
    toUnixTimestamp64Milli(max(received)) AS latest
FROM rejected_records FINAL WHERE project_id = {{project:UInt32}}
GROUP BY endpoint, reason ORDER BY records DESC, latest DESC LIMIT {REJECTED_REASONS_SHOWN_MAX}"""  # noqa: S608
_RECORDS = f"""
SELECT {_KEY}, endpoint, reason, field,
    hex(substring(original, 1, {{bytes_max:UInt32}})), length(original), {_STATE} AS state
FROM rejected_records FINAL WHERE project_id = {{project:UInt32}}"""  # noqa: S608  parameters only
_OF_REASON = " AND endpoint = {endpoint:UInt8} AND reason = {reason:String}"
_AT = """
AND received = fromUnixTimestamp64Micro({received:Int64}) AND position = {position:UInt64} AND index = {index:UInt32}"""
_BEFORE = f" AND ({_KEY}) < ({{received:Int64}}, {{position:UInt64}}, {{index:UInt32}})"
_SENDABLE = f" AND length(original) > 0 AND (state = {State.OPEN:d} OR state = {State.BEGUN:d} AND endpoint <= 2)"
_NEWEST_FIRST = " ORDER BY received DESC, position DESC, index DESC LIMIT {count:UInt32}"


def reasons(store: Store, project_id: int) -> list[Reason]:
    """The reasons of all records that are kept, the most frequent first. Raises StoreError."""
    found = rows(store, _REASONS, {"project": project_id})
    return [
        Reason(Endpoint(endpoint), reason, field, int(number), int(replayed), int(latest))
        for endpoint, reason, field, number, replayed, latest in found
    ]


def records(
    store: Store,
    project_id: int,
    endpoint: Endpoint,
    reason: str,
    *,
    before: Key | None = None,
    count: int,
    bytes_max: int = REJECTED_SHOWN_BYTES_MAX,
    sendable: bool = False,
) -> list[RejectedRecord]:
    """Records of a reason, newest first, those before `before`; only what may be sent again where it is asked for.

    Of each the first `bytes_max` bytes. Raises StoreError.
    """
    parameters: dict[str, Any] = {"project": project_id, "endpoint": endpoint, "reason": reason, "count": count}
    sql = _RECORDS + _OF_REASON
    if before is not None:
        sql += _BEFORE
        parameters |= _key_parameters(before)
    if sendable:
        sql += _SENDABLE
    return [_record(row) for row in rows(store, sql + _NEWEST_FIRST, parameters | {"bytes_max": bytes_max})]


def record(store: Store, project_id: int, key: Key, bytes_max: int) -> RejectedRecord | None:
    """One record of the project, None when there is none. Raises StoreError."""
    parameters = {"project": project_id, "bytes_max": bytes_max} | _key_parameters(key)
    found = rows(store, _RECORDS + _AT, parameters)
    return _record(found[0]) if found else None


def mark(store: Store, project_id: int, keys: Sequence[Key], state: State, made_us: int, made_by: str) -> None:
    """Say what became of the replay of records; durable at return. A mark made later counts. Raises StorageError."""
    columns = ("project_id", "received", "position", "index", "state", "made", "made_by")
    lines = [
        msgspec.json.encode((project_id, _seconds(key.received_us), *key[1:], state, _seconds(made_us), made_by))
        for key in keys
    ]
    store.insert_rows("replays", columns, b"\n".join(lines), "JSONCompactEachRow")


def _seconds(us: int) -> str:
    return f"{us // 1_000_000}.{us % 1_000_000:06}"


def _key_parameters(key: Key) -> dict[str, int]:
    return {"received": key.received_us, "position": key.position, "index": key.place}


def _record(row: tuple[Any, ...]) -> RejectedRecord:
    received_us, position, index, endpoint, reason, field, original, size, state = row
    return RejectedRecord(
        Key(int(received_us), int(position), int(index)),
        Endpoint(endpoint),
        reason,
        field,
        bytes.fromhex(original),
        int(size),
        State(state),
    )
