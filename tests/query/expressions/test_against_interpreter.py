"""The store and the interpreter find the same, whatever the expression and the row.

Many expressions and rows go to the store in one query: it is the engine that is tested, not the time it takes to ask.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.query.expressions.generated import StoredRow, expressions, rows
from tests.store.running import running_store

from trackway.query.expressions import (
    Expression,
    ExpressionError,
    Moment,
    Row,
    Scope,
    condition,
    evaluate,
    fault,
    from_json,
    json_column,
    parse,
)
from trackway.store.client import Store

SCOPE = Scope(json_column("properties"), json_column("user"), {}, "time_ms", "name")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as running, closing(Store(running.url)) as client:
        client.command(
            "CREATE TABLE rows (number UInt32, properties String, user String, time_ms Int64, name String) ENGINE = Memory"
        )
        yield client


def row_of(stored: StoredRow) -> Row:
    properties, user = from_json(stored.properties), from_json(stored.user)
    assert isinstance(properties, dict)
    assert isinstance(user, dict)
    return Row(properties, user, Moment(stored.time_ms), stored.name)


def parsed(texts: Sequence[str]) -> list[Expression]:
    """Those of the texts that are expressions: an operand of `and` may be refused for its kind."""
    found = []
    for text in texts:
        try:
            found.append(parse(text))
        except ExpressionError as error:
            assert "expected a boolean beside" in error.message, text
    return found


def interpreted(expression: Expression, row: Row) -> tuple[bool, int]:
    """Whether it is true, and the place of its first operand that is no boolean (then it does not matter)."""
    try:
        return evaluate(expression, row) is True, 0
    except ExpressionError as error:
        return False, error.position


def asked(store: Store, expressions: Sequence[Expression], stored: Sequence[StoredRow]) -> list[list[tuple[bool, int]]]:
    """The same by the store, row by row."""
    fill(store, stored)
    parameters: dict[str, Any] = {"one": 1}
    columns = []
    for expression in expressions:
        columns.append(condition(expression, SCOPE, parameters))
        columns.append(fault(expression, SCOPE, parameters) or "0")
    found = store.query(f"SELECT {', '.join(columns)} FROM rows WHERE 1 = {{one:UInt8}} ORDER BY number", parameters)
    return [[(bool(line[at]), line[at + 1]) for at in range(0, len(line), 2)] for line in found]


def fill(store: Store, stored: Sequence[StoredRow]) -> None:
    store.command("TRUNCATE TABLE rows")
    lines = (f"{number}\t" + "\t".join(map(escaped, row)) + "\n" for number, row in enumerate(stored))
    store.insert_rows("rows", ["number", *StoredRow._fields], "".join(lines).encode(), "TabSeparated")


def escaped(value: str | int) -> str:
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\0", "\\0")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(expressions, min_size=12, max_size=12), st.lists(rows, min_size=12, max_size=12))
def test_the_store_finds_what_the_interpreter_finds(store: Store, texts: list[str], stored: list[StoredRow]) -> None:
    trees = parsed(texts)
    if not trees:
        return
    found = asked(store, trees, stored)
    for row, line in zip(stored, found, strict=True):
        for tree, text, (is_true, place) in zip(trees, [t for t in texts if _parses(t)], line, strict=True):
            expected, expected_place = interpreted(tree, row_of(row))
            assert place == expected_place, (text, row)
            if not place:
                assert is_true is expected, (text, row)


def _parses(text: str) -> bool:
    return bool(parsed([text]))
