"""The table of protocol §11, row by row, by the interpreter and by the store."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.query.expression_rows import asked, create_rows, row_of
from tests.support.query.random_expressions import StoredRow
from tests.support.store.process import running_store
from trackway.query.expressions import UNDEFINED, Value, evaluate, parse
from trackway.query.expressions.values import kind_of
from trackway.store.client import Store

pytestmark = pytest.mark.one_machine  # what an expression means depends on no place of rows

NAMED = {"n": 2.5, "s": "ab", "t": True, "f": False, "l": [1, "a", None, [1]], "o": {"k": 1}, "null": None, "zero": 0}
NAMED |= {"day": "2026-01-31T00:00:00", "ahead": "2026-01-31T02:00:00+02:00", "days": ["2026-01-31", "2026-02-01", 5]}
NAMED |= {"$time": "sent by the client", "time": "too"}
USER = {"day": "2026-01-31", "time": "profiles have names of their own"}
N, S, T, F, L, OBJECT, NULL, NOPE = (f'properties["{name}"]' for name in (*list(NAMED)[:7], "nope"))
DAY, AHEAD, DAYS, TIME, SECONDS = (f'properties["{name}"]' for name in list(NAMED)[8:])
MOMENT = 'event["$time"]'
ROW = StoredRow(json.dumps(NAMED), json.dumps(USER), 1769817600123, "sign up")

# Each expression with its value.
TABLE: list[tuple[str, Value]] = [
    # numbers only, else undefined; by 0 undefined; the remainder has the dividend's sign
    (f"{N} - 1", 1.5),
    (f"{N} * {N}", 6.25),
    (f"{N} / 2", 1.25),
    (f"{N} / 0", UNDEFINED),
    (f"{N} % 0", UNDEFINED),
    ("7 % 3", 1.0),
    ("-7 % 3", -1.0),
    ("7 % -3", 1.0),
    ("5.5 % 2", 1.5),
    (f"{S} - 1", UNDEFINED),
    (f"{T} * 2", UNDEFINED),
    (f"{NOPE} * 2", UNDEFINED),
    (f"{NULL} * 2", UNDEFINED),
    # + adds and joins
    (f"{N} + 1", 3.5),
    (f"{S} + 'c'", "abc"),
    (f"{S} + 1", UNDEFINED),
    (f"{T} + {T}", UNDEFINED),
    (f"{L} + {L}", UNDEFINED),
    # == same type and equal value
    (f"{N} == 2.5", True),
    (f"{N} == '2.5'", False),
    (f"{T} == 1", False),
    (f"{S} == 'ab'", True),
    (f"{S} == 'AB'", False),
    (f"{S} != 'ab'", False),
    (f"{S} != 1", True),
    (f"{NOPE} == ''", False),
    (f"{NOPE} == {NOPE}", True),
    (f"{NULL} == {NULL}", True),
    (f"{NULL} == {NOPE}", False),
    ("[1, 'a'] == [1.0, 'a']", True),
    ("[1, 'a'] == ['a', 1]", False),
    (f"{L} == {L}", False),  # a list within a list equals nothing
    (f"{OBJECT} == {OBJECT}", False),
    (f"{MOMENT} == {MOMENT}", True),
    # two numbers, two strings by code point, two datetimes, a datetime and a string that spells one
    (f"{N} > 2", True),
    (f"{N} <= 2.5", True),
    (f"{S} < 'b'", True),
    (f"{S} >= 'ab'", True),
    (f"{S} > 'Zebra'", True),  # capitals come first
    (f"{S} > 'ab '", False),
    ("'\uffff' < '😀'", True),  # by code point, where UTF-16 has it the other way round
    ("'2026-01-31T00:00:00Z' < '2026-01-31T00:00:00'", False),  # also dates: two strings are two strings
    ("'2026-1-31' > '2026-01-31'", True),
    (f"{DAY} >= '2026-01-30T23:59:59'", True),
    (f"{T} > {F}", UNDEFINED),
    (f"{L} > {L}", UNDEFINED),
    (f"{NULL} >= {NULL}", UNDEFINED),
    (f"{DAY} < datetime('2026-01-31T00:00:00.001')", True),
    (f"{DAY} >= datetime('2026-01-31')", True),
    (f"datetime('2026-01-31') > {DAY}", False),
    (f"not {DAY} < datetime(0)", True),
    (f"{AHEAD} == datetime('2026-01-31')", True),
    (f"{AHEAD} != datetime('2026-01-31')", False),
    (f"{AHEAD} == {DAY}", False),
    (f"{S} >= datetime(0)", UNDEFINED),
    (f"not {S} >= datetime(0)", True),
    (f"{S} == datetime(0)", False),
    (f"{N} >= datetime(0)", UNDEFINED),
    (f"{NULL} >= datetime(0)", UNDEFINED),
    (f"{NOPE} >= datetime(0)", UNDEFINED),
    ("user['day'] >= datetime('2026-01-31T00:00:01Z')", False),
    (f"any(X, {DAYS}, X >= datetime('2026-02-01'))", True),
    (f"all(X, {DAYS}, X >= datetime('2026-02-01'))", False),
    (f"datetime('2026-02-01') in {DAYS}", True),
    (f"datetime('2026-02-02') in {DAYS}", False),
    ("datetime(0) in ['1970-01-01T01:00+0100', 'x']", True),
    ("datetime(1) in ['1970-01-01', 1]", False),
    (f"{DAY} > string(1) + '!'", True),
    # the event's time among its properties
    (f"{MOMENT} >= '2026-01-31T00:00:00.123'", True),
    (f"{MOMENT} > '2026-01-31T00:00:00.123'", False),
    (f"'2026-01-31' < {MOMENT}", True),
    (f"{MOMENT} == '2026-01-31T00:00:00,123+00'", True),
    (f"{MOMENT} in ['2026-01-30T19:00:00.123-05:00']", True),
    (f"{MOMENT} > 'yesterday'", UNDEFINED),
    (f"{MOMENT} != 'yesterday'", True),
    (f"{TIME} == {MOMENT}", True),
    (f"{TIME} >= datetime(1769817600.123)", True),
    (f"{TIME} >= 1769817600", UNDEFINED),
    (f"string({TIME}, 'none')", "none"),
    (f"number({TIME})", 1769817600.123),
    (f"defined({TIME})", True),
    (f"{SECONDS} == 1769817600", True),
    (f"{SECONDS} + 1", 1769817601.0),
    (f"string({SECONDS})", "1769817600"),
    (f"{SECONDS} >= datetime(1769817600)", True),
    (f"datetime('2026-01-31') == {SECONDS}", True),
    (f"{SECONDS} < {MOMENT}", True),
    (f"{SECONDS} < {TIME}", True),
    (f"{SECONDS} >= '2026-01-31'", UNDEFINED),
    (f"{SECONDS} + 0 >= datetime(0)", UNDEFINED),
    ("user['time'] == 'profiles have names of their own'", True),
    ("user['time'] >= datetime(0)", UNDEFINED),
    (f"{N} < '3'", UNDEFINED),
    (f"{NOPE} < 1", UNDEFINED),
    (f"{MOMENT} > datetime('2026-01-31T00:00:00')", True),
    (f"{MOMENT} < datetime('2026-01-31T00:00:00.124')", True),
    (f"{MOMENT} == datetime('2026-01-31T01:00:00.123+01:00')", True),
    (f"{MOMENT} == datetime(1769817600.123)", True),
    (f"{MOMENT} > 5", UNDEFINED),
    # in
    (f"'b' in {S}", True),
    (f"'B' in {S}", False),
    (f"'' in {S}", True),
    (f"'a' in {L}", True),
    (f"1 in {L}", True),
    (f"'1' in {L}", False),
    (f"{NULL} in {L}", True),
    (f"{NOPE} in {L}", False),
    ("[1] in [1]", False),
    (f"[1] in {L}", True),
    (f"1 in {S}", UNDEFINED),
    (f"'a' in {N}", UNDEFINED),
    (f"'a' in {NOPE}", UNDEFINED),
    (f"{N} in [1, 2.5]", True),
    # and, or, not
    (f"{T} and {NOPE}", False),
    (f"{T} or {NOPE}", True),
    (f"{NOPE} or {F}", False),
    (f"not {T}", False),
    (f"not {NOPE}", True),
    (f"not {NULL}", UNDEFINED),
    (f"not {N}", UNDEFINED),
    # floor, round, ceil, unary -
    (f"floor({N})", 2.0),
    (f"ceil({N})", 3.0),
    (f"round({N})", 3.0),
    ("round(-2.5)", -3.0),
    ("round(0.49999999999999994)", 0.0),
    ("floor(-0.5)", -1.0),
    (f"-{N}", -2.5),
    (f"-{S}", UNDEFINED),
    (f"floor({NOPE})", UNDEFINED),
    # cast to a string
    (f"string({S})", "ab"),
    (f"string({N})", "2.5"),
    ("string(1.0)", "1"),
    ("string(-0.0)", "0"),
    ("string(1000000)", "1000000"),
    ("string(1e21)", "1e21"),
    ("string(0.000001)", "0.000001"),
    ("string(0.00000015)", "1.5e-7"),
    (f"string({T})", "true"),
    (f"string({NULL})", None),
    (f"string({NOPE})", UNDEFINED),
    (f"string({NOPE}, 'none')", "none"),
    (f"string({NULL}, 'none')", None),
    (f"string({L}, 'none')", "none"),
    # cast to a number
    (f"number({N})", 2.5),
    ("number('12')", 12.0),
    ("number('-0.5e1')", -5.0),
    ("number('+007')", 7.0),
    ("number('123456789012345678901234567890')", 123456789012345678901234567890.0),
    (f"number({S})", UNDEFINED),
    ("number('')", UNDEFINED),
    ("number(' 1')", UNDEFINED),
    ("number('0x10')", UNDEFINED),
    ("number('1e999')", UNDEFINED),
    (f"number({T})", 1.0),
    (f"number({F})", 0.0),
    (f"number({NULL})", UNDEFINED),
    (f"number({NOPE}, 7)", 7.0),
    (f"number({S}, -1)", -1.0),
    (f"number({MOMENT})", 1769817600.123),
    # cast to a boolean
    (f"boolean({F})", False),
    ("boolean('true')", True),
    ("boolean('false')", False),
    ("boolean('True')", UNDEFINED),
    (f"boolean({N})", True),
    ("boolean(0)", False),
    (f"boolean({NOPE})", UNDEFINED),
    (f"boolean({NOPE}, true)", True),
    # whether something is defined
    (f"defined({F})", True),
    (f"defined({NULL})", False),
    (f"defined({NOPE})", False),
    (f"defined({L})", True),
    (f"defined({OBJECT})", True),
    (f"defined({N} / 0)", False),
    # any, all, length
    (f"any(X, {L}, X == 'a')", True),
    (f"any(X, {L}, X == 'b')", False),
    (f"all(X, {L}, defined(X))", False),
    ("all(X, [1, 2], X > 0)", True),
    ("all(X, [], false)", True),
    ("any(X, [], true)", False),
    (f"any(X, {S}, true)", UNDEFINED),
    (f"any(X, {NOPE}, true)", UNDEFINED),
    (f"any(X, {L}, X)", False),
    (f"any(X, {L}, any(Y, X, Y == 1))", True),
    (f"length({S})", 2.0),
    (f"length({L})", 4.0),
    (f"length({N})", UNDEFINED),
    # the event
    ('event["$name"] == "sign up"', True),
    (f"datetime({S})", UNDEFINED),
    ("datetime(0) == datetime('1970-01-01')", True),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as running, closing(Store(running.url)) as client:
        create_rows(client)
        yield client


@pytest.mark.parametrize(("text", "value"), TABLE, ids=[row[0] for row in TABLE])
def test_the_interpreter_keeps_to_the_table(text: str, value: Value) -> None:
    found = evaluate(parse(text), row_of(ROW))
    assert (kind_of(found), found) == (kind_of(value), value)


def test_the_store_keeps_to_the_table(store: Store) -> None:
    texts, [line] = asked(store, {text: parse(text) for text, _ in TABLE}, [ROW])
    assert texts == [text for text, _ in TABLE]
    for (text, value), found in zip(TABLE, line, strict=True):
        shown = [each for each in found.value if each is not None]
        expected = [] if value is UNDEFINED else [True] if value is None else [value]
        assert shown == expected, text
        assert found.kept is (value is True), text
        assert found.fault == 0, text
