"""The demo shop: the same seed is the same shop, and it has the answers that it promises."""

from collections import Counter
from datetime import UTC, date, datetime

import pytest

from trackway.commands.demo_shop import Shop, demo_shop
from trackway.commands.limits import DEMO_DAYS_MAX, DEMO_PEOPLE_MAX
from trackway.domain.limits import RECORDS_PER_REQUEST_MAX

DAY = date(2026, 6, 1)
IMPORTS_PER_HOUR = 60
"""Requests that `/import` accepts by default."""


@pytest.fixture(scope="module")
def shop() -> Shop:
    return demo_shop(1, 1000, DAY, 90)


def test_the_same_seed_is_the_same_shop(shop: Shop) -> None:
    assert demo_shop(1, 1000, DAY, 90) == shop
    assert demo_shop(2, 1000, DAY, 90).events != shop.events


def test_events_are_in_the_order_of_time_within_the_days_each_with_an_id_of_its_own(shop: Shop) -> None:
    times = [event.time_ms for event in shop.events]
    begin_ms = datetime(2026, 6, 1, tzinfo=UTC).timestamp() * 1000
    assert times == sorted(times)
    assert begin_ms <= times[0] and times[-1] < begin_ms + 91 * 86_400_000
    assert len({event.properties["$insert_id"] for event in shop.events}) == len(shop.events)


def test_people_link_devices_buy_and_come_back(shop: Shop) -> None:
    devices: dict[str, set[str]] = {}
    orders: Counter[str] = Counter()
    for event in shop.events:
        user = event.properties.get("$user_id")
        if user:
            devices.setdefault(user, set()).add(event.properties["$device_id"])
            orders[user] += event.name == "Order placed"
    assert set(devices) == set(shop.profiles)
    assert sum(len(own) == 2 for own in devices.values()) > 20
    assert sum(number > 1 for number in orders.values()) > 20


def test_the_newsletter_brings_people_who_buy_twice(shop: Shop) -> None:
    orders = Counter(event.properties["$user_id"] for event in shop.events if event.name == "Order placed")
    people = Counter(own["campaign"] for own in shop.profiles.values())
    twice = Counter(shop.profiles[user]["campaign"] for user, number in orders.items() if number > 1)
    assert max(people, key=lambda name: twice[name] / people[name]) == "newsletter"


def test_people_on_phones_give_up_before_the_order(shop: Shop) -> None:
    def share(device: str) -> float:
        names = Counter(event.name for event in shop.events if event.properties["device"] == device)
        return names["Order placed"] / names["Checkout started"]

    assert share("phone") < 0.5 < share("desktop")


def test_the_largest_shop_fits_into_the_imports_of_an_hour() -> None:
    shop = demo_shop(1, DEMO_PEOPLE_MAX, DAY, DEMO_DAYS_MAX)
    assert len(shop.events) < IMPORTS_PER_HOUR * RECORDS_PER_REQUEST_MAX
