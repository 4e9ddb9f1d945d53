"""Events that arrive one a request, ingested together.

Together an event costs half of its cost alone, here and in the loader. An event that is not accepted as it stands is
left to a request of its own, which gives its reply.
"""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import UNSET

from trackway.ingest.arrival import Arrival
from trackway.ingest.fast_path.events import LearnedReaders, judge_alike, judge_other, kind_of_small
from trackway.ingest.payload import events_payload
from trackway.ingest.raw_fields import UNREADABLE, decode_event, look
from trackway.ingest.rules.event import AcceptedEvent


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
    accepted: list[AcceptedEvent] = []
    left_out: list[list[int]] = []
    on_fast_path = 0
    for arrival, texts in groups:
        kinds = list(map(kind_of_small, texts))
        index, out = 0, []
        read = learned.reader(texts[0])  # no search for each token while all fit the first
        while index < len(texts):
            alike = judge_alike(texts, index, read or learned.read, arrival, kinds)
            accepted += alike
            on_fast_path += len(alike)
            index += len(alike)
            if index == len(texts):
                break
            if read is not None:  # from here on, each by its own project's
                read = None
                continue
            outcome = judge_other(texts[index], arrival, learned, texts[index])
            if isinstance(outcome, AcceptedEvent):
                accepted.append(outcome)
            else:
                out.append(index)
            index += 1
        left_out.append(out)
    return IngestedSingles(events_payload(accepted, groups[0].arrival) if accepted else b"", left_out, on_fast_path)


def token_of(text: bytes) -> object:
    """The JSON value of the token in an event's text; None where it cannot be read."""
    try:
        members = decode_event(text).properties
        return None if members is UNSET else look(members, "token")
    except UNREADABLE:
        return None
