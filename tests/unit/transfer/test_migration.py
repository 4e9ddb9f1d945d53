"""Lines of Mixpanel's export as events to import."""

import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from trackway.transfer.migration import mixpanel_event
from trackway.transfer.shapes import Refused


def line(**properties: Any) -> dict[str, Any]:
    return {"event": "e", "properties": {"time": 1_700_000_000_123, "distinct_id": "u", **properties}}


def shaped(record: dict[str, Any], zone: str | None = None) -> dict[str, Any]:
    found = mixpanel_event(ZoneInfo(zone) if zone else None)(record)
    assert not isinstance(found, Refused)
    properties: dict[str, Any] = found["properties"]
    return properties


def test_an_event_with_a_good_id_stays_as_it_is() -> None:
    assert shaped(line(**{"$insert_id": "a-1"})) == line(**{"$insert_id": "a-1"})["properties"]


@pytest.mark.parametrize("given", [None, "", "with space", "x" * 37, "é", 7])
def test_a_bad_id_becomes_a_hash_which_is_the_same_in_each_run(given: Any) -> None:
    first, second = (shaped(line(**{"$insert_id": given}))["$insert_id"] for _ in range(2))
    assert first == second and re.fullmatch("[0-9a-f]{32}", first)


def test_equal_lines_without_an_id_stay_two() -> None:
    shape = mixpanel_event(None)
    found = [shape(line()) for _ in range(2)]
    ids = [each["properties"]["$insert_id"] for each in found if not isinstance(each, Refused)]
    again = mixpanel_event(None)(line())
    assert len(set(ids)) == 2 and not isinstance(again, Refused) and again["properties"]["$insert_id"] == ids[0]


@pytest.mark.parametrize(
    ("zone", "wanted"),
    [("America/New_York", 1_700_018_000_123), ("Asia/Tokyo", 1_699_967_600_123), (None, 1_700_000_000_123)],
)
def test_times_of_a_zone_become_utc(zone: str | None, wanted: int) -> None:
    assert shaped(line(), zone)["time"] == wanted


def test_a_line_without_properties_is_refused() -> None:
    assert isinstance(mixpanel_event(None)({"event": "e"}), Refused)
