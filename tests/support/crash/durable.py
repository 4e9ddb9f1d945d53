"""What a journal and a store hold, read after the server stopped; and what the store must hold, worked out from the
journal by the rules of protocol §4 to §6 alone, one record at a time, without any code of the loader."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.crash.ledger import Share, Signature
from tests.support.crash.traffic import SEEN
from tests.support.ingest.stored_events import entry_events
from tests.support.loader.identity_model import People
from tests.support.loader.profile_model import Profile, plainly
from tests.support.store.process import running_store
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import NO_PROJECT, Entry, decode_entries
from trackway.journal.log import Source
from trackway.journal.segments.reader import Reader
from trackway.store.client import Store

READ_BYTES = 8 << 20
MINUTE_S = 60


class Event(NamedTuple):
    """A row of the events table, as far as it matters."""

    project_id: int
    received_us: int
    endpoint: int
    time_ms: int
    event: str
    distinct_id: str
    insert_id: str
    sequence: int


class ProfileKey(NamedTuple):
    """A profile; `group_key` is empty for a user's."""

    project_id: int
    group_key: str
    profile_id: str


class Rejected(NamedTuple):
    """A row of rejected_records."""

    project_id: int
    received_us: int
    position: int
    place: int
    endpoint: int
    reason: str
    original: bytes


class Asked(NamedTuple):
    """A link that was refused, by the event that asked for it."""

    project_id: int
    insert_id: str
    id: str
    to: str


Counts = Counter[tuple[int, int, int, str, str]]
"""By project, minute in seconds since the epoch, endpoint, outcome, reason."""


@dataclass
class Content:
    """All of a journal, or what a store must hold because of it."""

    requests: Counter[Signature] = field(default_factory=Counter)
    stored: dict[tuple[int, str, str, str], Event] = field(default_factory=dict)
    profiles: dict[ProfileKey, Profile] = field(default_factory=dict)
    people: defaultdict[int, People] = field(default_factory=lambda: defaultdict(People))
    rejected: Counter[Rejected] = field(default_factory=Counter)
    counts: Counts = field(default_factory=Counter)

    def canonical_ids(self) -> dict[tuple[int, str], str]:
        """Of each project, the ids that are not their own."""
        found = {
            (project_id, id): people.canonical(id)
            for project_id, people in self.people.items()
            for id in people.claims.keys() | people.moved.keys()
        }
        return {key: canonical for key, canonical in found.items() if canonical != key[1]}

    def refused(self) -> Counter[Asked]:
        return Counter(
            Asked(project_id, link.insert_id, link.id, link.to)
            for project_id, people in self.people.items()
            for link in people.refused
        )


def read_journal(directory: Path) -> Content:
    """The whole journal in a directory, in order."""
    return read_source(Reader(directory))


def read_source(source: Source) -> Content:
    """All that is left to read, in order, and closes the source. An event is a duplicate when one like it came before;
    the test is shorter than the window."""
    return read_sources([source])


def read_sources(sources: Sequence[Source]) -> Content:
    """The same of several partitions. Records of one project are in one of them."""
    content = Content()
    for source in sources:
        with closing(source):
            while records := source.read(READ_BYTES):
                for record in records:
                    _take(content, record.position, decode_entries(record.payload))
            assert source.damage == []
    return content


def _take(content: Content, position: int, entries: list[Entry]) -> None:
    shares = []
    for entry in entries:
        rows = list(_rows(entry))
        updates = tuple(_updates(content, entry))
        rejected = tuple((each.index, each.reason, each.original) for each in entry.rejections)
        if entry.project_id != NO_PROJECT:
            accepted = tuple(row.sequence for row in rows) + updates
            shares.append(Share(entry.project_id, accepted, entry.ignored, rejected))
        for reason, number in entry.counted:
            _count(content, entry, "rejected", reason, number)
        for row in rows:
            key = (row.project_id, row.event, row.distinct_id, row.insert_id)
            _count(content, entry, "duplicate" if key in content.stored else "stored")
            content.stored.setdefault(key, row)
        for each in entry.rejections:
            kept = (entry.project_id, entry.received_us, position, each.index, entry.endpoint)
            content.rejected[Rejected(*kept, each.reason, each.original)] += 1
            _count(content, entry, "rejected", each.reason)
        if entry.ignored:
            _count(content, entry, "ignored", number=entry.ignored)
    for entry in entries:  # an update belongs to whom its id belonged to before its record
        content.people[entry.project_id].take_all(entry)
    if shares:
        content.requests[Endpoint(entries[0].endpoint), frozenset(shares)] += 1


