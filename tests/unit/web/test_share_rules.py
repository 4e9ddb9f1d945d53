"""What a link may show, and for how long."""

import json
from typing import Any

import pytest

from trackway.domain.errors import RequestError
from trackway.projects.saved import Made, ShareLink
from trackway.query.sql.days import Days
from trackway.web.share_rules import EXPIRIES, check_shareable, check_values, expiry_ms, is_expired

NOW_MS = 1_780_000_000_000  # 2026-05-28 20:26:40 UTC
BERLIN = Days.of("Europe/Berlin", "monday")
DAY_MS = 86_400_000


def params(*groups: dict[str, Any]) -> str:
    show = [{"behavior": {"type": "event", "name": "a"}, "measurement": {"math": "total"}}]
    time = [{"dateRangeType": "in the last", "unit": "day", "window": {"unit": "day", "value": 7}}]
    sections = {"show": show, "time": time, "group": list(groups)}
    return json.dumps({"sections": sections, "displayOptions": {"chartType": "line"}})


@pytest.mark.parametrize("type", ["insights", "funnels", "retention"])
@pytest.mark.parametrize(
    "name",
    [
        "plan",
        "country",
        "name",
        "sku → name",
        "$os",
        "utm_campaign",
        "zip",
        "membership",
        "headphone",
        "page address",
        "last login",
        "email campaign",
        "user_id_type",
    ],
)
def test_a_breakdown_by_what_many_share_is_shown(name: str, type: str) -> None:
    check_shareable(type, params({"value": name, "resourceType": "events"}))
    check_shareable(type, params())


def test_flows_have_no_breakdown_and_are_shown() -> None:
    check_shareable("flows", json.dumps({"steps": [{"event": "a"}]}))


@pytest.mark.parametrize(
    ("name", "resource"),
    [
        ("distinct_id", "events"),
        ("$user_id", "events"),
        ("userId", "events"),
        ("User ID", "events"),
        ("$email", "people"),
        ("e-mail", "events"),
        ("$name", "people"),
        ("$phone", "user"),
        ("sku → email", "events"),
        ("customer_phone", "events"),
        ("workEmail", "user"),
        ("Client IP", "events"),
        ("contact.email", "events"),
        ("owner → account user id", "events"),
        ("$identified_id", "events"),
    ],
)
def test_a_breakdown_by_people_is_not_shown(name: str, resource: str) -> None:
    for type in ("insights", "funnels", "retention"):
        with pytest.raises(RequestError, match="a link shows no people"):
            check_shareable(type, params({"value": "plan"}, {"propertyName": name, "resourceType": resource}))


def test_other_types_and_what_cannot_be_read_are_not_shown() -> None:
    with pytest.raises(RequestError, match="a link does not show reports of type user"):
        check_shareable("user", params())
    with pytest.raises(RequestError, match="Field required"):
        check_shareable("insights", "{}")


def test_values_that_look_like_addresses_are_not_shown() -> None:
    check_values(["pro", "a @ b", "@handle", "1.5"])
    with pytest.raises(RequestError, match="look like e-mail addresses"):
        check_values(["pro", "buy · ann@example.com"])


@pytest.mark.parametrize("days", [each for each in EXPIRIES if each != "date"])
def test_a_link_ends_after_some_days(days: str) -> None:
    assert expiry_ms(days, "", BERLIN, NOW_MS) == NOW_MS + int(days) * DAY_MS


def test_a_link_ends_at_the_end_of_a_day_of_the_project() -> None:
    assert expiry_ms("date", "2026-05-28", BERLIN, NOW_MS) == 1_780_005_600_000  # 22:00 UTC is midnight in Berlin


@pytest.mark.parametrize(
    ("chosen", "day"),
    [("8", ""), ("", ""), ("date", ""), ("date", "soon"), ("date", "2026-05-27"), ("date", "2027-06-30")],
)
def test_no_link_ends_in_the_past_or_never(chosen: str, day: str) -> None:
    with pytest.raises(RequestError):
        expiry_ms(chosen, day, BERLIN, NOW_MS)


def test_a_link_is_expired_from_its_last_millisecond_on() -> None:
    link = ShareLink(1, 1, "report 7", "", NOW_MS, Made(NOW_MS - DAY_MS, NOW_MS - DAY_MS, 1, "ann"))
    assert [is_expired(link, now_ms) for now_ms in (NOW_MS - 1, NOW_MS)] == [False, True]
