"""Rejected records: their reasons, how many there are of each, and each record with its bytes and its replay.

All of it is read from the store, for one project at a time, bounded in rows, bytes and seconds. `replays` has the
states of records that were sent again; of its rows for one record the one made last counts.
"""

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec

from trackway.domain.endpoint import Endpoint
from trackway.query.limits import REJECTED_REASONS_SHOWN_MAX, REJECTED_SHOWN_BYTES_MAX
from trackway.query.sql.tables import rows_in
from trackway.store.reader import Reader

_KEY_TEXT = re.compile(r"([0-9]{1,16})-([0-9]{1,20})-([0-9]{1,10})")
_KEY = "toUnixTimestamp64Micro(received), position, index"


class State(IntEnum):
    """The state of a record's replay; the number is stored.

    BEGUN: the process that sent the record died, and nobody knows whether it was sent. An event may then be sent once
    more, because deduplication recognises it. A profile update may not, because it could count twice.
    """

    OPEN = 0
    BEGUN = 1
    REPLAYED = 2


class Key(NamedTuple):
    """A rejected record of a project: when its request came in, the request's journal position, and the record's index
    in the request."""

    received_us: int
    position: int
    place: int

    @property
    def text(self) -> str:
        """The key as a URL has it."""
        return "-".join(map(str, self))


class Reason(NamedTuple):
    """Records of an endpoint with one reason: how many, how many of them were replayed, when the last one came in."""

    endpoint: Endpoint
    reason: str
    field: str
    records: int
    replayed: int
    latest_ms: int


class RejectedRecord(NamedTuple):
    """A stored record. `original` is the start of its bytes, `size_bytes` the length of all of them."""

    key: Key
    endpoint: Endpoint
    reason: str
    field: str
    original: bytes
    size_bytes: int
    state: State

    @property
    def may_be_replayed(self) -> bool:
        """Whether the record has bytes to send, and cannot count twice."""
        open_again = self.state is State.BEGUN and not self.endpoint.takes_profiles
        return self.size_bytes > 0 and (self.state is State.OPEN or open_again)


def read_key(text: str) -> Key | None:
    """The key that a text spells, or None."""
    match = _KEY_TEXT.fullmatch(text)
    if match is None:
        return None
    key = Key(int(match[1]), int(match[2]), int(match[3]))
    return key if key.position < 1 << 64 and key.place < 1 << 32 else None


_REPLAY_KEY = "received, position, index"


def _with_state(state: State) -> str:
    marked = f"SELECT {_REPLAY_KEY} {rows_in('replays', f'state = {state:d}', final=True)}"
    return f"({_REPLAY_KEY}) IN ({marked}), {state:d}"


_STATE = f"multiIf({_with_state(State.REPLAYED)}, {_with_state(State.BEGUN)}, {State.OPEN:d})"
_REASONS = f"""
SELECT endpoint, reason, any(field), count() AS records, countIf({_STATE} = {State.REPLAYED:d}),
    toUnixTimestamp64Milli(max(received)) AS latest
{rows_in("rejected_records", final=True)}
GROUP BY endpoint, reason ORDER BY records DESC, latest DESC LIMIT {REJECTED_REASONS_SHOWN_MAX}"""
_RECORDS = f"""
SELECT {_KEY}, endpoint, reason, field,
    hex(substring(original, 1, {{bytes_max:UInt32}})), length(original), {_STATE} AS state"""
_OF_REASON = ("endpoint = {endpoint:UInt8}", "reason = {reason:String}")
_AT = (
    "received = fromUnixTimestamp64Micro({received:Int64}) AND position = {position:UInt64} AND index = {index:UInt32}"
)
_BEFORE = f"({_KEY}) < ({{received:Int64}}, {{position:UInt64}}, {{index:UInt32}})"
_SENDABLE = f"length(original) > 0 AND (state = {State.OPEN:d} OR state = {State.BEGUN:d} AND endpoint <= 2)"
_NEWEST_FIRST = "ORDER BY received DESC, position DESC, index DESC LIMIT {count:UInt32}"


async def reasons(reader: Reader, project_id: int) -> list[Reason]:
    """The reasons of all stored records, the most frequent first. Raises StoreError."""
    found = await reader.rows(project_id, _REASONS)
    return [
        Reason(Endpoint(endpoint), reason, field, int(number), int(replayed), int(latest))
        for endpoint, reason, field, number, replayed, latest in found
    ]


async def records(
    reader: Reader,
    project_id: int,
    endpoint: Endpoint,
    reason: str,
    *,
    before: Key | None = None,
    count: int,
    bytes_max: int = REJECTED_SHOWN_BYTES_MAX,
    sendable: bool = False,
) -> list[RejectedRecord]:
    """Records of a reason, newest first, after `before` in this order; with `sendable` only those that may be replayed.

    Each has at most its first `bytes_max` bytes. Raises StoreError.
    """
    parameters: dict[str, Any] = {"endpoint": endpoint, "reason": reason, "count": count, "bytes_max": bytes_max}
    conditions = list(_OF_REASON)
    if before is not None:
        conditions.append(_BEFORE)
        parameters |= _key_parameters(before)
    if sendable:
        conditions.append(_SENDABLE)
    sql = f"{_RECORDS} {rows_in('rejected_records', *conditions, final=True)} {_NEWEST_FIRST}"
    found = await reader.rows(project_id, sql, parameters)
    return [_record(row) for row in found]


async def record(reader: Reader, project_id: int, key: Key, bytes_max: int) -> RejectedRecord | None:
    """One record of the project, or None. Raises StoreError."""
    parameters = {"bytes_max": bytes_max} | _key_parameters(key)
    found = await reader.rows(project_id, f"{_RECORDS} {rows_in('rejected_records', _AT, final=True)}", parameters)
    return _record(found[0]) if found else None


async def mark(reader: Reader, project_id: int, keys: Sequence[Key], state: State, made_us: int, made_by: str) -> None:
    """Store the state of records' replays; durable at return. The mark made last counts. Raises StorageError."""
    columns = ("project_id", "received", "position", "index", "state", "made", "made_by")
    lines = [
        msgspec.json.encode((project_id, _seconds(key.received_us), *key[1:], state, _seconds(made_us), made_by))
        for key in keys
    ]
    await reader.insert(project_id, "replays", columns, [b"\n".join(lines)], "JSONCompactEachRow")


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
