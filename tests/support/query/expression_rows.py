"""Rows in the store that expressions are evaluated on, and the store's results."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tests.support.query.random_expressions import LOOKUP_COLUMNS, MAPPED, StoredRow
from trackway.query.expressions import (
    Column,
    Expression,
    ExpressionError,
    JsonColumn,
    Kind,
    Lookup,
    Moment,
    Row,
    Scope,
    condition,
    fault,
    from_json,
    of_kind,
    readable,
)
from trackway.query.sql.lookups import LookedUp, Lookups, MappedTable
from trackway.store.client import Store

VERSION = "6f2c9c1e-3f5b-4f0e-9d7a-0a3b0f6f4c11"
OTHERS = "00000000-0000-0000-0000-000000000002"
"""The version of the lookup table, and that of one in another project."""
_TABLES = [MappedTable(name, VERSION, LOOKUP_COLUMNS) for name in MAPPED]
LOOKUPS = Lookups(_TABLES, _TABLES[:3])


def create_rows(store: Store) -> None:
    columns = "number UInt32, properties String, user String, time_ms Int64, name String"
    store.command(f"CREATE TABLE rows ({columns}) ENGINE = Memory")
    columns = "project_id UInt32, version UUID, key String, `values` Array(String)"
    store.command(f"CREATE TABLE lookup_rows ({columns}) ENGINE = Memory")


def row_of(stored: StoredRow, table: Mapping[str, Sequence[str]] | None = None) -> Row:
    properties, user = from_json(stored.properties), from_json(stored.user)
    assert isinstance(properties, dict)
    assert isinstance(user, dict)
    events, users = (_lookups(each, table or {}) for each in LOOKUPS)
    return Row(properties, user, Moment(stored.time_ms), stored.name, events, users)


def _lookups(tables: Sequence[MappedTable], rows: Mapping[str, Sequence[str]]) -> dict[str, Lookup]:
    return {
        f"{each.property} → {name}": Lookup(
            each.property, {key: from_json(values[number]) for key, values in rows.items() if values[number]}
        )
        for each in tables
        for number, name in enumerate(each.columns)
    }


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


def stored_columns(expression: Expression, scope: Scope, parameters: dict[str, Any]) -> list[str]:
    values = [of_kind(expression, kind, scope, parameters) for kind in KINDS]
    values[4] = f"if(isNull({values[4]}), NULL, true)"
    return [condition(expression, scope, parameters), *values, fault(expression, scope, parameters) or "0"]


def asked(
    store: Store,
    trees: Mapping[str, Expression],
    stored: Sequence[StoredRow],
    table: Mapping[str, Sequence[str]] | None = None,
) -> tuple[list[str], list[list[Found]]]:
    """The same by the store: the texts that it was asked, and for each row what it found of each."""
    fill(store, stored, table or {})
    parameters: dict[str, Any] = {"one": 1, "project": 1}
    looked_up = LookedUp(SCOPE, LOOKUPS, parameters)
    columns: dict[str, str] = {}
    for text, tree in trees.items():
        try:
            columns[text] = f"tuple({', '.join(stored_columns(tree, looked_up.scope, parameters))})"
        except ExpressionError as error:
            assert error.message.startswith("too complex"), text
    documents = f"{readable('properties')} AS p, {readable('user')} AS u"
    rows = looked_up.above(f"FROM (SELECT number, time_ms, name, {documents} FROM rows)")
    sql = f"SELECT {', '.join(columns.values())} {rows} WHERE 1 = {{one:UInt8}} ORDER BY number"
    return list(columns), [[found_by_store(each) for each in line] for line in store.query(sql, parameters)]


def found_by_store(line: tuple[Any, ...]) -> Found:
    kept, *value, place = line
    return Found(bool(kept), NOTHING if place else tuple(value), place)


def fill(store: Store, stored: Sequence[StoredRow], table: Mapping[str, Sequence[str]]) -> None:
    """The other project has each key, with values that would be found."""
    for name in ("rows", "lookup_rows"):
        store.command(f"TRUNCATE TABLE {name}")
    rows = [[1, VERSION, key, values] for key, values in table.items()]
    rows += [[2, version, key, ['"other"'] * 2] for key in [*table, "a", "1"] for version in (VERSION, OTHERS)]
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    store.insert_rows("lookup_rows", ["project_id", "version", "key", "values"], text.encode(), "JSONCompactEachRow")
    lines = (f"{number}\t" + "\t".join(map(escaped, row)) + "\n" for number, row in enumerate(stored))
    store.insert_rows("rows", ["number", *StoredRow._fields], "".join(lines).encode(), "TabSeparated")


def escaped(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\0", "\\0")
