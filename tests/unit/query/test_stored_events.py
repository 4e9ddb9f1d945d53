"""When fewer or more events than the loads counted are a fault."""

import pytest

from trackway.query.stored_events import StoredEvents


@pytest.mark.parametrize(
    ("counted", "removed", "fault"),
    [
        (StoredEvents(10, 10, 0), 0, ""),
        (StoredEvents(10, 7, 0), 3, ""),
        (StoredEvents(0, 0, 0), 0, ""),
        (StoredEvents(10, 8, 0), 0, "2 events are missing"),
        (StoredEvents(10, 8, 0), 1, "1 events are missing"),
        (StoredEvents(10, 8, 2), 0, ""),
        (StoredEvents(10, 7, 2), 0, "3 events are missing, 2 of them at most because they came twice"),
        (StoredEvents(10, 11, 0), 0, "1 events are there that no load has counted"),
        (StoredEvents(10, 10, 5), 2, "2 events are there that no load has counted"),
    ],
)
def test_fault(counted: StoredEvents, removed: int, fault: str) -> None:
    assert counted.fault(removed) == fault
