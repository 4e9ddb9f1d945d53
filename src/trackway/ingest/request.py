"""A whole request of events or profile updates: its records in, its outcomes and the journal payload out.

Nothing here uses disk or network. The caller makes the payload durable, and then replies.
"""

from collections import Counter

from trackway.domain.entry import NO_PROJECT, Rejection, encode_entries
from trackway.ingest.arrival import Arrival, unknown_token
from trackway.ingest.collector import Collector, Ingested, event_claims, update_claims
from trackway.ingest.entry_builder import ProjectEntry
from trackway.ingest.fast_path.compiled import take_alike
from trackway.ingest.fast_path.readers import LearnedReaders, Read, Texts, reader_for
from trackway.ingest.limits import SAMPLED_EVENTS_MIN
from trackway.ingest.outcome import PROFILE_TOKEN_MISSING, TOKEN_MISSING, Failure, Ignored, Rejected
from trackway.ingest.prefilter import ANY_KIND, WORTH_BYTES, suspicions, suspicions_of_each
from trackway.ingest.raw_fields import UNREADABLE, EventRecord, Members, decode_event
from trackway.ingest.rules.event import Accepted, judge
from trackway.ingest.rules.fields import FieldRules
from trackway.ingest.rules.profile import accept_update
from trackway.ingest.split import Records, event_texts, require_records, split_json, split_lines

_OTHERS_ONE_IN = 16
"""If more than one in so many events of a batch leave the fast path, the rest of the batch takes the complete rules."""


def ingest_body(body: bytes, arrival: Arrival, learned: LearnedReaders, *, lines: bool) -> Ingested:
    """The outcomes of a body's events. Raises as `split.split_json`, and MalformedBody if there are none.

    `learned`: readers for small batches, which may learn from this one.
    """
    texts = event_texts(body, lines=lines)
    ingested = None
    if texts and len(texts) < SAMPLED_EVENTS_MIN:
        ingested = _ingest_texts(body, texts, arrival, learned.reader(body), learned)
    elif texts and (read := reader_for(texts, arrival)):
        ingested = _ingest_texts(body, texts, arrival, read, None)
    if ingested is None:
        ingested = ingest_events(require_records(split_lines(body) if lines else split_json(body)), arrival)
    return ingested


def _ingest_texts(
    body: bytes, texts: Texts, arrival: Arrival, read: Read | None, learned: LearnedReaders | None
) -> Ingested | None:
    """The outcomes of events, most of which the reader can read; None when a text is no event.

    `learned` learns from the others, and they do not end the fast path.
    """
    collector = Collector(lambda index: bytes(texts[index]), arrival, event_claims)
    rules, entry_of = FieldRules(arrival), collector.entry_of
    kinds = [ANY_KIND] * len(texts)
    if read is not None and len(body) >= WORTH_BYTES:
        kinds = suspicions_of_each(body, texts)
    index = others = 0
    while read is None or ((index := take_alike(texts, index, read, arrival, rules, entry_of, kinds)) < len(texts)):
        try:
            record = decode_event(texts[index])
        except UNREADABLE:
            return None
        names = learned.names(record) if learned else None
        outcome = judge(record, arrival, rules)
        collector.take(index, outcome)
        if learned and isinstance(outcome, Accepted):
            learned.learn(body, names)
        index, others = index + 1, others + 1
        if index == len(texts):
            break
        if learned is None and others * _OTHERS_ONE_IN > len(texts):
            read = None
    return collector.finished(len(texts), len(texts) - others)


def ingest_events(source: Records[EventRecord], arrival: Arrival) -> Ingested:
    """Apply the complete rules to every record, in order."""
    collector = Collector(source.original, arrival, event_claims)
    rules, records = FieldRules(arrival), source.records
    objects = sum(1 + (type(each.properties) is dict) for each in records if type(each) is EventRecord)
    suspected = suspicions(source.text, objects)
    for index, record in enumerate(records):
        outcome = record if isinstance(record, Rejected) else judge(record, arrival, rules, suspected)
        collector.take(index, outcome)
    return collector.finished(len(records))


def ingest_updates(source: Records[Members], arrival: Arrival) -> Ingested:
    """Apply the rules to every profile update, in order."""
    collector = Collector(source.original, arrival, update_claims)
    for index, record in enumerate(source.records):
        collector.take(index, record if isinstance(record, Rejected) else accept_update(record, arrival))
    return collector.finished(len(source.records))


def ingest_undecodable(reason: Rejected, arrival: Arrival) -> Ingested:
    """A body that is no JSON, on an endpoint that answers 200: one rejected record without a project."""
    return _ingest_equal(reason, 1, arrival)


def ingest_unknown(records: int, arrival: Arrival) -> Ingested:
    """A number of records whose tokens name no project, without parsing them."""
    missing = PROFILE_TOKEN_MISSING if arrival.endpoint.takes_profiles else TOKEN_MISSING
    return _ingest_equal(unknown_token(arrival, missing.field), records, arrival)


def _ingest_equal(outcome: Rejected | Ignored, records: int, arrival: Arrival) -> Ingested:
    """Records without a project that all have the same outcome."""
    collector = Collector(lambda _index: b"", arrival, lambda _original, _arrival: (NO_PROJECT, ""))
    for index in range(records):
        collector.take(index, outcome)
    return collector.finished(records)


def ingest_unread(reason: Rejected, arrival: Arrival) -> Ingested:
    """A request that is refused before its body is read, but shown to its project: one rejected record of no bytes."""
    assert arrival.project is not None
    entry = ProjectEntry(arrival.project.project_id, arrival)
    entry.rejections.append(Rejection(0, reason.reason, reason.field, "", b""))
    failure = Failure(0, "", reason.field, reason.reason)
    return Ingested(1, 0, 0, [failure], Counter({reason.reason: 1}), encode_entries([entry.finished()]))
