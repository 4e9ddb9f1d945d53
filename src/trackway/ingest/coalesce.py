"""Events that arrive one a request, ingested together.

Together an event costs half of its cost alone, here and in the loader. An event that is not accepted as it stands is
left to a request of its own, which gives its reply.
"""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import UNSET

from trackway.domain.entry import encode_entries
from trackway.ingest.arrival import Arrival, Project
from trackway.ingest.entry_builder import EntryOfProject, ProjectEntry
from trackway.ingest.fast_path.compiled import take_alike
from trackway.ingest.fast_path.readers import LearnedReaders
from trackway.ingest.prefilter import ANY_KIND
from trackway.ingest.raw_fields import UNREADABLE, decode_event, look
from trackway.ingest.rules.event import Accepted, judge
from trackway.ingest.rules.fields import FieldRules


class Singles(NamedTuple):
    """The only events of several requests from one place; `arrival` is what the requests have in common."""

    arrival: Arrival
    texts: list[bytes]


class IngestedSingles(NamedTuple):
    """The payload, empty when no event was accepted; the indexes of the events left out of each group; and the number
    of events that the fast path accepted."""

    payload: bytes
    left_out: list[list[int]]
    on_fast_path: int


def ingest_singles(groups: Sequence[Singles], learned: LearnedReaders) -> IngestedSingles:
    """All events as if one request had brought them. All groups have one time of arrival.

    An event that is not accepted is left out: its request must be ingested alone, from its bytes.
    """
    entries: dict[int, ProjectEntry] = {}
    left_out: list[list[int]] = []
    on_fast_path = 0
    for arrival, texts in groups:

        def entry_of(project: Project, arrival: Arrival = arrival) -> ProjectEntry:
            found = entries.get(project.project_id)
            if found is None:
                found = entries[project.project_id] = ProjectEntry(project.project_id, arrival)
            return found

        rules, kinds = FieldRules(arrival), [ANY_KIND] * len(texts)
        index, others, out = 0, 0, []
        of_each = learned.read
        read = learned.reader(texts[0]) or of_each  # no search for each token while all fit the first
        while (index := take_alike(texts, index, read, arrival, rules, entry_of, kinds)) < len(texts):
            if read is not of_each:  # from here on, each by its own project's
                read = of_each
                continue
            others += 1
            if not _take_alone(texts[index], learned, arrival, rules, entry_of):
                out.append(index)
            index += 1
        on_fast_path += len(texts) - others
        left_out.append(out)
    finished = [entry.finished() for entry in entries.values() if entry.events]
    return IngestedSingles(encode_entries(finished) if finished else b"", left_out, on_fast_path)


def _take_alone(
    text: bytes, learned: LearnedReaders, arrival: Arrival, rules: FieldRules, entry_of: EntryOfProject
) -> bool:
    """Add one event by the complete rules; False when it is not accepted."""
    try:
        record = decode_event(text)
    except UNREADABLE:
        return False
    names = learned.names(record)
    outcome = judge(record, arrival, rules)
    if not isinstance(outcome, Accepted):
        return False
    learned.learn(text, names)
    entry_of(outcome.project).add(outcome.fields, outcome.properties, outcome.links)
    return True


def token_of(text: bytes) -> object:
    """The JSON value of the token in an event's text; None where it cannot be read."""
    try:
        members = decode_event(text).properties
        return None if members is UNSET else look(members, "token")
    except UNREADABLE:
        return None
