"""The store and the interpreter find the same, whatever the expression and the row.

Many expressions and rows go to the store in one query: it is the engine that is tested, not the time it takes to ask.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.query.expressions.generated import Rows, StoredRow, Texts
from tests.store.running import running_store

from trackway.query.expressions import (
    Expression,
    ExpressionError,
    JsonColumn,
    Kind,
    Moment,
    Row,
    Scope,
    condition,
    evaluate,
    fault,
    from_json,
    of_kind,
    parse,
    readable,
)
from trackway.query.expressions.values import kind_of
from trackway.store.client import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as running, closing(Store(running.url)) as client:
        create_rows(client)
        yield client


def create_rows(store: Store) -> None:
    columns = "number UInt32, properties String, user String, time_ms Int64, name String"
    store.command(f"CREATE TABLE rows ({columns}) ENGINE = Memory")


def row_of(stored: StoredRow) -> Row:
    properties, user = from_json(stored.properties), from_json(stored.user)
    assert isinstance(properties, dict)
    assert isinstance(user, dict)
    return Row(properties, user, Moment(stored.time_ms), stored.name)


def parsed(text: str) -> Expression | None:
    """The expression, unless an operand of `and` is refused for its kind."""
    try:
        return parse(text)
    except ExpressionError as error:
        assert re.match("expected a (boolean beside|time such as)", error.message), text
        return None


SCOPE = Scope(JsonColumn("p"), JsonColumn("u"), {}, "time_ms", "name")
KINDS = (Kind.BOOLEAN, Kind.NUMBER, Kind.STRING, Kind.DATETIME, Kind.LIST, Kind.OBJECT, Kind.NULL)
NOTHING = (None,) * len(KINDS)


class Found(NamedTuple):
    """What an expression is in a row: kept or not, its value in the place of its kind (of lists and objects only that
    it is one), and the place of the first operand that is no boolean, else 0."""

    kept: bool
    value: tuple[Any, ...]
    fault: int


def interpreted(expression: Expression, row: Row) -> Found:
    try:
        value = evaluate(expression, row)
    except ExpressionError as error:
        return Found(False, NOTHING, error.position)
    kind = kind_of(value)
    shown = value.ms if isinstance(value, Moment) else value if kind in KINDS[:4] else True
    return Found(value is True, tuple(shown if kind is each else None for each in KINDS), 0)


def stored_columns(expression: Expression, parameters: dict[str, Any]) -> list[str]:
    values = [of_kind(expression, kind, SCOPE, parameters) for kind in KINDS]
    values[4] = f"if(isNull({values[4]}), NULL, true)"
    return [condition(expression, SCOPE, parameters), *values, fault(expression, SCOPE, parameters) or "0"]


def asked(
    store: Store, trees: Mapping[str, Expression], stored: Sequence[StoredRow]
) -> tuple[list[str], list[list[Found]]]:
    """The same by the store: the texts that it was asked, and for each row what it found of each."""
    fill(store, stored)
    parameters: dict[str, Any] = {"one": 1}
    columns: dict[str, str] = {}
    for text, tree in trees.items():
        try:
            columns[text] = f"tuple({', '.join(stored_columns(tree, parameters))})"
        except ExpressionError as error:
            assert error.message.startswith("too complex"), text
    documents = f"{readable('properties')} AS p, {readable('user')} AS u"
    table = f"SELECT number, time_ms, name, {documents} FROM rows"
    sql = f"SELECT {', '.join(columns.values())} FROM ({table}) WHERE 1 = {{one:UInt8}} ORDER BY number"
    return list(columns), [[found_by_store(each) for each in line] for line in store.query(sql, parameters)]


def found_by_store(line: tuple[Any, ...]) -> Found:
    kept, *value, place = line
    return Found(bool(kept), NOTHING if place else tuple(value), place)


def fill(store: Store, stored: Sequence[StoredRow]) -> None:
    store.command("TRUNCATE TABLE rows")
    lines = (f"{number}\t" + "\t".join(map(escaped, row)) + "\n" for number, row in enumerate(stored))
    store.insert_rows("rows", ["number", *StoredRow._fields], "".join(lines).encode(), "TabSeparated")


def escaped(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\0", "\\0")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_the_store_finds_what_the_interpreter_finds(store: Store, seed: int) -> None:
    random = Random(seed)
    texts = [Texts(random).any(depth) for depth in (1, 2, 2, 3, 3, 4) for _ in range(2)]
    stored = [Rows(random).row() for _ in range(20)]
    trees = {text: tree for text in texts if (tree := parsed(text)) is not None}
    asked_texts, lines = asked(store, trees, stored)
    for row, line in zip(stored, lines, strict=True):
        for text, found in zip(asked_texts, line, strict=True):
            expected = interpreted(trees[text], row_of(row))
            if found.fault and expected.fault:  # then nobody asks for the rest
                found = found._replace(kept=False)
            assert found == expected, (text, row)
