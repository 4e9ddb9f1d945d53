"""Rows in the store that expressions are evaluated on, and the store's results."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.support.query.random_expressions import StoredRow
from trackway.query.expressions import (
    Column,
    Expression,
    ExpressionError,
    JsonColumn,
    Kind,
    Moment,
    Row,
    Scope,
    condition,
    fault,
    from_json,
    of_kind,
    readable,
)
from trackway.store.client import Store


def create_rows(store: Store) -> None:
    columns = "number UInt32, properties String, user String, time_ms Int64, name String"
    store.command(f"CREATE TABLE rows ({columns}) ENGINE = Memory")


def row_of(stored: StoredRow) -> Row:
    properties, user = from_json(stored.properties), from_json(stored.user)
    assert isinstance(properties, dict)
    assert isinstance(user, dict)
    return Row(properties, user, Moment(stored.time_ms), stored.name)


TIMES = {
    "$time": Column(Kind.DATETIME, "time_ms"),
    "time": Column(Kind.NUMBER, "toFloat64(intDiv(time_ms, 1000))", "intDiv(time_ms, 1000) * 1000"),
}
SCOPE = Scope(JsonColumn("p"), JsonColumn("u"), TIMES, "time_ms", "name")
KINDS = (Kind.BOOLEAN, Kind.NUMBER, Kind.STRING, Kind.DATETIME, Kind.LIST, Kind.OBJECT, Kind.NULL)
NOTHING = (None,) * len(KINDS)


class Found(NamedTuple):
    """What an expression is in a row: kept or not, its value in the place of its kind (of lists and objects only that
    it is one), and the place of the first operand that is no boolean, else 0."""

    kept: bool
    value: tuple[Any, ...]
    fault: int


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
