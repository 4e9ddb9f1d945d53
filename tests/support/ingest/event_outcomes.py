"""Events through the rules in every form of a body: accepted as expected, or rejected with a reason."""

from typing import Any

from tests.support.ingest.bodies import (
    TRACK,
    outcomes,
)
from tests.support.ingest.stored_events import StoredEvent
from trackway.domain.entry import NO_KEY
from trackway.ingest.arrival import Arrival


def rejected(value: Any, to: Arrival = TRACK) -> tuple[str, str]:
    """The (field, message) of a record's rejection, the same in every form."""
    first, *others = outcomes(value, to)
    assert isinstance(first, tuple), first
    assert others == [first] * len(others)
    return first


def accepted(value: Any, to: Arrival = TRACK) -> StoredEvent:
    """The stored event of a record, the same in every form but for an insert_id made up."""
    first, *others = outcomes(value, to)
    assert isinstance(first, StoredEvent), first
    for other in others:
        assert isinstance(other, StoredEvent), other
        assert (other.key == NO_KEY) == (first.key == NO_KEY)
        assert other.insert_id == first.insert_id or first.key == NO_KEY
        for field in ("project_id", "time_ms", "event", "distinct_id", "device_id", "user_id", "properties"):
            assert getattr(other, field) == getattr(first, field), field
        assert sorted(other.text) == sorted(first.text)  # the same text, but for the order of the properties
    return first
