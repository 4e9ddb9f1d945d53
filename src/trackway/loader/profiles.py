"""Profiles in the store: the updates of a batch, folded into the profiles they are for, each exactly once.

A profile's row carries the journal position of the last update in it. Here the present rows of a batch's profiles are
read, the updates behind those positions are folded in, and one new row a profile is inserted. Every row ever inserted
is therefore the exact result of all updates up to its position, and the highest position wins: to load a batch again,
or to have an insert arrive after its loader's death, changes nothing. A user's update is for the profile of the
canonical id that its id has at the update's place.
"""

import struct
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

import msgspec

from trackway.journal.columns import string
from trackway.journal.entry import Update
from trackway.limits import PROFILE_ROWS_BYTES_MAX, PROFILES_ASKED_AT_ONCE_BYTES_MAX
from trackway.loader.apply import Properties, fold, properties_text, read_properties
from trackway.loader.batch import Placed
from trackway.loader.canonical import CanonicalIds, read_canonical_ids
from trackway.store.client import MEMORY_LIMIT_EXCEEDED, DataRefused, Store, StoreError

_COLUMNS = ("project_id", "group_key", "profile_id", "position", "deleted", "updated", "properties")

_STATES = """
SELECT project_id, group_key, profile_id, max(position), argMax(deleted, position), argMax(properties, position)
FROM profiles
WHERE (project_id, group_key, profile_id) IN (
    SELECT key.1, key.2, key.3
    FROM (SELECT arrayJoin(JSONExtract({keys:String}, 'Array(Tuple(UInt32, String, String))')) AS key)
)
GROUP BY project_id, group_key, profile_id
"""
"""One text of JSON holds all keys: a large array parameter takes a hundred times as long to be read. For a few profiles
among many, aggregating takes half as long as FINAL."""


class ProfileKey(NamedTuple):
    """One profile; `group_key` is empty for a user's."""

    project_id: int
    group_key: str
    profile_id: str


class Change(NamedTuple):
    """An update and the entry it came with."""

    placed: Placed
    update: Update


class State(NamedTuple):
    """A profile after all updates up to a journal position; `properties` is None where it was deleted."""

    position: int
    properties: Properties | None


UNKNOWN = State(-1, None)

Changes = dict[ProfileKey, list[Change]]


def insert_profiles(store: Store, placed: Sequence[Placed]) -> Counter[str]:
    """Fold the updates of these entries into the profiles of the store, which must hold their links.

    Returns why and how often properties were left alone. Raises DataRefused when an update cannot be read.
    """
    left_alone: Counter[str] = Counter()
    for asked in _in_questions(changes_of(placed, read_canonical_ids(store, placed))):
        _insert_some(store, asked, left_alone)
    return left_alone


def changes_of(placed: Iterable[Placed], canonical_ids: CanonicalIds) -> Changes:
    """The updates of each profile in the order of the journal."""
    changes: Changes = {}
    for each in placed:
        for update in each.entry.updates:
            changes.setdefault(_profile_of(each, update, canonical_ids), []).append(Change(each, update))
    return changes


def _profile_of(placed: Placed, update: Update, canonical_ids: CanonicalIds) -> ProfileKey:
    project_id, profile_id = placed.entry.project_id, update.profile_id
    if not update.group_key and not update.as_given:
        profile_id = canonical_ids.at(project_id, profile_id, placed.position)
    return ProfileKey(project_id, update.group_key, profile_id)


def folded_row(key: ProfileKey, state: State, changes: Iterable[Change], left_alone: Counter[str]) -> bytes | None:
    """The profile's new row in RowBinary; None when all of the changes are in it already."""
    new = [change for change in changes if change.placed.position > state.position]
    if not new:
        return None
    try:
        folded = fold(state.properties, [change.update.operations for change in new])
    except ValueError as error:
        raise DataRefused(f"profile update: {error}") from error
    if folded.left_alone:
        left_alone.update(folded.left_alone)
    last = new[-1].placed
    return _row(key, State(last.position, folded.properties), last.entry.received_us)


_PLACE = struct.Struct("<QBq")


def _row(key: ProfileKey, state: State, updated_us: int) -> bytes:
    return b"".join(
        (
            key.project_id.to_bytes(4, "little"),
            string(key.group_key.encode()),
            string(key.profile_id.encode()),
            _PLACE.pack(state.position, state.properties is None, updated_us),
            string(properties_text(state.properties)),
        )
    )


def _insert_some(store: Store, changes: Changes, left_alone: Counter[str]) -> None:
    """Fold and insert; where the store has no memory for so many states at once, one half after the other."""
    rows: list[bytes] = []
    size = 0
    counted: Counter[str] = Counter()  # for rows not yet inserted: what is folded again is counted again
    try:
        for row in _new_rows(store, changes, counted):
            rows.append(row)
            size += len(row)
            if size >= PROFILE_ROWS_BYTES_MAX:
                _insert(store, rows)
                left_alone += counted
                rows, size = [], 0
                counted.clear()
    except StoreError as error:
        if error.code != MEMORY_LIMIT_EXCEEDED or len(changes) == 1:
            raise
        keys = list(changes)
        for half in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
            _insert_some(store, {key: changes[key] for key in half}, left_alone)
        return
    if rows:
        _insert(store, rows)
        left_alone += counted


def _insert(store: Store, rows: list[bytes]) -> None:
    store.insert_rows("profiles", _COLUMNS, rows, settings={"optimize_on_insert": "0"})


def _new_rows(store: Store, changes: Changes, left_alone: Counter[str]) -> Iterator[bytes]:
    """The rows of some profiles, one state in memory at a time."""
    unknown = dict(changes)
    with closing(_states(store, list(changes))) as states:
        for key, state in states:
            if row := folded_row(key, state, unknown.pop(key), left_alone):
                yield row
    for key, rest in unknown.items():
        if row := folded_row(key, UNKNOWN, rest, left_alone):
            yield row


_state_row = msgspec.json.Decoder(tuple[int, str, str, int, int, str]).decode


def _states(store: Store, keys: list[ProfileKey]) -> Generator[tuple[ProfileKey, State]]:
    """What the store holds of those of these profiles that it knows."""
    parameters = {"keys": msgspec.json.encode(keys).decode()}
    with closing(store.stream(_STATES, parameters, "JSONCompactEachRow")) as pieces:
        for line in _lines(pieces):
            project_id, group_key, profile_id, position, deleted, text = _state_row(line)
            properties = None if deleted else read_properties(text.encode())
            yield ProfileKey(project_id, group_key, profile_id), State(position, properties)


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a text that comes in pieces."""
    rest: list[bytes] = []
    for piece in pieces:
        first, *others = piece.split(b"\n")
        rest.append(first)
        if others:
            yield b"".join(rest)
            yield from others[:-1]
            rest = [others[-1]]


def _in_questions(changes: Changes) -> Iterator[Changes]:
    """The same in as many parts as the store is asked about one after the other."""
    asked: Changes = {}
    size = 0
    for key, each in changes.items():
        size += 16 + len(key.group_key) + len(key.profile_id)
        asked[key] = each
        if size >= PROFILES_ASKED_AT_ONCE_BYTES_MAX:
            yield asked
            asked, size = {}, 0
    if asked:
        yield asked