def _updates(content: Content, entry: Entry) -> Iterator[int]:
    """Apply the entry's updates; their sequence numbers."""
    for update in entry.updates:
        operations = json.loads(update.operations)
        yield operations["$append"][SEEN] if "$append" in operations else int(operations["$unset"][0])
        user = not update.group_key and not update.as_given
        canonical = content.people[entry.project_id].canonical(update.profile_id) if user else update.profile_id
        key = ProfileKey(entry.project_id, update.group_key, canonical)
        content.profiles[key] = plainly(content.profiles.get(key), operations)
        _count(content, entry, "stored")


def _count(content: Content, entry: Entry, outcome: str, reason: str = "", number: int = 1) -> None:
    second = entry.received_us // 1_000_000
    content.counts[entry.project_id, second - second % MINUTE_S, entry.endpoint, outcome, reason] += number


def _rows(entry: Entry) -> Iterator[Event]:
    for event in entry_events(entry):
        numbers = (event.project_id, event.received_us, event.endpoint, event.time_ms)
        yield Event(*numbers, event.event, event.distinct_id, event.insert_id, event.properties["sequence"])


class Stored(NamedTuple):
    """What the store holds: `keys` counts the different ones, `loads` are (from, to) positions in order for each
    partition, `claims` are
    (project, device, user)."""

    profiles: dict[ProfileKey, dict[str, Any]]
    rejected: Counter[Rejected]
    counts: Counts
    keys: int
    loads: list[list[tuple[int, int]]]
    rows: int
    canonical_ids: dict[tuple[int, str], str]
    claims: set[tuple[int, str, str]]
    refused: Counter[Asked]


def read_store(directory: Path) -> Stored:
    """The tables of a stopped server's store, by a store process of our own."""
    with running_store(directory) as running:
        store = Store(running.url)
        try:
            return Stored(
                {ProfileKey(*key): json.loads(text) for *key, text in store.query(_PROFILES)},
                Counter(Rejected._make([*row[:-1], bytes.fromhex(row[-1])]) for row in store.query(_REJECTED)),
                Counter({(row[0], row[1], row[2], row[3], row[4]): int(row[5]) for row in store.query(_COUNTS)}),
                int(store.query("SELECT uniqExact(key) FROM event_keys")[0][0]),
                _loads(store),
                int(store.query("SELECT count() FROM events FINAL")[0][0]),
                {(project_id, id): canonical for project_id, id, canonical in store.query(_CANONICAL_IDS)},
                {(project_id, id, user) for project_id, id, user in store.query(_CLAIMS)},
                Counter(Asked._make(row) for row in store.query(_REFUSED)),
            )
        finally:
            store.close()


_PROFILES = "SELECT project_id, group_key, profile_id, properties FROM profiles FINAL"
_REJECTED = """
    SELECT project_id, toUnixTimestamp64Micro(received), position, `index`, endpoint, reason, hex(original)
    FROM rejected_records FINAL"""
_COUNTS = """
    SELECT project_id, toUnixTimestamp(minute), endpoint, outcome, reason, sum(records) FROM loads
    WHERE records > 0 GROUP BY project_id, minute, endpoint, outcome, reason"""
_LOADS = """
    SELECT DISTINCT if(startsWith(outcome, 'partition '), outcome, '') AS partition, from_position, to_position
    FROM loads ORDER BY partition, from_position, to_position"""


def _loads(store: Store) -> list[list[tuple[int, int]]]:
    """With several partitions the rows of projects do not say of which they are, but the rows of cursors do."""
    found: dict[str, list[tuple[int, int]]] = {}
    for partition, begin, end in store.query(_LOADS):
        found.setdefault(str(partition), []).append((int(begin), int(end)))
    if len(found) > 1:
        del found[""]
    return list(found.values())


_CANONICAL_IDS = """
    SELECT project_id, id, argMax(canonical_id, rank) AS canonical FROM identity_links
    GROUP BY project_id, id HAVING canonical != ''"""
_CLAIMS = "SELECT project_id, id, canonical_id FROM identity_links WHERE applied = 0"
_REFUSED = "SELECT project_id, insert_id, id, other FROM identity_refusals FINAL"


def by_outcome(counts: Counts) -> dict[str, int]:
    """The counts of each outcome, over everything else."""
    total: Counter[str] = Counter()
    for key, number in counts.items():
        total[key[3]] += number
    return dict(total)


def updates_stored(counts: Counts) -> int:
    """How many profile updates are counted as stored."""
    return sum(number for key, number in counts.items() if Endpoint(key[2]).takes_profiles and key[3] == "stored")


def sequences(lines: list[dict[str, Any]]) -> Counter[int]:
    """How often each sequence number stands in exported lines."""
    return Counter(line["properties"]["sequence"] for line in lines)
