"""The members of a cohort: each kind of condition, and any of them against a model in plain Python."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.ingest.bodies import ALPHA, BETA
from tests.support.query.events import NOON_MS, Events, event
from tests.support.query.links import change, link
from tests.support.query.profiles import insert_profiles
from tests.support.store.tables import emptied
from trackway.query.expressions import ExpressionError, Row, evaluate, from_json, parse
from trackway.query.sql.cohort import Condition, Did, Found, Has, Junction, Not, members
from trackway.query.sql.person import Known
from trackway.store.client import Store

LINKED = Known(links=True, plain=True)
DAY_MS = 86_400_000
BEGIN_MS = NOON_MS - 20 * DAY_MS
ALL_TIME = (0, NOON_MS + 1)


@pytest.fixture
def events(store: Store) -> Iterator[Events]:
    yield Events(store)
    clear(store)


def clear(store: Store) -> None:
    for table in ("events", "profiles", "identity_links"):
        emptied(store, table)


def found(store: Store, cohort: Condition, known: Known = LINKED) -> list[str]:
    """The members, each as often as the statement gives it; by their numbers they are the same."""
    sql, parameters, end = members(ALPHA.project_id, cohort, known)
    bound = {"project": ALPHA.project_id, **parameters}
    rows = store.query(f"SELECT person, cityHash64(person) FROM ({sql}) ORDER BY person{end}", bound)
    sql, parameters, end = members(ALPHA.project_id, cohort, known, "who")
    numbers = store.query(f"SELECT who FROM ({sql}) ORDER BY who{end}", {"project": ALPHA.project_id, **parameters})
    assert [who for (who,) in numbers] == sorted(who for _, who in rows)
    return [str(person) for person, _ in rows]


def did(
    name: str,
    sign: Literal["==", "!=", ">=", "<=", ">", "<"],
    times: int,
    where: str = "",
    of: tuple[int, int] = ALL_TIME,
) -> Did:
    return Did(name, *of, parse(where) if where else None, sign, times)


def has(text: str) -> Has:
    return Has(parse(text))


def profiles(store: Store, **of: dict[str, Any]) -> None:
    insert_profiles(store, *((ALPHA.project_id, "", id_, properties) for id_, properties in of.items()))


def test_profiles_are_chosen_by_an_expression(store: Store, events: Events) -> None:
    profiles(store, a={"plan": "pro", "n": 1}, b={"plan": "free"}, c={"plan": "pro"})
    insert_profiles(
        store, (BETA.project_id, "", "d", {"plan": "pro"}), (ALPHA.project_id, "company", "e", {"plan": "pro"})
    )
    events.insert(event("1", distinct_id="f"))
    assert found(store, has('properties["plan"] == "pro"')) == ["a", "c"]
    assert found(store, has('user["n"] == 1 and properties["$distinct_id"] != "c"')) == ["a"]
    assert found(store, has('not defined(user["n"])')) == ["b", "c", "f"], "who has no profile has no properties"
    assert found(store, has('properties["$distinct_id"] in ["a", "f", "nobody"]')) == ["a", "f"]


def test_events_are_counted_by_name_time_and_filter(store: Store, events: Events) -> None:
    profiles(store, quiet={})
    days = [("a", "buy", 0, 10), ("a", "buy", 1, 20), ("a", "look", 1, 0), ("b", "buy", 3, 90), ("", "buy", 1, 10)]
    events.insert(
        *(
            event(f"id-{number}", BEGIN_MS + day * DAY_MS, name, distinct_id=id_, amount=amount)
            for number, (id_, name, day, amount) in enumerate(days)
        )
    )
    events.insert(event("id-0", BEGIN_MS, "buy", distinct_id="a", amount=10))  # sent twice
    assert found(store, did("buy", ">=", 1)) == ["a", "b"]
    assert found(store, did("buy", "==", 2)) == ["a"]
    assert found(store, did("buy", ">=", 1, of=(BEGIN_MS + DAY_MS, BEGIN_MS + 3 * DAY_MS))) == ["a"]
    assert found(store, did("buy", ">=", 1, 'properties["amount"] > 50')) == ["b"]
    assert found(store, did("", ">", 2)) == ["a"]
    assert found(store, did("buy", "<=", 1)) == ["b", "quiet"]
    assert found(store, did("look", "==", 0)) == ["b", "quiet"]
    assert found(store, did("nothing", ">=", 1)) == []
    assert found(store, Junction("and", (did("buy", ">=", 1), Not(did("look", ">=", 1))))) == ["b"]
    assert found(store, Junction("or", (did("look", ">=", 1), has('defined(user["n"]) or true')))) == [
        "a",
        "b",
        "quiet",
    ]


def test_all_ids_of_a_person_count_as_one(store: Store, events: Events) -> None:
    link(store, change(1, "old", "user"))
    profiles(store, user={"plan": "pro"}, old={"plan": "free"})
    events.insert(
        event("1", name="buy", distinct_id="old", plan="x"), event("2", name="buy", distinct_id="user", plan="x")
    )
    assert found(store, did("buy", ">=", 2)) == ["user"]
    assert found(store, has('user["plan"] == "free"')) == [], "a profile of an id that was linked is nobody's"
    assert found(store, has('user["plan"] == "pro"')) == ["user"]
    assert found(store, did("buy", "==", 2, 'user["plan"] == "pro" and properties["plan"] == "x"')) == ["user"]


def test_two_cohorts_of_a_statement_bind_their_own_values(store: Store, events: Events) -> None:
    profiles(store, a={"plan": "pro"}, b={"plan": "free"})
    one = members(ALPHA.project_id, has('user["plan"] == "pro"'), LINKED, prefix="one")
    two = members(ALPHA.project_id, has('user["plan"] == "free"'), LINKED, prefix="two")
    assert not one.parameters.keys() & two.parameters.keys()
    sql = f"SELECT person FROM ({one.sql} UNION ALL {two.sql}) ORDER BY person{one.settings}"
    assert [row[0] for row in store.query(sql, {"project": ALPHA.project_id, **one.parameters, **two.parameters})] == [
        "a",
        "b",
    ]


class World(NamedTuple):
    """Profiles by id, events (id, name, day, n), and links."""

    profiles: dict[str, dict[str, Any]]
    events: list[tuple[str, str, int, int]]
    links: dict[str, str]


IDS = st.sampled_from(["a", "b", "c", "d", "e"])
WORLDS = st.builds(
    World,
    st.dictionaries(IDS, st.fixed_dictionaries({}, optional={"n": st.integers(0, 2), "t": st.booleans()}), max_size=4),
    st.lists(st.tuples(IDS, st.sampled_from(["x", "y"]), st.integers(0, 3), st.integers(0, 2)), max_size=8),
    st.dictionaries(st.sampled_from(["c", "d"]), st.sampled_from(["a", "b"]), max_size=2),
)
SIGNS = st.sampled_from(["==", "!=", ">=", "<=", ">", "<"])
PROFILE_TEXTS = [
    'user["n"] == 1',
    'user["n"] != 1',
    'not defined(user["n"])',
    'user["t"]',
    'properties["$distinct_id"] == "e"',
]
EVENT_TEXTS = ['properties["n"] > 0', 'user["n"] == 1', 'properties["$distinct_id"] == "a"']
LEAVES: st.SearchStrategy[Condition] = st.one_of(
    st.sampled_from(PROFILE_TEXTS).map(has),
    st.sampled_from(["a", "B", "3"]).map(Found),
    st.builds(
        lambda name, first, length, text, sign, times: Did(
            name, BEGIN_MS + first * DAY_MS, BEGIN_MS + (first + length) * DAY_MS, text and parse(text), sign, times
        ),
        st.sampled_from(["x", "y", ""]),
        st.integers(0, 3),
        st.integers(1, 3),
        st.sampled_from([None, *EVENT_TEXTS]),
        SIGNS,
        st.integers(0, 2),
    ),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(Not),
        st.builds(
            lambda word, parts: Junction(word, tuple(parts)),
            st.sampled_from(["and", "or"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
    ),
    max_leaves=5,
)


def is_true(text: Any, row: Row) -> bool:
    try:
        return evaluate(text, row) is True
    except ExpressionError:
        return False


def holds(world: World, cohort: Condition, person: str) -> bool:
    match cohort:
        case Not(part):
            return not holds(world, part, person)
        case Junction(word, parts):
            return (all if word == "and" else any)(holds(world, part, person) for part in parts)
        case Has(where):
            own = {name: from_json(json.dumps(value)) for name, value in world.profiles.get(person, {}).items()}
            return is_true(where, Row({**own, "$distinct_id": from_json(json.dumps(person))}, own))
        case Found(text):
            return text.casefold() in person.casefold()
    count = sum(counts(world, cohort, each) for each in world.events if world.links.get(each[0], each[0]) == person)
    return bool(eval(f"{count} {cohort.sign} {cohort.times}"))


def counts(world: World, one: Did, of: tuple[str, str, int, int]) -> bool:
    id_, name, day, number = of
    person = world.links.get(id_, id_)
    if one.event not in ("", name) or not one.from_ms <= BEGIN_MS + day * DAY_MS < one.before_ms:
        return False
    user = {key: from_json(json.dumps(value)) for key, value in world.profiles.get(person, {}).items()}
    properties = {"n": from_json(json.dumps(number)), "$distinct_id": from_json(json.dumps(person))}
    return one.where is None or is_true(one.where, Row(properties, user))


def persons(world: World) -> Iterable[str]:
    ids = {*(each for each in world.profiles if each not in world.links), *(each[0] for each in world.events)}
    return sorted({world.links.get(each, each) for each in ids})


@settings(max_examples=examples(100), deadline=None, suppress_health_check=list(HealthCheck))
@given(world=WORLDS, cohorts=st.lists(CONDITIONS, min_size=1, max_size=3))
def test_members_are_those_of_the_model(store: Store, world: World, cohorts: list[Condition]) -> None:
    clear(store)
    if world.profiles:
        profiles(store, **world.profiles)
    if world.links:
        link(store, *(change(number, id_, to) for number, (id_, to) in enumerate(world.links.items(), 1)))
    rows = [
        event(f"id-{number}", BEGIN_MS + day * DAY_MS, name, distinct_id=id_, n=n)
        for number, (id_, name, day, n) in enumerate(world.events)
    ]
    if rows:
        Events(store).insert(*rows)
    known = Known(links=bool(world.links), plain=True)
    for cohort in cohorts:
        assert found(store, cohort, known) == [each for each in persons(world) if holds(world, cohort, each)], cohort
