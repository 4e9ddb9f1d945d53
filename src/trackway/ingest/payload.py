"""The last step of a request: the outcomes of its records go in, `Ingested` with the journal payload comes out.

The records are sorted by project, and each project has one entry. The payload holds everything that must be durable
before the reply: accepted events as columns, accepted updates as operations, and rejected records with their bytes.
"""

import struct
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec
import xxhash

from trackway.domain.entry import (
    NO_EVENTS,
    NO_KEY,
    NO_PROJECT,
    VERSION,
    Entry,
    Events,
    Rejection,
    Update,
    encode_entries,
)
from trackway.domain.identity_mode import DEVICE_PREFIX
from trackway.domain.limits import REJECTED_ORIGINAL_BYTES_MAX
from trackway.domain.link import Link, LinkKind
from trackway.domain.native import VARINTS, string, varint
from trackway.ingest import redact
from trackway.ingest.arrival import Arrival
from trackway.ingest.claims import Claims
from trackway.ingest.limits import REQUEST_ORIGINALS_BYTES_MAX
from trackway.ingest.outcome import Failure, Ignored, Ingested, Rejected
from trackway.ingest.rules.event import AcceptedEvent
from trackway.ingest.rules.ids import DevicePair
from trackway.ingest.rules.profile import AcceptedUpdate

Outcome = AcceptedEvent | AcceptedUpdate | Rejected | Ignored

deduplication_key: Callable[[bytes, int], bytes] = xxhash.xxh3_128_digest
"""16 bytes that are equal for events that are duplicates within the dedup window (protocol §4).

Of name, distinct_id and insert_id, as strings one after the other, and the project's id. 128 bits of XXH3 are treated
as exact: at a billion events in the window the chance of any collision is below 1e-20. The project is the seed, so
projects never share a key.
"""


class _Records(msgspec.Struct):
    """The records of one project, in the order of the request. `counted`: reasons of rejected records without a
    project, of which only the number is kept."""

    events: list[AcceptedEvent] = []
    updates: list[Update] = []
    rejections: list[Rejection] = []
    ignored: int = 0
    counted: Counter[str] = msgspec.field(default_factory=Counter)


Projects = defaultdict[int, _Records]
_EMPTY = string(b"")
_NONE: Counter[str] = Counter()


def ingested_of(
    outcomes: Sequence[Outcome],
    original: Callable[[int], bytes],
    arrival: Arrival,
    claims: Claims,
    on_fast_path: int = 0,
) -> Ingested:
    """The outcomes of all records of a request. `original` gives the bytes of a record by its index."""
    projects: Projects = defaultdict(_Records)
    refused = _Refused(projects, arrival, REQUEST_ORIGINALS_BYTES_MAX if arrival.project is None else sys.maxsize)
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, AcceptedEvent):
            projects[outcome.project_id].events.append(outcome)
        elif isinstance(outcome, AcceptedUpdate):
            projects[outcome.project_id].updates.append(outcome.update)
        else:
            refused.take(index, outcome, original(index), claims)
    refused.cut_counts()
    failures = refused.failures
    return Ingested(
        len(outcomes),
        len(outcomes) - refused.ignored - len(failures),
        refused.ignored,
        failures,
        Counter([failure.message for failure in failures]) if failures else _NONE,
        _encoded(projects, arrival),
        {project_id: len(own.events) + len(own.updates) + len(own.rejections) for project_id, own in projects.items()},
        refused.kept_bytes,
        refused.dropped,
        on_fast_path,
    )


def events_payload(events: Sequence[AcceptedEvent], arrival: Arrival) -> bytes:
    """The payload of accepted events alone, of at least one."""
    projects: dict[int, list[AcceptedEvent]] = {}
    for event in events:
        if event.project_id in projects:
            projects[event.project_id].append(event)
        else:
            projects[event.project_id] = [event]
    return encode_entries([_entry_of_events(project_id, own, arrival) for project_id, own in projects.items()])


def _entry_of_events(project_id: int, events: Sequence[AcceptedEvent], arrival: Arrival) -> Entry:
    columns, links = _columns(events, project_id), _links(events)
    return Entry(VERSION, project_id, arrival.received_us, arrival.endpoint, events=columns, links=links)


