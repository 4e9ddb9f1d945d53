"""A whole request of events or profile updates: its records in, its outcomes and the journal payload out.

The payload holds everything that must be durable before the reply: accepted events as columns, accepted updates as
operations, and rejected records with their bytes. Nothing here touches disk or network; the caller commits the payload
and then answers.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from msgspec import UNSET

from trackway.ingest import originals
from trackway.ingest.alike import SinglesReader, Texts, reader_for, take_alike
from trackway.ingest.entry import EntryOfProject, ProjectEntry
from trackway.ingest.events import Accepted, Arrival, EventRecord, Project, accept_event
from trackway.ingest.members import look
from trackway.ingest.outcome import Failure, Ignored, Rejected
from trackway.ingest.profiles import AcceptedUpdate, accept_update
from trackway.ingest.properties import Members
from trackway.ingest.records import (
    UNREADABLE,
    Records,
    decode_record,
    decode_update,
    event_texts,
    some,
    split_json,
    split_lines,
)
from trackway.ingest.suspicion import KINDS, SUSPECT_ALL, Suspicions, suspicions, suspicions_of_each
from trackway.ingest.usual import Usual, take_usual
from trackway.journal.entry import NO_PROJECT, Rejection, encode_entries


class Ingested(NamedTuple):
    """What became of a request's records: `accepted` + `ignored` + len(`failures`) = `received`.

    `payload` is to be made durable before the reply. `rejected` counts by reason, `kept` what is kept of
    each project, accepted or rejected.
    """

    received: int
    accepted: int
    ignored: int
    failures: list[Failure]
    rejected: Counter[str]
    payload: bytes
    kept: Mapping[int, int] = MappingProxyType({})

    @property
    def imported(self) -> int:
        """Records the client need not send again."""
        return self.accepted + self.ignored


_ANY_KIND = KINDS.index(SUSPECT_ALL)
_NONE: Counter[str] = Counter()
_OTHERS_ONE_IN = 16
"""When more events of a batch than one in so many do not go the way of those that are alike, the rest goes another."""


Claims = Callable[[bytes, Arrival], tuple[int, str]]
"""Tells the project and `$insert_id` that the bytes of a refused or ignored record name, as far as can be read."""


class _Gathering:
    """The outcomes of one request so far, apart by project."""

    def __init__(self, original: Callable[[int], bytes], arrival: Arrival, claims: Claims):
        self.original = original
        self.arrival = arrival
        self.claims = claims
        self.entries: dict[int, ProjectEntry] = {}
        self.failures: list[Failure] = []
        self.ignored = 0

    def entry_of(self, project: Project) -> ProjectEntry:
        return self.entry(project.project_id)

    def entry(self, project_id: int) -> ProjectEntry:
        found = self.entries.get(project_id)
        if found is None:
            found = self.entries[project_id] = ProjectEntry(project_id, self.arrival)
        return found

    def take_all(self, events: Sequence[EventRecord | Rejected], first: int, suspected: Suspicions) -> None:
        """Add the outcomes of events, the usual ones in runs, all others one by one; `first` is that one's index."""
        at = 0
        while (at := take_usual(events, at, self.arrival, self.entry_of, suspected)) < len(events):
            event = events[at]
            outcome = event if isinstance(event, Rejected) else accept_event(event, self.arrival, suspected)
            self.take(first + at, outcome)
            at += 1

    def take(self, index: int, outcome: Accepted | AcceptedUpdate | Rejected | Ignored) -> None:
        """Add the outcome of one record."""
        if isinstance(outcome, Accepted):
            self.entry_of(outcome.project).add(outcome)
            return
        if isinstance(outcome, AcceptedUpdate):
            self.entry_of(outcome.project).updates.append(outcome.update)
            return
        original = self.original(index)
        project_id, insert_id = self.claims(original, self.arrival)
        if isinstance(outcome, Ignored):
            self.entry(project_id).ignored += 1
            self.ignored += 1
            return
        self.failures.append(Failure(index, insert_id, outcome.field, outcome.reason))
        kept = (insert_id, originals.kept(original)) if outcome.keep else ("", b"")
        self.entry(project_id).rejections.append(Rejection(index, outcome.reason, outcome.field, *kept))

    def finished(self, received: int) -> Ingested:
        payload = encode_entries([entry.finished() for entry in self.entries.values()])
        rejected = Counter(failure.message for failure in self.failures) if self.failures else _NONE
        accepted = received - self.ignored - len(self.failures)
        kept = {number: entry.kept for number, entry in self.entries.items()}
        return Ingested(received, accepted, self.ignored, self.failures, rejected, payload, kept)


def ingest_body(body: bytes, arrival: Arrival, *, lines: bool) -> Ingested:
    """The outcomes of the events of a body. Raises as `records.split_json`, and MalformedBody when there are none."""
    texts = event_texts(body, lines=lines)
    ingested = _ingest_alike(body, texts, arrival) if texts else None
    if ingested is None:
        ingested = ingest_events(some(split_lines(body) if lines else split_json(body)), arrival)
    return ingested


