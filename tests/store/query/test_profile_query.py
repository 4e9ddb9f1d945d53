"""The profile query's SQL against a real store: which profiles are chosen, and what of them is shown."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.query.profiles import INJECTIONS, insert_profiles
from tests.support.store.questions import ask, readers_of
from tests.support.store.tables import emptied
from trackway.domain.limits import PROPERTY_NAME_CHARACTERS_MAX
from trackway.edge.limits import OUTPUT_PROPERTIES_MAX
from trackway.query.expressions import ExpressionError, parse
from trackway.query.profile_query import ProfileQuery, check_where, in_blocks, profiles_sql
from trackway.store.client import Store
from trackway.store.errors import StoreError

MINE, OTHER = 1, 2
ALL = ProfileQuery(MINE)


@pytest.fixture
def store(store: Store) -> Iterator[Store]:
    store.command("SYSTEM STOP MERGES profiles")
    yield store
    emptied(store, "profiles")


def found(store: Store, **changes: Any) -> dict[str, dict[str, Any]]:
    """The properties of the profiles chosen, by id, in their order."""
    sql, parameters = profiles_sql(ALL._replace(**changes))
    lines = [json.loads(line) for line in b"".join(store.stream(sql, parameters, "TSVRaw")).splitlines()]
    assert all(list(line) == ["$distinct_id", "$properties"] for line in lines)
    return {line["$distinct_id"]: line["$properties"] for line in lines}


def ids(store: Store, where: str, **changes: Any) -> list[str]:
    return list(found(store, where=parse(where), **changes))


def test_profiles_come_in_the_order_of_their_ids_from_however_many_parts(store: Store) -> None:
    for part in range(4):
        rows = ((MINE, "", f"u-{number:05}", {"n": number}) for number in range(part, 6000, 4))
        insert_profiles(store, *rows)
    assert list(found(store)) == [f"u-{number:05}" for number in range(6000)]


def test_only_the_newest_state_of_those_that_are_not_deleted_is_shown(store: Store) -> None:
    insert_profiles(store, (MINE, "", "a", {"v": 1}), (MINE, "", "b", {"v": 1}), (MINE, "", "c", {"v": 1}))
    insert_profiles(store, (MINE, "", "a", {"v": 3}), position=3)
    insert_profiles(store, (MINE, "", "a", {"v": 2}), position=2)
    insert_profiles(store, (MINE, "", "b", {}), position=2, deleted=1)
    assert found(store) == {"a": {"v": 3}, "c": {"v": 1}}
    assert ids(store, 'properties["v"] == 1') == ["c"], "an older state is not asked"


def test_users_and_groups_and_projects_are_apart(store: Store) -> None:
    insert_profiles(
        store,
        (MINE, "", "a", {"v": "user"}),
        (MINE, "company", "a", {"v": "company"}),
        (MINE, "plan", "a", {"v": "plan"}),
        (OTHER, "", "b", {"v": "other"}),
        (OTHER, "company", "c", {"v": "other"}),
    )
    assert found(store) == {"a": {"v": "user"}}
    assert found(store, group_key="company") == {"a": {"v": "company"}}
    assert found(store, group_key="nothing") == {}
    assert found(store, project_id=OTHER) == {"b": {"v": "other"}}


def test_profiles_are_chosen_by_id(store: Store) -> None:
    insert_profiles(store, *((MINE, "", each, {}) for each in ("1", "ü 😀", "it's \\ \t", "c")), (OTHER, "", "d", {}))
    assert list(found(store, ids={"ü 😀", "1", "it's \\ \t", "d", "e"})) == ["1", "it's \\ \t", "ü 😀"]
    assert found(store, ids=set()) == {}
    many = {f"id-{number}" for number in range(20_000)} | {"c"}
    assert list(found(store, ids=many)) == ["c"]


# (where, the profiles kept of those below)
CHOSEN = [
    ('properties["plan"] == "pro"', "ac"),
    ('properties["plan"] != "pro"', "bd"),
    ('user["plan"] == "pro" and properties["seats"] > 2', "a"),
    ('properties["seats"] + 1 >= 3', "ab"),
    ('"b" in properties["tags"]', "a"),
    ('any(X, properties["tags"], X in ["c", "b"])', "ab"),
    ('not defined(properties["plan"])', "d"),
    ('properties["$distinct_id"] == "b"', "b"),
    ('properties["big"] > 1e22', "c"),
    ('properties["$last_seen"] > "2026"', "b"),
    ('properties["$last_seen"] >= datetime("2026-11-23T09:00:00+01:00")', "b"),
    ('not properties["$last_seen"] >= "2026-11-23"', "acd"),
    ('properties["time"] >= datetime(0)', "d"),
    ('properties["$time"] == 7', "c"),
    ('datetime(properties["$last_seen"]) > datetime("2026-01-01T00:00:00")', "b"),
    ("true", "abcd"),
    ("1", ""),
]


@pytest.mark.parametrize(("where", "kept"), CHOSEN)
def test_where_chooses_profiles(store: Store, where: str, kept: str) -> None:
    for group_key in ("", "company"):
        insert_profiles(
            store,
            (MINE, group_key, "a", {"plan": "pro", "seats": 3, "tags": ["a", "b"]}),
            (MINE, group_key, "b", {"plan": "free", "seats": 2, "tags": ["c"], "$last_seen": "2026-11-23T08:00:00"}),
            (MINE, group_key, "c", {"plan": "pro", "big": 12345678901234567890123, "$time": 7}),
            (MINE, group_key, "d", {"time": "2026-11-23"}),
        )
    assert ids(store, where) == list(kept)
    ask(store, check_where, ALL._replace(where=parse(where)))
    if "user" not in where:
        assert ids(store, where, group_key="company") == list(kept)


def test_an_operand_that_is_no_boolean_in_a_profile_asked_for_is_told(store: Store) -> None:
    insert_profiles(store, (MINE, "", "a", {"v": True}), (MINE, "", "b", {"v": "yes"}), (OTHER, "", "c", {"v": 1}))
    asked = ALL._replace(where=parse('true and properties["v"]'))
    with pytest.raises(ExpressionError, match="expected a boolean at character 10"):
        ask(store, check_where, asked)
    ask(store, check_where, asked._replace(ids={"a", "c"}))
    ask(store, check_where, asked._replace(group_key="company"))


@pytest.mark.parametrize("where", ['event["$name"] == "a"', 'event["$time"] > datetime(1)'])
def test_an_expression_on_events_cannot_be_asked(where: str) -> None:
    with pytest.raises(ExpressionError, match="cannot be asked for here"):
        profiles_sql(ALL._replace(where=parse(where)))


def test_an_expression_on_users_cannot_be_asked_of_groups() -> None:
    with pytest.raises(ExpressionError, match="cannot be asked for here, at character 5"):
        profiles_sql(ALL._replace(where=parse('not user["a"]'), group_key="company"))


SHOWN: dict[str, Any] = {
    "a": 1, "b": 1.5, "c": "ü / \\ \" 😀", "d": True, "e": None, "f": [1, "x", {"y": None}], "g": {"h": {"i": []}},
    "": "empty", "a/b \"c\"": "name", "$email": "a@example.com", "max": 2**64 - 1, "min": -(2**63),
}  # fmt: skip


def test_properties_are_shown_as_they_are(store: Store) -> None:
    insert_profiles(store, (MINE, "", "a", SHOWN), (MINE, "", "b", {}))
    assert found(store) == {"a": SHOWN, "b": {}}


@pytest.mark.parametrize("names", [list(SHOWN), ["$email", "none", "a"], ["f", "f", "g"], ["", 'a/b "c"'], ["x"], []])
def test_output_properties_leave_the_others_out(store: Store, names: list[str]) -> None:
    insert_profiles(store, (MINE, "", "a", SHOWN), (MINE, "", "b", {"big": 10**30, "a": 1}))
    kept = {name: SHOWN[name] for name in names if name in SHOWN}
    assert found(store, output_properties=names) == {"a": kept, "b": {"a": 1} if "a" in names else {}}
    assert found(store, output_properties=["big"])["b"]["big"] == pytest.approx(1e30)


@pytest.mark.parametrize("characters", [1, PROPERTY_NAME_CHARACTERS_MAX, 3000])
def test_as_many_names_as_may_be_asked_for_are_found_each_bound_once(store: Store, characters: int) -> None:
    """A list that was bound as a whole was copied for each of its names: half a minute of the store, or no answer."""
    names = [f"{number:03}" + "\U0001f600" * (characters - 3) for number in range(OUTPUT_PROPERTIES_MAX)]
    kept = {name: number for number, name in enumerate(names) if len(name) <= PROPERTY_NAME_CHARACTERS_MAX}
    insert_profiles(store, (MINE, "", "a", kept | {"other": 1}))
    assert found(store, output_properties=names) == {"a": kept}
    sql, parameters = profiles_sql(ALL._replace(output_properties=names))
    assert [value for value in parameters.values() if isinstance(value, str) and value in kept] == list(kept)
    assert len(sql) < 200 * len(names)


def test_blanks_in_a_text_do_no_harm(store: Store) -> None:
    text = '{"a": [1,\n 2],\r\n\t"b": "c"}'
    columns = ["project_id", "group_key", "profile_id", "position", "deleted", "updated", "properties"]
    row = json.dumps([MINE, "", "a", 1, 0, 0, text]).encode()
    store.insert_rows("profiles", columns, row, "JSONCompactEachRow")
    sql, parameters = profiles_sql(ALL)
    shown = json.loads(b"".join(store.stream(sql, parameters, "TSVRaw")))
    assert shown == {"$distinct_id": "a", "$properties": {"a": [1, 2], "b": "c"}}


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_text_of_a_client_is_part_of_the_statement(store: Store, text: str) -> None:
    name = f"p {text}"
    insert_profiles(
        store,
        (MINE, "", text, {name: "x"}),
        (MINE, "", "b", {name: text}),
        (MINE, f"g {text}", "c", {}),
        (OTHER, "", text, {name: "x"}),
    )
    where = f"properties[{json.dumps(name)}] == {json.dumps(text)}"
    assert found(store, ids={text}) == {text: {name: "x"}}
    assert list(found(store, group_key=f"g {text}")) == ["c"]
    assert found(store, output_properties=[name, "q"], where=parse(where)) == {"b": {name: text}}
    asked = ProfileQuery(MINE, f"g {text}", {text}, parse(where), [name])
    harmless = ProfileQuery(MINE, "g", {"a"}, parse('properties["p"] == "q"'), ["r"])
    assert profiles_sql(asked)[0] == profiles_sql(harmless)[0]


def test_what_lacks_memory_in_large_blocks_is_asked_in_small_ones(store: Store) -> None:
    sql = "SELECT sum(length(repeat('x', 500000 + number))) FROM numbers(1500)"
    asked: list[str] = []

    async def question(settings: str) -> list[tuple[Any, ...]]:
        asked.append(settings)
        return await readers_of(store).api.rows(MINE, f"{sql}{settings}, max_memory_usage = 100000000")

    assert asyncio.run(in_blocks(question)) == [(1500 * 500_000 + 1500 * 1499 // 2,)]
    assert len(asked) == 2


def test_another_failure_of_the_store_is_not_tried_again(store: Store) -> None:
    asked: list[str] = []

    async def question(settings: str) -> list[tuple[Any, ...]]:
        asked.append(settings)
        return await readers_of(store).api.rows(MINE, "SELECT throwIf(1)" + settings)

    with pytest.raises(StoreError):
        asyncio.run(in_blocks(question))
    assert len(asked) == 1