class _Refused(msgspec.Struct):
    """The refused and ignored records of a request so far.

    `bytes_left`: original bytes of rejected records for which the request has room. `kept_bytes`: those kept, by
    project. `dropped`: rejected records without room.
    """

    projects: Projects
    arrival: Arrival
    bytes_left: int
    kept_bytes: Counter[int] = msgspec.field(default_factory=Counter)
    dropped: int = 0
    failures: list[Failure] = []
    ignored: int = 0

    def take(self, index: int, outcome: Rejected | Ignored, record: bytes, claims: Claims) -> None:
        """Add the record at this index, which has these bytes."""
        project_id, insert_id = claims(record, self.arrival)
        own = self.projects[project_id]
        if isinstance(outcome, Ignored):
            own.ignored += 1
            self.ignored += 1
            return
        self.failures.append(Failure(index, insert_id, outcome.field, outcome.reason))
        if project_id == NO_PROJECT:
            own.counted[outcome.reason] += 1
            return
        kept = (insert_id, self._kept(project_id, record)) if outcome.keep else ("", b"")
        own.rejections.append(Rejection(index, outcome.reason, outcome.field, *kept))

    def _kept(self, project_id: int, record: bytes) -> bytes:
        """The kept bytes of a record; none once its request or its project has no room left for them."""
        left = min(self.bytes_left, self.arrival.rejected_left(project_id) - self.kept_bytes[project_id])
        if min(len(record), REJECTED_ORIGINAL_BYTES_MAX) > left:
            self.dropped += 1
            return b""
        kept = redact.kept(record)
        self.kept_bytes[project_id] += len(kept)
        self.bytes_left -= len(kept)
        return kept

    def cut_counts(self) -> None:
        """Keep no more rows of counts without a project than may be kept now."""
        nobody = self.projects.get(NO_PROJECT)
        if nobody is None:
            return
        rows = self.arrival.rejected_left(NO_PROJECT)
        nobody.ignored = nobody.ignored if rows > 0 else 0
        nobody.counted = Counter(dict(list(nobody.counted.items())[: max(rows - bool(nobody.ignored), 0)]))
        if kept := len(nobody.counted) + bool(nobody.ignored):
            self.kept_bytes[NO_PROJECT] = kept
        else:
            del self.projects[NO_PROJECT]


def _encoded(projects: Projects, arrival: Arrival) -> bytes:
    if not projects:
        return b""
    return encode_entries([_entry(project_id, own, arrival) for project_id, own in projects.items()])


def _entry(project_id: int, own: _Records, arrival: Arrival) -> Entry:
    return Entry(
        VERSION,
        project_id,
        arrival.received_us,
        arrival.endpoint,
        own.ignored,
        _columns(own.events, project_id) if own.events else NO_EVENTS,
        own.rejections,
        own.updates,
        _links(own.events),
        list(own.counted.items()),
    )


def _links(events: Iterable[AcceptedEvent]) -> list[Link]:
    """The links that the events ask for, each once, in the order of the events."""
    asked: dict[DevicePair | Link, None] = {}
    for event in events:
        pair = event.ids.device_pair
        if pair is not None:
            asked[pair] = None
        if event.links:
            asked.update(dict.fromkeys(event.links))
    return [
        Link(LinkKind.DEVICE, DEVICE_PREFIX + each[0], each[1]) if isinstance(each, tuple) else each for each in asked
    ]


def _columns(events: Sequence[AcceptedEvent], project_id: int) -> Events:
    """The columns of one project's events. Each string has its length before it."""
    keys: list[bytes] = []
    names: list[bytes] = []
    distinct_ids: list[bytes] = []
    insert_ids: list[bytes] = []
    device_ids: list[bytes] = []
    user_ids: list[bytes] = []
    properties: list[bytes] = []
    encoded_names: dict[str, bytes] = {}
    for event in events:
        ids, size = event.ids, len(event.properties)
        name = encoded_names.get(event.name)
        if name is None:
            name = encoded_names[event.name] = string(event.name.encode())
        distinct_id, insert_id = ids.distinct_id.encode(), ids.insert_id.encode()
        distinct_id, insert_id = VARINTS[len(distinct_id)] + distinct_id, VARINTS[len(insert_id)] + insert_id
        device_id = user_id = _EMPTY
        if ids.device_id:
            device_id = ids.device_id.encode()
            device_id = VARINTS[len(device_id)] + device_id
        if ids.user_id:
            user_id = distinct_id if ids.user_id == ids.distinct_id else string(ids.user_id.encode())
        keys.append(deduplication_key(name + distinct_id + insert_id, project_id) if ids.deduplicated else NO_KEY)
        names.append(name)
        distinct_ids.append(distinct_id)
        insert_ids.append(insert_id)
        device_ids.append(device_id)
        user_ids.append(user_id)
        properties.append(VARINTS[size] if size < len(VARINTS) else varint(size))
        properties.append(event.properties)
    join, times_ms = b"".join, struct.pack(f"<{len(events)}q", *[event.time_ms for event in events])
    strings = (names, distinct_ids, insert_ids, device_ids, user_ids, properties)
    return Events(len(events), join(keys), times_ms, *map(join, strings))