def _ingest_alike(body: bytes, texts: Texts, arrival: Arrival) -> Ingested | None:
    """The same for a batch of events that are alike; None when they are not, or when one is no event at all."""
    usual = Usual(arrival)
    read = reader_for(texts, usual)
    if read is None:
        return None
    gathering = _Gathering(lambda index: bytes(texts[index]), arrival, _event_claims)
    kinds = suspicions_of_each(body, texts)
    index, others = 0, 0
    while (index := take_alike(texts, index, read, usual, arrival, gathering.entry_of, kinds)) < len(texts):
        others += 1
        end = index + 1 if others * _OTHERS_ONE_IN <= len(texts) else len(texts)
        try:
            records = [decode_record(text) for text in texts[index:end]]
        except UNREADABLE:
            return None
        gathering.take_all(records, index, SUSPECT_ALL)
        index = end
    return gathering.finished(len(texts))


def ingest_events(source: Records[EventRecord], arrival: Arrival) -> Ingested:
    """Apply the rules to every record, in order: the usual ones in runs, all others one by one."""
    gathering = _Gathering(source.original, arrival, _event_claims)
    records = source.records
    objects = sum(1 + (type(each.properties) is dict) for each in records if type(each) is EventRecord)
    gathering.take_all(records, 0, suspicions(source.text, objects))
    return gathering.finished(len(records))


def ingest_updates(source: Records[Members], arrival: Arrival) -> Ingested:
    """Apply the rules to every profile update, in order."""
    gathering = _Gathering(source.original, arrival, _update_claims)
    for index, record in enumerate(source.records):
        gathering.take(index, record if isinstance(record, Rejected) else accept_update(record, arrival))
    return gathering.finished(len(source.records))


class Singles(NamedTuple):
    """The only events of several requests from one place; `arrival` says what they have in common."""

    arrival: Arrival
    texts: list[bytes]


def ingest_singles(groups: Sequence[Singles], reader: SinglesReader) -> tuple[bytes, list[list[int]]]:
    """All of them as if one request had brought them: the payload, and for each group the indexes of those left out.

    Left out is what is not plainly fine (`ingest.usual`); its request is to be ingested by itself, from its bytes. No
    payload when nothing was taken. All arrived at one time. Done together an event costs half of what it costs alone,
    here and in the loader.
    """
    entries: dict[int, ProjectEntry] = {}
    left_out: list[list[int]] = []
    for arrival, texts in groups:

        def entry_of(project: Project, arrival: Arrival = arrival) -> ProjectEntry:
            found = entries.get(project.project_id)
            if found is None:
                found = entries[project.project_id] = ProjectEntry(project.project_id, arrival)
            return found

        usual, kinds = Usual(arrival), [_ANY_KIND] * len(texts)
        index, out = 0, []
        while (index := take_alike(texts, index, reader.read, usual, arrival, entry_of, kinds)) < len(texts):
            if not _take_alone(texts[index], reader, arrival, entry_of):
                out.append(index)
            index += 1
        left_out.append(out)
    finished = [entry.finished() for entry in entries.values() if entry.events]
    return encode_entries(finished) if finished else b"", left_out


def _take_alone(text: bytes, reader: SinglesReader, arrival: Arrival, entry_of: EntryOfProject) -> bool:
    try:
        record = decode_record(text)
    except UNREADABLE:
        return False
    reader.learn(record)
    return take_usual([record], 0, arrival, entry_of, SUSPECT_ALL) == 1


def token_of(text: bytes) -> object:
    """The token that the JSON of an event names; whatever stands there, None where nothing can be read."""
    try:
        members = decode_record(text).properties
        return None if members is UNSET else look(members, "token")
    except UNREADABLE:
        return None


def ingest_undecodable(original: bytes, reason: Rejected, arrival: Arrival) -> Ingested:
    """A body that is no JSON at all, on an endpoint that answers 200: one rejected record."""
    entry = ProjectEntry(arrival.project.project_id if arrival.project else NO_PROJECT, arrival)
    entry.rejections.append(Rejection(0, reason.reason, reason.field, "", originals.kept_of_undecodable(original)))
    failure = Failure(0, "", reason.field, reason.reason)
    return Ingested(1, 0, 0, [failure], Counter({reason.reason: 1}), encode_entries([entry.finished()]))


def ingest_unread(reason: Rejected, arrival: Arrival) -> Ingested:
    """A request that is refused before its body is read, but shown to its project: one rejected record of no bytes."""
    assert arrival.project is not None
    entry = ProjectEntry(arrival.project.project_id, arrival)
    entry.rejections.append(Rejection(0, reason.reason, reason.field, "", b""))
    failure = Failure(0, "", reason.field, reason.reason)
    return Ingested(1, 0, 0, [failure], Counter({reason.reason: 1}), encode_entries([entry.finished()]))


def _event_claims(original: bytes, arrival: Arrival) -> tuple[int, str]:
    project_id = arrival.project.project_id if arrival.project else NO_PROJECT
    try:
        members = decode_record(original).properties
    except UNREADABLE:
        return project_id, ""
    if members is UNSET:
        return project_id, ""
    insert_id = look(members, "$insert_id")
    if arrival.project is None:
        project_id = _named_project(look(members, "token"), arrival)
    return project_id, insert_id if type(insert_id) is str else ""


def _update_claims(original: bytes, arrival: Arrival) -> tuple[int, str]:
    try:
        return _named_project(look(decode_update(original), "$token"), arrival), ""
    except UNREADABLE:
        return NO_PROJECT, ""


def _named_project(token: Any, arrival: Arrival) -> int:
    project = arrival.find_project(token) if type(token) is str else None
    return project.project_id if project else NO_PROJECT
