"""Folds the updates of a batch into the profiles of the store, each exactly once.

A profile's row has the journal position of its last update. This module reads the present rows of a batch's profiles,
folds the updates after those positions into them, and inserts one new row for each profile. So every row is the exact
result of all updates up to its position, and the highest position wins. An insert is idempotent, when a batch is loaded
again and when it arrives after its loader has died. A user's update is for the profile of the canonical id that its id
has at the update's position.
"""

import struct
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import msgspec

from trackway.domain.entry import Update
from trackway.domain.native import string
from trackway.loader.canonical_ids import AS_GIVEN, CanonicalIds, read_canonical_ids
from trackway.loader.fold import Properties, fold, properties_text, read_properties, text_of_first
from trackway.loader.limits import PROFILE_ROWS_BYTES_MAX, PROFILES_ASKED_ALONE_MIN, PROFILES_ASKED_AT_ONCE_BYTES_MAX
from trackway.loader.part_verification import Guard
from trackway.loader.placed import Placed
from trackway.store.client import Store
from trackway.store.errors import MEMORY_LIMIT_EXCEEDED, DataRefused, StoreError

_COLUMNS = ("project_id", "group_key", "profile_id", "position", "deleted", "updated", "properties")

_STATES = """
SELECT project_id, group_key, profile_id, max(position), argMax(deleted, position), argMax(properties, position)
FROM profiles
WHERE {asked}
GROUP BY project_id, group_key, profile_id
"""
_OF_ONE_KIND = _STATES.replace(
    "{asked}",
    "project_id = {project_id:UInt32} AND group_key = {group_key:String}"
    " AND profile_id IN (SELECT arrayJoin(JSONExtract({ids:String}, 'Array(String)')))",
)
_OF_ANY_KIND = _STATES.replace(
    "{asked}",
    """(project_id, group_key, profile_id) IN (
    SELECT key.1, key.2, key.3
    FROM (SELECT arrayJoin(JSONExtract({keys:String}, 'Array(Tuple(UInt32, String, String))')) AS key)
)""",
)
"""One JSON text holds all keys: the store needs a hundred times as long to read a large array parameter. For a few
profiles among many, an aggregation takes half as long as FINAL. A search for ids alone takes half as long as one for
whole keys."""


class ProfileKey(NamedTuple):
    """One profile. `group_key` is empty for a user."""

    project_id: int
    group_key: str
    profile_id: str


class Change(msgspec.Struct, frozen=True, gc=False):
    """An update, with the position and the arrival of its record. It does not hold the record: an update may wait in
    memory, and the rest of its record may be a million times as long."""

    position: int
    received_us: int
    update: Update


class State(NamedTuple):
    """A profile after all updates up to a journal position. `properties` is None for a deleted profile."""

    position: int
    properties: Properties | None


UNKNOWN = State(-1, None)

Changes = dict[ProfileKey, list[Change]]


Wrote = Callable[[ProfileKey, int], None]
"""Called with the size in bytes of each new row of a profile."""


def insert_profiles(store: Store, placed: Sequence[Placed], guard: Guard) -> Counter[str]:
    """Fold the updates of these entries into the profiles of the store, which must hold their links.

    Returns the number of skipped operations by reason. Raises DataRefused when an update cannot be read.
    """
    return insert_changes(store, changes_of(placed, read_canonical_ids(store, placed)), guard)


def insert_changes(
    store: Store, changes: Changes, guard: Guard, wrote: Wrote = lambda _key, _size: None
) -> Counter[str]:
    """As `insert_profiles`, for updates by profile."""
    skipped: Counter[str] = Counter()
    for asked in _in_questions(changes):
        _insert_some(store, asked, skipped, guard, wrote)
    return skipped


def changes_of(placed: Iterable[Placed], canonical_ids: CanonicalIds) -> Changes:
    """The updates of each profile in the order of the journal."""
    changes: Changes = {}
    for position, entry, _ in placed:
        project_id, received_us = entry.project_id, entry.received_us
        for update in entry.updates:
            profile_id, group_key = update.profile_id, update.group_key
            if canonical_ids is not AS_GIVEN and not group_key and not update.as_given:
                profile_id = canonical_ids.at(project_id, profile_id, position)
            key, change = ProfileKey(project_id, group_key, profile_id), Change(position, received_us, update)
            if (earlier := changes.get(key)) is None:
                changes[key] = [change]
            else:
                earlier.append(change)
    return changes


