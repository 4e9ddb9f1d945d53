"""Whose event is it: the canonical id in exports, in `where`, in counts and in the profile query; on a real store."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.ingest.bodies import ALPHA, BETA
from tests.support.query.events import DAY, NOON_MS, Events, event
from tests.support.query.links import change, claim, claim_of_id, link
from tests.support.query.profiles import insert_profiles
from tests.support.store.questions import pieces, readers_of
from tests.support.store.tables import emptied
from trackway.domain.link import LinkKind
from trackway.query.expressions import parse
from trackway.query.profile_query import ProfileQuery, profiles_sql
from trackway.query.reports.users import count_by_user
from trackway.store.client import Store

ASKED: dict[str, Any] = {"$identified_id": "u", "$anon_id": "x"}
_NUMBERS = count()


@pytest.fixture
def events(store: Store) -> Iterator[Events]:
    yield Events(store)
    for table in ("events", "profiles", "identity_links", "identity_refusals"):
        emptied(store, table)


def refuse(store: Store, insert_id: str, reason: str, project_id: int = ALPHA.project_id) -> None:
    row = {"project_id": project_id, "insert_id": insert_id, "sequence": 1, "kind": 2, "id": "a", "other": "b"}
    line = json.dumps(row | {"reason": reason, "made": "2026-02-28 12:00:00.000000"}).encode()
    columns = ("project_id", "insert_id", "sequence", "kind", "id", "other", "reason", "made")
    store.insert_rows("identity_refusals", columns, line, "JSONEachRow")


def seen(events: Events, device: str, user: str = "", number: Iterator[int] = _NUMBERS) -> None:
    """An event of a device, of a user of it if one is named."""
    ids = {"$device_id": device} | ({"$user_id": user} if user else {})
    order = next(number)
    events.insert(event(f"id-{order:06}", NOON_MS + order * 1000, **ids))


def people(events: Events, **changes: Any) -> list[str]:
    """Whose each exported event is, by time."""
    return [line["properties"]["distinct_id"] for line in events.export(**changes)]


# Mixpanel's guide (protocol §12): (story, device and user of each event, claims, whose the events are)
STORIES: list[tuple[str, list[tuple[str, str]], list[str]]] = [
    ("sign-up", [("D1", ""), ("D1", ""), ("D1", "U1")], ["U1"] * 3),
    ("second device, before", [("D2", ""), ("D2", "")], ["$device:D2"] * 2),
    ("second device, after", [("D1", "U1"), ("D2", ""), ("D2", ""), ("D2", "U1")], ["U1"] * 4),
    ("two users, id reset", [("D1", ""), ("D1", "U1"), ("D2", ""), ("D2", "U2")], ["U1", "U1", "U2", "U2"]),
    (
        "two users, id not reset",
        [("D1", ""), ("D1", "U1"), ("D1", ""), ("D1", "U2"), ("D1", "")],
        ["U1", "U1", "U1", "U2", "U1"],
    ),
]


@pytest.mark.parametrize(("story", "sent", "whose"), STORIES, ids=[story for story, _, _ in STORIES])
def test_events_are_whose_the_guide_says(
    events: Events, story: str, sent: Sequence[tuple[str, str]], whose: Sequence[str]
) -> None:
    for number, (device, user) in enumerate(sent):
        seen(events, device, user)
        if user:
            link(events.store, claim(number, device, user))
    assert people(events) == list(whose)


def test_a_line_shows_the_id_before_and_why_a_device_stays_with_its_user(events: Events) -> None:
    seen(events, "D1")
    seen(events, "D1", "U2")
    link(events.store, claim(7, "D1", "U2"), claim(5, "D1", "U1"), claim(9, "D1", "U1"))
    first, second = (line["properties"] for line in events.export())
    assert (first["distinct_id"], first["$distinct_id_before_identity"]) == ("U1", "$device:D1")
    assert "$identity_failure_reason" not in first
    assert second["distinct_id"] == "U2"
    assert second["$identity_failure_reason"] == "device is linked to another user"
    assert "$distinct_id_before_identity" not in second


def test_a_claim_that_is_stored_again_is_no_conflict(events: Events) -> None:
    seen(events, "D1", "U1")
    link(events.store, *[claim(number, "D1", "U1") for number in (9, 5, 7)])
    assert "$identity_failure_reason" not in events.export()[0]["properties"]


def test_an_unlinked_device_stands_alone_for_good(events: Events) -> None:
    seen(events, "D1")
    seen(events, "D1", "U1")
    link(events.store, claim(1, "D1", "U1"), change(2, "$device:D1", "", LinkKind.UNLINK), claim(3, "D1", "U2"))
    assert people(events) == ["$device:D1", "U1"]
    assert all("$identity_failure_reason" not in line["properties"] for line in events.export())


def test_the_latest_change_counts(events: Events) -> None:
    events.insert(event("id-1", distinct_id="a"))
    link(events.store, change(5, "a", "c"), change(3, "a", "b"))
    assert people(events) == ["c"]


def test_a_refused_request_shows_why(events: Events) -> None:
    events.insert(event("id-1", distinct_id="u", name="$identify", **ASKED))
    events.insert(event("id-2", NOON_MS + 1000, distinct_id="u"))
    refuse(events.store, "id-1", 'anon_id must be a "UUID"')
    refuse(events.store, "id-2", "an event of another name")
    asked, other = (line["properties"] for line in events.export())
    assert asked["$failure_reason"] == 'anon_id must be a "UUID"'
    assert "$failure_reason" not in other


def test_no_links_of_another_project_are_seen(events: Events) -> None:
    seen(events, "D1")
    events.insert(event("id-1", distinct_id="u", name="$identify", **ASKED))
    link(events.store, claim(1, "D1", "U1", BETA.project_id), change(2, "u", "v", project_id=BETA.project_id))
    refuse(events.store, "id-1", "refused elsewhere", BETA.project_id)
    link(events.store, claim(3, "other", "U1"))
    refuse(events.store, "id-0", "refused here")
    assert set(people(events)) == {"$device:D1", "u"}
    assert all("$failure_reason" not in line["properties"] for line in events.export())


WHERE = [
    ('properties["distinct_id"] == "U1"', [0, 1]),
    ('properties["distinct_id"] == "$device:D1"', []),
    ('defined(properties["$distinct_id_before_identity"])', [0]),
    ('properties["$distinct_id_before_identity"] == "$device:D1"', [0]),
    ('defined(properties["$identity_failure_reason"])', [2]),
    ('not defined(properties["$identity_failure_reason"])', [0, 1, 3]),
    ('defined(properties["$failure_reason"])', [3]),
    ('properties["$failure_reason"] == "no"', [3]),
    ('user["plan"] == "pro"', [0, 1]),
    ('user["plan"] == "free"', []),
    ('user["plan"] == "pro" and defined(properties["$distinct_id_before_identity"])', [0]),
    ('not defined(user["plan"]) and defined(properties["$failure_reason"])', [3]),
    ('defined(user["plan"]) or defined(properties["$failure_reason"])', [0, 1, 3]),
]


@pytest.mark.parametrize(("where", "chosen"), WHERE)
def test_where_sees_the_person(events: Events, where: str, chosen: list[int]) -> None:
    events.insert(event("id-0", NOON_MS, **{"$device_id": "D1"}))
    events.insert(event("id-1", NOON_MS + 1000, **{"$device_id": "D1", "$user_id": "U1"}))
    events.insert(event("id-2", NOON_MS + 2000, **{"$device_id": "D1", "$user_id": "U2"}))
    events.insert(event("id-3", NOON_MS + 3000, "$identify", distinct_id="u", **ASKED))
    insert_profiles(
        events.store,
        (ALPHA.project_id, "", "U1", {"plan": "pro"}),
        (ALPHA.project_id, "", "$device:D1", {"plan": "free"}),
    )
    link(events.store, claim(1, "D1", "U1"), claim(2, "D1", "U2"))
    refuse(events.store, "id-3", "no")
    assert events.exported_ids(where=parse(where)) == [f"id-{number}" for number in chosen]


def found(store: Store, *ids: str, group_key: str = "") -> list[str]:
    sql, parameters = profiles_sql(ProfileQuery(ALPHA.project_id, group_key, ids))
    return [json.loads(line)["$distinct_id"] for (line,) in store.query(sql, parameters)]


def test_a_profile_is_found_by_every_id_of_its_person(events: Events) -> None:
    keys = [("", "U1"), ("", "$device:D1"), ("", "U2"), ("company", "U1")]
    insert_profiles(events.store, *[(ALPHA.project_id, group, id_, {}) for group, id_ in keys])
    link(
        events.store,
        claim(1, "D1", "U1"),
        claim(2, "D2", "U1"),
        change(3, "$device:D3", "", LinkKind.UNLINK),
        claim(4, "D4", "U2", BETA.project_id),
    )
    assert found(events.store, "$device:D2") == ["U1"]
    assert found(events.store, "$device:D1") == ["$device:D1", "U1"], (
        "an earlier profile is found by its own id as well"
    )
    assert found(events.store, "U1") == ["U1"]
    assert found(events.store, "$device:D3", "$device:D4") == []
    assert found(events.store, "$device:D1", group_key="company") == []


def counted(events: Events, day: date = DAY) -> dict[str, int]:
    content = b"".join(pieces(count_by_user(readers_of(events.store).api, ALPHA.project_id, day, day)))
    return dict(json.loads(line) for line in content.splitlines())


def test_events_are_counted_by_person(events: Events) -> None:
    for device, user in [("D1", ""), ("D1", ""), ("D1", "U1"), ("D2", "U2"), ("D3", "")]:
        seen(events, device, user)
    assert counted(events) == {"$device:D1": 2, "U1": 1, "U2": 1, "$device:D3": 1}
    link(events.store, claim(1, "D1", "U1"), claim(2, "D2", "U2"), claim(3, "D3", "U9", BETA.project_id))
    assert counted(events) == {"U1": 3, "U2": 1, "$device:D3": 1}
    assert counted(events, DAY - timedelta(days=1)) == {}


def test_an_id_that_is_a_user_here_and_linked_there_counts_for_both(events: Events) -> None:
    events.insert(event("id-1", distinct_id="X"), event("id-2", NOON_MS + 1, **{"$user_id": "X"}))
    link(events.store, claim_of_id(1, "X", "U1"))
    assert counted(events) == {"U1": 1, "X": 1}


IDS = ("a", 'quo"te', "back\\slash", "é😀", "$device:D1")
CHANGES = st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(("", *IDS, 'U"1\\'))), max_size=6)


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES)
def test_any_links_show_the_same_persons_in_lines_and_counts(events: Events, changes: list[tuple[str, str]]) -> None:
    emptied(events.store, "identity_links")
    emptied(events.store, "events")
    events.insert(*[event(f"id-{number}", NOON_MS + number, distinct_id=id_) for number, id_ in enumerate(IDS)])
    link(events.store, *[change(number, id_, to) for number, (id_, to) in enumerate(changes, 1)])
    last = dict(changes)
    persons = {id_: last.get(id_) or id_ for id_ in IDS}
    lines = [line["properties"] for line in events.export()]
    shown = {line.get("$distinct_id_before_identity", line["distinct_id"]): line["distinct_id"] for line in lines}
    assert shown == persons
    before = [line["$distinct_id_before_identity"] for line in lines if "$distinct_id_before_identity" in line]
    assert sorted(before) == sorted(id_ for id_, person in persons.items() if id_ != person)
    assert counted(events) == Counter(persons.values())


CLAIMS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), max_size=6)


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CLAIMS, st.randoms(use_true_random=False))
def test_people_do_not_depend_on_the_order_of_loading(
    events: Events, claims: list[tuple[str, str]], random: Any
) -> None:
    emptied(events.store, "identity_links")
    emptied(events.store, "events")
    first: dict[str, str] = {}
    rows = []
    for number, (device, user) in enumerate(claims):
        first.setdefault(device, user)
        rows.append(claim(number, device, user))
    random.shuffle(rows)
    link(events.store, *rows, *rows[:2])
    for device in "ab":
        events.insert(event(f"id-{device}", distinct_id=f"$device:{device}"))
    by_device = {line["properties"]["$insert_id"][-1]: line["properties"]["distinct_id"] for line in events.export()}
    assert by_device == {device: first.get(device, f"$device:{device}") for device in "ab"}
