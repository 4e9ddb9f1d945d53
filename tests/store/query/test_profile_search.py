"""Searching profiles, and what a person or group did; on a real store."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from tests.support.ingest.bodies import ALPHA, BETA
from tests.support.query.events import DAY, NOON_MS, Events, event
from tests.support.store.questions import ask
from tests.support.store.tables import emptied
from trackway.domain.limits import PEOPLE_PER_PAGE
from trackway.query.limits import PERSON_DAYS, PERSON_EVENTS_SHOWN_MAX
from trackway.query.profile_search import (
    Search,
    Shown,
    activity_of_group,
    activity_of_person,
    group_keys,
    profiles,
    search,
)
from trackway.store.client import Store

COLUMNS = ("project_id", "group_key", "profile_id", "position", "deleted", "updated", "properties")


@pytest.fixture
def store(store: Store) -> Iterator[Store]:
    yield store
    for table in ("events", "profiles"):
        emptied(store, table)


def keep(store: Store, *profiles: tuple[str, dict[str, Any]], group_key: str = "", project_id: int = 7) -> None:
    """Profiles as the loader stores them."""
    lines = [
        json.dumps([project_id, group_key, id, 1, 0, "2026-02-28 12:00:00.000000", json.dumps(properties)])
        for id, properties in profiles
    ]
    store.insert_rows("profiles", COLUMNS, "\n".join(lines).encode(), "JSONCompactEachRow")


def found(store: Store, **asked: str) -> list[str]:
    return [each.profile_id for each in ask(store, search, ALPHA.project_id, Search(**asked))]


def test_profiles_are_found_by_the_start_of_their_id(store: Store) -> None:
    keep(store, ("anna", {}), ("ann", {}), ("bob", {}), ("%", {}))
    keep(store, ("anna of another", {}), project_id=BETA.project_id)
    assert found(store) == ["%", "ann", "anna", "bob"]
    assert found(store, start="ann") == ["ann", "anna"]
    assert found(store, start="%") == ["%"]
    assert found(store, start="ann", after="ann") == ["anna"]


def test_profiles_are_found_by_a_property_of_any_type(store: Store) -> None:
    keep(store, ("a", {"plan": "pro", "age": 41, "it's": True}), ("b", {"plan": "free", "big": 10**30}), ("c", {}))
    assert found(store, name="plan", value="pro") == ["a"]
    assert found(store, name="plan", value='"pro"') == ["a"]
    assert found(store, name="age", value="41") == ["a"]
    assert found(store, name="it's", value="true") == ["a"]
    assert found(store, name="plan", value="x' OR '1'='1") == []


def test_search_gives_one_more_than_a_page(store: Store) -> None:
    keep(store, *((f"user {number:03}", {"$name": "N", "$last_seen": "2026"}) for number in range(PEOPLE_PER_PAGE + 9)))
    first = ask(store, search, ALPHA.project_id, Search())
    assert len(first) == PEOPLE_PER_PAGE + 1
    assert (first[0].name, first[0].last_seen, first[0].email) == ("N", "2026", "")
    assert len(found(store, after=first[PEOPLE_PER_PAGE - 1].profile_id)) == 9


def test_groups_are_apart_by_their_kind(store: Store) -> None:
    keep(store, ("Acme", {"plan": "pro"}), ("Beta", {}), group_key="company")
    keep(store, ("Acme", {}), group_key="team")
    keep(store, ("Acme", {}))
    assert ask(store, group_keys, ALPHA.project_id) == [("company", 2), ("team", 1)]
    assert found(store, group_key="company") == ["Acme", "Beta"]
    assert found(store, group_key="company", name="plan", value="pro") == ["Acme"]


def test_profiles_of_ids_come_in_the_order_of_the_ids(store: Store) -> None:
    keep(store, ("b", {"n": 10**30}), ("a", {"n": 'a "text"'}))
    shown = ask(store, profiles, ALPHA.project_id, "", ["b", "x", "a"])
    assert [(each.profile_id, each.members) for each in shown] == [
        ("b", {"n": Shown("1" + "0" * 30, False)}),
        ("a", {"n": Shown('a "text"', True)}),
    ]


def test_profile_that_is_too_long_to_be_shown_is_cut(store: Store) -> None:
    keep(store, ("a", {str(number): "x" * 200 for number in range(1000)}))
    (shown,) = ask(store, profiles, ALPHA.project_id, "", ["a"])
    assert shown.members is None and len(shown.properties) < shown.size_bytes


def test_activity_of_a_person_is_that_of_all_its_ids(store: Store) -> None:
    events = Events(store)
    events.insert(
        event("1", NOON_MS, "Sign up", distinct_id="u"),
        event("2", NOON_MS - 86_400_000, "View", **{"$device_id": "d"}),
        event("3", NOON_MS - 1000, "View", **{"$device_id": "d", "$user_id": "u"}),
        event("4", NOON_MS, "View", **{"$device_id": "d", "$user_id": "another"}),
        event("5", NOON_MS - 86_400_000 * PERSON_DAYS, "View", distinct_id="u"),
        event("6", NOON_MS, "View", distinct_id="v"),
    )
    activity = ask(store, activity_of_person, ALPHA.project_id, ["u", "$device:d"], DAY)
    assert [each.insert_id for each in activity.latest] == ["1", "3", "2"]
    assert list(activity.counts) == ["View", "Sign up"]
    assert (len(activity.days), activity.days[-1]) == (PERSON_DAYS, DAY)
    assert (activity.counts["View"][-2:], activity.counts["Sign up"][-2:]) == ([1, 1], [0, 1])
    assert ask(store, activity_of_person, BETA.project_id, ["u"], DAY).latest == []


def test_activity_of_a_group_is_that_of_events_that_name_it(store: Store) -> None:
    events = Events(store)
    events.insert(
        event("1", NOON_MS, distinct_id="u", company="Acme"),
        event("2", NOON_MS - 1, distinct_id="u", company=["Beta", "Acme"]),
        event("3", NOON_MS, distinct_id="u", company="Acme Inc"),
        event("4", NOON_MS, distinct_id="u", team="Acme"),
        event("5", NOON_MS - 2, distinct_id="u", company="Acme", big=10**30),
        event("6", NOON_MS - 3, distinct_id="u", company="Beta", other="Acme"),
    )
    shown = ask(store, activity_of_group, ALPHA.project_id, "company", "Acme", date(2026, 3, 1))
    assert [each.insert_id for each in shown.latest] == ["1", "2", "5"]


def test_group_is_found_however_its_name_is_escaped(store: Store) -> None:
    events = Events(store)
    name = 'Söhne & "Co" \\ 😀'
    escaped = json.dumps(event("1", NOON_MS, distinct_id="u", company=name)).encode()
    plain = json.dumps(event("2", NOON_MS - 1, distinct_id="u", company=name), ensure_ascii=False).encode()
    events.insert_text(escaped, plain)
    shown = ask(store, activity_of_group, ALPHA.project_id, "company", name, DAY)
    assert [each.insert_id for each in shown.latest] == ["1", "2"]


def test_no_more_events_are_listed_than_a_page_has(store: Store) -> None:
    every = [event(f"n-{number}", NOON_MS - number * 3_600_000, distinct_id="u") for number in range(200)]
    Events(store).insert(*every)
    shown = ask(store, activity_of_person, ALPHA.project_id, ["u"], DAY)
    assert [each.insert_id for each in shown.latest] == [f"n-{number}" for number in range(PERSON_EVENTS_SHOWN_MAX)]
    assert sum(shown.counts["a"]) == 200


def test_profiles_are_found_by_a_value_of_any_property(store: Store) -> None:
    keep(
        store,
        ("a", {"$name": "Chloe Kim", "age": 41}),
        ("b", {"says": 'the "x"\\é', "big": 10**30, "name": "Chloe"}),
        ("c", {"list": ["Chloe"], "Chloe": 1}),
    )
    assert found(store, value="Chloe Kim") == ["a"]
    assert found(store, value="Chloe") == ["b"]
    assert found(store, value="41") == ["a"]
    assert found(store, value='the "x"\\é') == ["b"]
    assert found(store, value='["Chloe"]') == ["c"]
    assert found(store, value="nobody") == []
    assert found(store, start="b", value="Chloe Kim") == []


def test_profiles_are_found_by_having_a_property(store: Store) -> None:
    keep(store, ("a", {"plan": ""}), ("b", {"other": 1}), ("c", {"plan": None}))
    assert found(store, name="plan") == ["a", "c"]
