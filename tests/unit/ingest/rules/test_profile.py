"""The rules of a profile record but for its operations (protocol §5): whose it is, when it was, what is added."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.ingest.bodies import ALPHA, BETA, NOW_MS, NOW_S, PROJECTS, KnownProject, arrival, dumps
from tests.support.ingest.profile_updates import (
    ENGAGE,
    GROUPS,
    SEEN,
    Taken,
    group,
    ingest,
    invalid,
    outcome,
    refused,
    taken,
    user,
)
from tests.support.ingest.refused_ids import REFUSED_IDS
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import NO_PROJECT
from trackway.geo.place import Place
from trackway.ingest.split import MalformedBody

SET = {"a": 1}
IN_GRAZ = arrival(
    Endpoint.ENGAGE,
    place=Place("Graz", "Styria", "AT", "Europe/Vienna"),
)
KEPT = {"$set": {"$last_seen": SEEN, "a": 1}}


def missing(field: str) -> tuple[str, str]:
    return field, f"{field}, missing or empty"


def test_a_users_update_is_taken() -> None:
    assert taken(user(set=SET)) == Taken(ALPHA.project_id, "", "u", KEPT)
    assert taken(user(token=BETA.token, set=SET)) == Taken(BETA.project_id, "", "u", KEPT)


def test_a_groups_update_is_taken() -> None:
    assert taken(group(set=SET), GROUPS) == Taken(ALPHA.project_id, "company", "Acme", KEPT)


@pytest.mark.parametrize(
    ("given", "as_given"), [(True, True), ("true", True), (False, False), ("false", False), (None, False), (1, False)]
)
def test_an_update_says_whether_its_id_is_taken_as_given(given: Any, as_given: bool) -> None:
    for record, to in ((user(set=SET), ENGAGE), (user(delete=""), ENGAGE), (group(set=SET), GROUPS)):
        _, (entry,) = ingest(dumps(record | {"$ignore_alias": given}), to)
        assert [update.as_given for update in entry.updates] == [as_given]


def test_unknown_members_are_passed_over() -> None:
    known = {
        "$ip": "203.0.113.5",
        "$latitude": 1,
        "$longitude": 2,
        "$ignore_alias": True,
        "$mp_metadata": {"a": 1},
        "x": 1,
    }
    assert taken(user(set=SET) | known).operations == KEPT
    assert taken(user(set=SET, group_key="k", group_id="g")).group_key == ""
    assert taken(group(set=SET) | known | {"$distinct_id": None}, GROUPS).operations == KEPT


TOKENS: list[tuple[Any, tuple[str, str]]] = [
    (None, missing("$token")),
    ("", missing("$token")),
    (5, missing("$token")),
    ([ALPHA.token], missing("$token")),
    ("f" * 32, ("$token", "token, unknown")),
]
MAKERS = [(user, ENGAGE), (group, GROUPS)]


@pytest.mark.parametrize(("make", "to"), MAKERS)
@pytest.mark.parametrize(("token", "why"), TOKENS)
def test_record_without_a_known_token_is_refused(make: Callable[..., Any], to: Any, token: Any, why: Any) -> None:
    assert refused(make(token=token, set=SET), to) == why


@pytest.mark.parametrize(("make", "to"), MAKERS)
def test_record_without_token_is_refused(make: Callable[..., Any], to: Any) -> None:
    assert refused(make(without="$token", set=SET), to) == missing("$token")
    assert refused(make(without="$token", set=SET) | {"token": ALPHA.token}, to) == missing("$token")


def test_unknown_token_is_ignored_where_the_setting_says_so() -> None:
    assert outcome(user(token="f" * 32, set=SET), arrival(Endpoint.ENGAGE, accept_unknown_tokens=True)) is None


def test_record_for_another_region_is_refused_with_the_right_host() -> None:
    away = KnownProject(9, "e" * 32, "secret", "eu")
    to = arrival(Endpoint.ENGAGE, find_project=(PROJECTS | {away.token: away}).get)
    field, message = refused(user(token=away.token, set=SET), to)
    assert field == "$token"
    assert message == "token, project belongs to region 'eu', this server to 'us': send to api-eu"


IDS: list[tuple[Any, str]] = [
    ("u", "u"),
    (5, "5"),
    (-5, "-5"),
    (1.5, "1.5"),
    (10**30, str(10**30)),
    ("$device:d", "$device:d"),
]


@pytest.mark.parametrize(("value", "text"), [*IDS, ("é" * 255, "é" * 255), (" ", " ")])
def test_ids_are_strings_and_numbers_in_decimal(value: Any, text: str) -> None:
    assert taken(user(distinct_id=value, set=SET)).profile_id == text
    found = taken(group(group_key=value, group_id=value, set=SET), GROUPS)
    assert (found.group_key, found.profile_id) == (text, text)


@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_id_is_refused(value: Any) -> None:
    assert refused(user(distinct_id=value, set=SET)) == missing("$distinct_id")
    assert refused(group(group_key=value, set=SET), GROUPS) == missing("$group_key")
    assert refused(group(group_id=value, set=SET), GROUPS) == missing("$group_id")


def test_a_missing_id_is_refused() -> None:
    assert refused(user(without="$distinct_id", set=SET)) == missing("$distinct_id")
    assert refused(group(without="$group_key", set=SET), GROUPS) == missing("$group_key")
    assert refused(group(without="$group_id", set=SET), GROUPS) == missing("$group_id")
    assert refused(group(set=SET)) == missing("$distinct_id")
    assert refused(user(set=SET) | {"$group_key": "k", "$group_id": "g"}, GROUPS)[0] == "$distinct_id"


@pytest.mark.parametrize("value", [True, ["a"], {"a": 1}, [], {}])
def test_an_id_that_is_no_text_is_refused(value: Any) -> None:
    assert refused(user(distinct_id=value, set=SET)) == invalid("$distinct_id", "must be a string")
    assert refused(group(group_key=value, set=SET), GROUPS) == invalid("$group_key", "must be a string")
    assert refused(group(group_id=value, set=SET), GROUPS) == invalid("$group_id", "must be a string")


def test_a_long_id_is_refused() -> None:
    long, why = "u" * 256, "must not be longer than 255 characters"
    assert refused(user(distinct_id=long, set=SET)) == invalid("$distinct_id", why)
    assert refused(group(group_key=long, set=SET), GROUPS) == invalid("$group_key", why)
    assert refused(group(group_id=long, set=SET), GROUPS) == invalid("$group_id", why)


@pytest.mark.parametrize("value", REFUSED_IDS)
def test_an_id_that_stands_for_no_one_is_no_user_and_yet_may_be_a_group(value: str) -> None:
    for each in (value, value.upper()):
        why = f"must not be '{each}', which stands for no one"
        assert refused(user(distinct_id=each, set=SET)) == invalid("$distinct_id", why)
    assert taken(group(group_id=value, set=SET), GROUPS).profile_id == value


def test_a_group_with_distinct_id_is_refused() -> None:
    why = "must not be given for a group, which is named by $group_key and $group_id"
    values: list[Any] = ["u", "", 0, False, [], {}]
    for value in values:
        assert refused(group(distinct_id=value, set=SET), GROUPS) == invalid("$distinct_id", why)


TIMES: list[tuple[Any, str]] = [
    (None, SEEN),
    (NOW_S, SEEN),
    (NOW_MS, SEEN),
    (NOW_MS + 999, SEEN),
    (NOW_S + 0.9, SEEN),
    (NOW_S - 3661, "2025-10-09T07:52:19"),
    (str(NOW_S - 3661), "2025-10-09T07:52:19"),
    (NOW_MS - 3_661_000, "2025-10-09T07:52:19"),
    (31_536_000, "1971-01-01T00:00:00"),
    (NOW_S + 10, SEEN),
    (253_402_300_799_999, SEEN),
]


@pytest.mark.parametrize(("time", "seen"), TIMES)
def test_last_seen_is_the_time_given_or_the_arrival(time: Any, seen: str) -> None:
    assert taken(user(time=time, set=SET)).operations == {"$set": {"$last_seen": seen, "a": 1}}


@pytest.mark.parametrize("time", ["", "yesterday", "2026-01-31T00:00:00", True, [], {}, "1e5"])
def test_time_that_is_none_is_refused(time: Any) -> None:
    assert refused(user(time=time, set=SET)) == invalid("$time", "must be specified as seconds since epoch")


@pytest.mark.parametrize(
    ("time", "unit"), [(NOW_MS * 1000, "microseconds"), (NOW_MS * 1_000_000, "nanoseconds"), (1e300, "nanoseconds")]
)
def test_time_in_a_finer_unit_is_refused_by_its_name(time: Any, unit: str) -> None:
    message = f"must be specified as seconds or milliseconds since epoch, not {unit}"
    assert refused(user(time=time, set=SET)) == invalid("$time", message)


@pytest.mark.parametrize("time", [31_535_999, 0, -1, -1e300])
def test_time_before_1971_is_refused(time: Any) -> None:
    assert refused(user(time=time, set=SET)) == invalid("$time", "must not be before 1971-01-01")


@pytest.mark.parametrize(
    ("ignore", "seen"), [(True, False), ("true", False), (False, True), ("false", True), (None, True)]
)
def test_ignore_time_leaves_last_seen_alone(ignore: Any, seen: bool) -> None:
    kept = taken(user(ignore_time=ignore, set=SET)).operations["$set"]
    assert ("$last_seen" in kept) is seen


def test_last_seen_of_the_client_itself_wins() -> None:
    own = {"$last_seen": "2020-01-01T00:00:00"}
    assert taken(user(set=own)).operations == {"$set": own}
    assert taken(user(set_once=own)).operations == {"$set_once": own}


PUT: list[tuple[str, Any]] = [
    ("set", "x"),
    ("set_once", "x"),
    ("set_once", None),
    ("append", 1),
    ("union", [1]),
    ("add", 1),
]


@pytest.mark.parametrize("name", ["$city", "$region", "$country_code", "$timezone", "$last_seen"])
@pytest.mark.parametrize(("operation", "value"), PUT)
def test_what_the_client_puts_by_any_operation_is_not_added(operation: str, value: Any, name: str) -> None:
    added = {
        "$last_seen": SEEN,
        "$city": "Graz",
        "$region": "Styria",
        "$country_code": "AT",
        "$timezone": "Europe/Vienna",
    }
    assert taken(user(set=SET), IN_GRAZ).operations == {"$set": SET | added}
    own, rest = {name: value}, {each: text for each, text in added.items() if each != name}
    if operation == "set":
        assert taken(user(set=own), IN_GRAZ).operations == {"$set": own | rest}
    else:
        given: dict[str, Any] = {operation: own}
        assert taken(user(**given), IN_GRAZ).operations == {"$set": rest, f"${operation}": own}
        assert taken(user(set=SET, **given), IN_GRAZ).operations == {"$set": SET | rest, f"${operation}": own}


def test_what_the_client_wrote_before_it_deleted_the_profile_does_not_count() -> None:
    record = user(set_once={"$city": "x"}, delete="", add=SET)
    assert taken(record, IN_GRAZ).operations["$set"]["$city"] == "Graz"


@pytest.mark.parametrize("given", [{"remove": {"$city": "x"}}, {"unset": ["$city"]}, {"delete": ""}])
def test_what_only_takes_away_adds_no_place(given: dict[str, Any]) -> None:
    assert set(taken(user(**given), IN_GRAZ).operations) == {f"${name}" for name in given}
    assert taken(user(**given, set=SET), IN_GRAZ).operations["$set"]["$city"] == "Graz"


def test_properties_of_the_server_stand_behind_those_of_the_client() -> None:
    assert list(taken(user(set={"b": 1, "a": 2})).operations["$set"]) == ["b", "a", "$last_seen"]


SHOWN: list[tuple[dict[str, Any], list[str]]] = [
    ({"set": SET}, ["$set"]),
    ({"set_once": SET}, ["$set", "$set_once"]),
    ({"add": SET}, ["$set", "$add"]),
    ({"append": SET}, ["$set", "$append"]),
    ({"union": {"a": [1]}}, ["$set", "$union"]),
    ({"add": SET, "set": SET, "unset": ["b"]}, ["$add", "$set", "$unset"]),
    ({"delete": "", "add": SET}, ["$delete", "$set", "$add"]),
    ({"add": SET, "delete": "", "set_once": SET}, ["$delete", "$set", "$set_once"]),
]


@pytest.mark.parametrize(("given", "order"), SHOWN)
def test_operations_that_put_something_there_show_the_profile_was_seen(given: dict[str, Any], order: list[str]) -> None:
    for found in (taken(user(**given)), taken(group(**given), GROUPS)):
        assert list(found.operations) == order
        assert found.operations["$set"]["$last_seen"] == SEEN


@pytest.mark.parametrize("given", [{"remove": SET}, {"unset": ["a"]}, {"delete": ""}, {"unset": ["a"], "remove": SET}])
def test_operations_that_only_take_away_leave_last_seen_alone(given: dict[str, Any]) -> None:
    kept = taken(user(**given)).operations
    assert "$last_seen" not in str(kept)


BAD_TEXT: list[tuple[bytes, str]] = [
    (b'"$set":{"x":"\xff"}', "$set.x"),
    (b'"$set":{"y":1,"x":"\\ud83d"}', "$set.x"),
    (b'"$set":{"x":{"y":["\\ude00\\ud83d"]}}', "$set.x"),
    (b'"$append":{"\\ud800":1}', "$append.?"),
    (b'"$unset":["a","\\ud800"]', "$unset"),
    (b'"$set":{},"$distinct_id":"\\ud800"', "$distinct_id"),
    (b'"$set":{},"$ip":"\\ud800"', "$ip"),
    (b'"$set":{},"\\ud800":1', "?"),
]


@pytest.mark.parametrize(("members", "field"), BAD_TEXT)
def test_text_that_is_not_utf8_is_refused_with_its_place(members: bytes, field: str) -> None:
    text = b'{"$token":"%b","$distinct_id":"u",%b}' % (ALPHA.token.encode(), members)
    assert refused(text) == invalid(field, "string should be valid utf8")


@pytest.mark.parametrize("value", [b"5", b"null", b'"a"', b"[]", b"true"])
def test_what_is_no_object_is_refused(value: bytes) -> None:
    ingested, entries = ingest(b"[" + value + b"," + dumps(user(set=SET)) + b"]")
    (failure,) = ingested.failures
    assert (failure.index, failure.field, failure.message) == (0, "", "data, must be a JSON object")
    assert [len(entry.updates) for entry in entries] == [0, 1]


def test_a_batch_keeps_the_order_of_its_updates_and_puts_projects_apart() -> None:
    batch = [
        user(set={"a": 1}),
        user(token=BETA.token, set={"a": 2}),
        user(token="f" * 32, set={"a": 3}),
        user(add={"a": 4}),
        user(add={"a": "5"}),
        user(token=BETA.token, distinct_id="", set={"a": 6}),
        user(distinct_id="v", set={"a": 7}),
    ]
    ingested, entries = ingest(dumps(batch))
    assert {entry.project_id: [each.profile_id for each in entry.updates] for entry in entries} == {
        ALPHA.project_id: ["u", "u", "v"],
        BETA.project_id: ["u"],
        NO_PROJECT: [],
    }
    assert {entry.project_id: [each.index for each in entry.rejections] for entry in entries} == {
        ALPHA.project_id: [4],
        BETA.project_id: [5],
        NO_PROJECT: [],
    }
    assert (ingested.received, ingested.accepted, ingested.imported) == (7, 4, 4)
    assert [failure.index for failure in ingested.failures] == [2, 4, 5]


@pytest.mark.parametrize("name", ["$token", "$distinct_id", "$time", "$ignore_time", "$set", "x"])
@pytest.mark.parametrize("value", [b'"\xff"', b'"\\ud800"', b"1e999", b"[[1e999]]", b"1" + b"0" * 5000])
def test_members_of_any_kind_are_read_with_care(name: str, value: bytes) -> None:
    text = dumps(user(add={"a": "x"}) | {name: "?"}).replace(b'"?"', value)
    for body in (text, b"[" + text + b"]", b"[" + text + b"," + dumps(user(set=SET)) + b"]"):
        ingested, _ = ingest(body)
        assert len(ingested.failures) == 1


@pytest.mark.parametrize("name", ["$set", "$delete", "$unset", "$time", "$distinct_id", "$token"])
@pytest.mark.parametrize("lines", [False, True])
def test_a_record_that_is_nested_so_deep_that_it_passes_the_parser_only_just_is_refused_alone(
    name: str, lines: bool
) -> None:
    good, begin, join, end = dumps(user(set=SET)), *((b"", b"\n", b"") if lines else (b"[", b",", b"]"))
    passed = 0
    for depth in range(850, 1000):
        bad = dumps(user(add={"a": "x"}) | {name: "?"}).replace(b'"?"', b"[" * depth + b"]" * depth)
        try:
            ingested, _ = ingest(begin + join.join([good, bad, good]) + end, lines=lines)
        except MalformedBody:
            continue
        passed += 1
        assert (ingested.accepted, [each.index for each in ingested.failures]) == (2, [1]), depth
    assert 0 < passed < 150
