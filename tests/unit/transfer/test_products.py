"""Records of other products' exports as events."""

from typing import Any

import pytest

from trackway.transfer.products import PRODUCTS
from trackway.transfer.shapes import Refused


@pytest.mark.parametrize(
    ("product", "record", "field"),
    [
        ("posthog", {"event": "a", "distinct_id": "u"}, "timestamp"),
        ("posthog", {"event": "a", "distinct_id": "u", "timestamp": "t", "properties": "broken"}, "properties"),
        ("amplitude", {"event_type": "a", "event_time": "t"}, "user_id"),
        ("amplitude", {"event_time": "t", "user_id": "u"}, "event_type"),
        ("plausible", {"date": "2024-01-01"}, "date"),
        ("plausible", {"timestamp": "t", "pathname": "/", "name": "pageview"}, "user_id"),
    ],
)
def test_a_record_of_something_else_is_refused_by_field(product: str, record: dict[str, Any], field: str) -> None:
    found = PRODUCTS[product](record)
    assert isinstance(found, Refused) and found.field == field


@pytest.mark.parametrize(
    ("column", "name"),
    [("page", "pages"), ("source", "sources"), ("country", "locations"), ("name", "custom events"), ("x", "visitors")],
)
def test_a_table_by_day_is_known_by_its_columns(column: str, name: str) -> None:
    found = PRODUCTS["plausible"]({"date": "2024-01-01", "visitors": "7", column: "v"})
    assert found == {
        "event": f"Plausible {name}",
        "properties": {"visitors": 7, column: "v", "time": 1_704_067_200_000, "distinct_id": ""},
    }


def test_an_identify_of_posthog_without_two_ids_links_nothing() -> None:
    found = PRODUCTS["posthog"]({"event": "$identify", "distinct_id": "u", "timestamp": "2024-01-01", "properties": {}})
    assert not isinstance(found, Refused) and found["event"] == "identify"