def folded_row(key: ProfileKey, state: State, changes: Iterable[Change], skipped: Counter[str]) -> bytes | None:
    """The profile's new row in RowBinary. None when the profile has all of the changes already."""
    new = [change for change in changes if change.position > state.position]
    if not new:
        return None
    try:
        folded = fold(state.properties, [change.update.operations for change in new])
    except ValueError as error:
        raise DataRefused(f"profile update: {error}") from error
    if folded.skipped:
        skipped.update(folded.skipped)
    last = new[-1]
    return _row(key, last, properties_text(folded.properties), deleted=folded.properties is None)


def _first_row(key: ProfileKey, changes: Sequence[Change], skipped: Counter[str]) -> bytes | None:
    """The row of a profile that the store does not have."""
    if len(changes) == 1 and (text := text_of_first(changes[0].update.operations)) is not None:
        return _row(key, changes[0], text)
    return folded_row(key, UNKNOWN, changes, skipped)


_PLACE = struct.Struct("<QBq")


def _row(key: ProfileKey, last: Change, text: bytes, *, deleted: bool = False) -> bytes:
    """The row in RowBinary. `last`: the profile's last update. `text`: of its properties."""
    return b"".join(
        (
            key.project_id.to_bytes(4, "little"),
            string(key.group_key.encode()),
            string(key.profile_id.encode()),
            _PLACE.pack(last.position, deleted, last.received_us),
            string(text),
        )
    )


def _insert_some(store: Store, changes: Changes, skipped: Counter[str], guard: Guard, wrote: Wrote) -> None:
    """Fold and insert. Where the store has too little memory for all states at once, one half after the other."""
    rows: list[bytes] = []
    size = 0
    counted: Counter[str] = Counter()  # for rows not yet inserted: an update that is folded again counts again
    try:
        for key, row in _new_rows(store, changes, counted):
            wrote(key, len(row))
            rows.append(row)
            size += len(row)
            if size >= PROFILE_ROWS_BYTES_MAX:
                _insert(store, rows, guard)
                skipped += counted
                rows, size = [], 0
                counted.clear()
    except StoreError as error:
        if error.code != MEMORY_LIMIT_EXCEEDED or len(changes) == 1:
            raise
        keys = list(changes)
        for half in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
            _insert_some(store, {key: changes[key] for key in half}, skipped, guard, wrote)
        return
    if rows:
        _insert(store, rows, guard)
        skipped += counted


def _insert(store: Store, rows: list[bytes], guard: Guard) -> None:
    guard()
    store.insert_rows("profiles", _COLUMNS, rows, settings={"optimize_on_insert": "0"})


def _new_rows(store: Store, changes: Changes, skipped: Counter[str]) -> Iterator[tuple[ProfileKey, bytes]]:
    """The rows of these profiles, with one state in memory at a time."""
    unknown = dict(changes)
    with closing(_states(store, list(changes))) as states:
        for key, state in states:
            if row := folded_row(key, state, unknown.pop(key), skipped):
                yield key, row
    for key, rest in unknown.items():
        if row := _first_row(key, rest, skipped):
            yield key, row


_state_row = msgspec.json.Decoder(tuple[int, str, str, int, int, str]).decode


def _states(store: Store, keys: list[ProfileKey]) -> Generator[tuple[ProfileKey, State]]:
    """The stored states of these profiles. Profiles that the store does not have are left out."""
    for statement, parameters in _statements(keys):
        with closing(store.stream(statement, parameters, "JSONCompactEachRow")) as pieces:
            for line in _lines(pieces):
                project_id, group_key, profile_id, position, deleted, text = _state_row(line)
                properties = None if deleted else read_properties(text.encode())
                yield ProfileKey(project_id, group_key, profile_id), State(position, properties)


def _statements(keys: Iterable[ProfileKey]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The statements that ask for these profiles, with their parameters: one for each project and kind with many of
    them, and one for all others."""
    kinds: dict[tuple[int, str], list[str]] = {}
    for project_id, group_key, profile_id in keys:
        kinds.setdefault((project_id, group_key), []).append(profile_id)
    others: list[ProfileKey] = []
    for (project_id, group_key), ids in kinds.items():
        if len(kinds) == 1 or len(ids) >= PROFILES_ASKED_ALONE_MIN:
            yield _OF_ONE_KIND, {"project_id": project_id, "group_key": group_key, "ids": _text(ids)}
        else:
            others += [ProfileKey(project_id, group_key, profile_id) for profile_id in ids]
    if others:
        yield _OF_ANY_KIND, {"keys": _text(others)}


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a text that arrives in pieces."""
    rest: list[bytes] = []
    for piece in pieces:
        first, *others = piece.split(b"\n")
        rest.append(first)
        if others:
            yield b"".join(rest)
            yield from others[:-1]
            rest = [others[-1]]


def _in_questions(changes: Changes) -> Iterator[Changes]:
    """The changes in chunks of one query each."""
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
