"""A whole request of events or profile updates: its records in, its outcomes and the journal payload out.

Nothing here uses disk or network. The caller makes the payload durable, and then replies.
"""

from trackway.domain.line_ids import LineSource
from trackway.ingest.arrival import Arrival, unknown_token
from trackway.ingest.claims import event_claims, no_claims, update_claims
from trackway.ingest.fast_path.events import LearnedReaders, judge_batch
from trackway.ingest.fast_path.updates import judge_updates
from trackway.ingest.made_ids import LineIds, give_id
from trackway.ingest.outcome import PROFILE_TOKEN_MISSING, TOKEN_MISSING, Ignored, Ingested, Rejected
from trackway.ingest.payload import Outcome, ingested_of
from trackway.ingest.prefilter import suspicions
from trackway.ingest.raw_fields import EventRecord, Members
from trackway.ingest.rules.event import judge
from trackway.ingest.rules.profile import accept_update
from trackway.ingest.split import (
    Records,
    event_texts,
    require_records,
    split_json,
    split_lines,
    split_updates,
    update_texts,
)


def ingest_body(
    body: bytes, arrival: Arrival, learned: LearnedReaders, *, lines: bool, source: LineSource | None = None
) -> Ingested:
    """The outcomes of a body's events. Raises as `split.split_json`, and MalformedBody if there are none.

    `learned`: readers for small batches, which may learn from this one. `source`: of lines whose events get the
    `$insert_id` that they lack.
    """
    made = LineIds(body, source) if source else None
    texts = event_texts(body, lines=lines)
    judged = judge_batch(body, texts, arrival, learned, made) if texts else None
    if texts is None or judged is None:
        return ingest_events(require_records(split_lines(body) if lines else split_json(body)), arrival, made)
    original = made.original if made else lambda index: bytes(texts[index])
    return ingested_of(judged.outcomes, original, arrival, event_claims, judged.on_fast_path)


def ingest_events(source: Records[EventRecord], arrival: Arrival, made: LineIds | None = None) -> Ingested:
    """Apply the complete rules to every record, in order. The records are taken out of their list."""
    objects = sum(1 + (type(each.properties) is dict) for each in source.records if type(each) is EventRecord)
    suspected = suspicions(source.text, objects)
    records = source.records
    outcomes: list[Outcome] = []
    records.reverse()  # each is freed as soon as it is judged, so the next ones find its memory in the cache
    while records:
        record = records.pop()
        if made is not None and isinstance(record, EventRecord):
            give_id(record, made, len(outcomes))
        outcomes.append(record if isinstance(record, Rejected) else judge(record, arrival, suspected))
    return ingested_of(outcomes, made.original if made else source.original, arrival, event_claims)


def ingest_update_body(body: bytes, arrival: Arrival, *, lines: bool) -> Ingested:
    """The outcomes of a body's profile updates. Raises as `split_updates`, and MalformedBody if there are none."""
    texts = update_texts(body, lines=lines)
    outcomes = judge_updates(texts, arrival) if texts else None
    if texts is None or outcomes is None:
        return ingest_updates(require_records(split_updates(body, lines=lines)), arrival)
    return ingested_of(outcomes, lambda index: bytes(texts[index]), arrival, update_claims)


def ingest_updates(source: Records[Members], arrival: Arrival) -> Ingested:
    """Apply the complete rules to every profile update, in order."""
    outcomes = [each if isinstance(each, Rejected) else accept_update(each, arrival) for each in source.records]
    return ingested_of(outcomes, source.original, arrival, update_claims)


def ingest_undecodable(reason: Rejected, arrival: Arrival) -> Ingested:
    """A body that is no JSON, on an endpoint that answers 200: one rejected record without a project."""
    return _ingest_equal(reason, 1, arrival)


def ingest_unknown(records: int, arrival: Arrival) -> Ingested:
    """A number of records whose tokens name no project, without parsing them."""
    missing = PROFILE_TOKEN_MISSING if arrival.endpoint.takes_profiles else TOKEN_MISSING
    return _ingest_equal(unknown_token(arrival, missing.field), records, arrival)


def ingest_unread(reason: Rejected, arrival: Arrival) -> Ingested:
    """A request that is refused before its body is read, but shown to its project: one rejected record of no bytes."""
    assert arrival.project is not None
    return ingested_of([reason], lambda _index: b"", arrival, event_claims)


def _ingest_equal(outcome: Rejected | Ignored, records: int, arrival: Arrival) -> Ingested:
    """Records without a project that all have the same outcome."""
    return ingested_of([outcome] * records, lambda _index: b"", arrival, no_claims)
