"""Mixpanel's hosts, and the pace of requests to them."""

import threading
import time

import pytest

from trackway.transfer.connection import Stopped
from trackway.transfer.mixpanel_source import Pace, day_counts, hosts_of


@pytest.mark.parametrize(
    ("region", "data", "query"),
    [
        ("us", "https://data.mixpanel.com", "https://mixpanel.com"),
        ("eu", "https://data-eu.mixpanel.com", "https://eu.mixpanel.com"),
        ("in", "https://data-in.mixpanel.com", "https://in.mixpanel.com"),
    ],
)
def test_each_region_has_its_hosts(region: str, data: str, query: str) -> None:
    assert hosts_of(region)[:2] == (data, query)


def test_no_hour_has_more_requests_than_the_limit_also_over_several_runs() -> None:
    now_s = time.time()
    asked = [now_s - 4000, now_s - 3601, now_s - 3599.5, now_s - 10]
    stop = threading.Event()
    saved: list[int] = []
    pace = Pace(3, asked, stop, lambda: saved.append(len(asked)))
    pace.wait()
    assert saved == [3] and len(asked) == 3  # older ones are forgotten
    began_s = time.monotonic()
    pace.wait()  # the oldest leaves the hour within a second
    assert 0.2 < time.monotonic() - began_s < 5 and len(asked) == 3
    stop.set()
    with pytest.raises(Stopped):
        pace.wait()


def test_without_a_limit_nothing_waits_or_is_noted() -> None:
    asked: list[float] = []
    Pace(0, asked, threading.Event(), lambda: asked.append(1.0)).wait()
    assert asked == []


def test_numbers_of_all_names_are_added_by_day() -> None:
    names = [f"e{number}" for number in range(250)]
    requests: list[str] = []

    def ask(path: str, parameters: dict[str, str]) -> object:
        requests.append(path)
        if path.endswith("names"):
            return names
        some = parameters["event"].count(",") + 1
        return {"data": {"values": {str(n): {"2024-01-01": 1, "2024-01-02 00:00:00": 2} for n in range(some)}}}

    assert day_counts(ask, "2024-01-01", "2024-01-02") == {"2024-01-01": 250, "2024-01-02": 500}
    assert requests == ["/api/query/events/names", *["/api/query/events"] * 3]
