"""The columns of lookup tables as properties, as SQL: `properties["P → column"]` where P is mapped to a table.

A value of P is looked up by its text, as `string(x)` writes it. Of a list each element is looked up, so the result is a
list, too. Elements without a row are null in it; where all are without one, the result is undefined. Lists that the
table has are joined to one.

The store holds one column of one version of a table in memory while a query runs: 64 bits of a hash for each key, and
the value; with the copies that it makes of them some 150 bytes a row. Two keys with equal hashes count as one, as they
do when a table is read. A client that could make such keys gains nothing, because it may send the other value anyway. A
join would cost more than the look-up of a constant, and cannot look up the elements of a list.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from trackway.query.expressions import Column, Kind, Scope, is_raw, of_raw
from trackway.query.expressions.casts import cast
from trackway.query.expressions.rawjson import Raws, elements
from trackway.query.sql.tables import rows_from, rows_in

ARROW: Final = " → "
"""What stands between a property and a column of its table."""


class MappedTable(NamedTuple):
    """A property and its lookup table: the current version, and the names of the columns after the key's."""

    property: str
    version: str
    columns: Sequence[str]


class Lookups(NamedTuple):
    """The mapped tables of a project: those of properties of events, and of users' profiles."""

    events: Sequence[MappedTable] = ()
    users: Sequence[MappedTable] = ()


class LookedUp:
    """A scope, and the columns of lookup tables in it. `scope` refers to each as a column `looked_0` …, which the rows
    have that `above` gives. Values that these bind go to `parameters`, which also binds `project`."""

    def __init__(self, scope: Scope, lookups: Lookups, parameters: dict[str, Any]) -> None:
        self._made: dict[str, str] = {}
        self.scope = scope
        if lookups.events:
            raws = _Raws(scope.properties, scope.columns, lookups.events, parameters, self._made)
            self.scope = self.scope._replace(properties=raws)
        if lookups.users and scope.user is not None:
            raws = _Raws(scope.user, {}, lookups.users, parameters, self._made)
            self.scope = self.scope._replace(user=raws)

    @property
    def made(self) -> Collection[str]:
        """SQL of the columns that SQL of the scope refers to so far."""
        return self._made.keys()

    def above(self, rows: str) -> str:
        """FROM the rows of another FROM, with the columns that SQL of the scope refers to so far."""
        if not self._made:
            return rows
        columns = ", ".join(f"{sql} AS {name}" for sql, name in self._made.items())
        return rows_from(f"SELECT *, {columns} {rows}")


def own_names(tables: Sequence[MappedTable], names: Iterable[str]) -> set[str]:
    """The properties that are read for those names: for a column of a table the mapped property."""
    found = ((name, _find(tables, name)) for name in names)
    return {name if column is None else column.property for name, column in found}


class _Found(NamedTuple):
    """A column of a table; `number` counts the columns after the key's from 1."""

    property: str
    version: str
    number: int


def _find(tables: Sequence[MappedTable], name: str) -> _Found | None:
    """The column that a name means. Where several tables have one, that of the first table is meant."""
    for each in tables:
        column = name.removeprefix(f"{each.property}{ARROW}")
        if column != name and column in each.columns:
            return _Found(each.property, each.version, list(each.columns).index(column) + 1)
    return None


class _Raws:
    """Raws of a row, with the columns of tables among them. `made` has the names of the columns by their SQL."""

    def __init__(
        self,
        own: Raws,
        columns: Mapping[str, Column],
        tables: Sequence[MappedTable],
        parameters: dict[str, Any],
        made: dict[str, str],
    ) -> None:
        self._own = own
        self._columns = columns
        self._tables = tables
        self._parameters = parameters
        self._made = made
        self._bound: dict[tuple[str, Any], str] = {}

    def raw(self, name: str) -> str:
        """As `Raws.raw`. A `name` of a client is SQL of one bound parameter, `{name:String}`."""
        found = self._find(name)
        return self._own.raw(name) if found is None else self._looked_up(found)

    def elements(self, name: str) -> str:
        """As `Raws.elements`."""
        found = self._find(name)
        return self._own.elements(name) if found is None else elements(self._looked_up(found))

    def _find(self, name: str) -> _Found | None:
        property = self._parameters.get(name[1:].partition(":")[0])
        return _find(self._tables, property) if isinstance(property, str) else None

    def _looked_up(self, found: _Found) -> str:
        """The column that holds the raw."""
        column = self._columns.get(found.property)
        if column is not None:
            sql = self._value(found, f"ifNull({cast(column.sql, column.kind, Kind.STRING)}, '')")
        else:
            name = self._bind(found.property, "String")
            sql = self._of_json(found, self._own.raw(name), self._own.elements(name))
        return self._made.setdefault(sql, f"looked_{len(self._made)}")

    def _value(self, found: _Found, key: str) -> str:
        """The raw that the column has for a key, '' if it has none. No key is empty. The engine makes one table of
        hashes for each such text in a statement."""
        value = f"`values`[{self._bind(found.number, 'UInt16')}]"
        return f"transform(cityHash64({key}), {self._all(found, 'cityHash64(key)')}, {self._all(found, value)}, '')"

    def _all(self, found: _Found, sql: str) -> str:
        """A constant: an array of something of all rows, in the order of the keys. The order comes with the table's
        key. A tuple of both arrays would be copied value by value, 56 bytes each."""
        rows = rows_in("lookup_rows", f"version = {self._bind(found.version, 'UUID')}")
        ordered = f"SELECT key, `values` {rows} ORDER BY project_id, version, key"
        return f"(SELECT groupArray({sql}) {rows_from(ordered)})"

    def _of_json(self, found: _Found, raw: str, listed: str) -> str:
        """The raw that the column has for a raw, whose elements are `listed` if it is a list."""
        is_list = is_raw(raw, Kind.LIST)
        keys = f"if({is_list}, arrayMap(_k -> {_text('_k')}, {listed}), [{_text(raw)}])"
        looked = f"arrayMap(_k -> {self._value(found, '_k')}, {keys})"
        inner = "substring(_v, 2, length(_v) - 2)"
        each = f"arrayMap(_v -> multiIf(_v = '', 'null', startsWith(_v, '['), {inner}, _v), _l)"
        joined = f"concat('[', arrayStringConcat(arrayFilter(_v -> _v != '', {each}), ','), ']')"
        made = f"multiIf(NOT {is_list}, _l[1], arrayExists(_v -> _v != '', _l), {joined}, '')"
        return f"arrayMap(_l -> {made}, [{looked}])[1]"

    def _bind(self, value: str | int, type: str) -> str:
        key = type, value
        if key not in self._bound:
            name = f"lookup_{len(self._parameters)}"
            self._parameters[name] = value
            self._bound[key] = f"{{{name}:{type}}}"
        return self._bound[key]


def _text(raw: str) -> str:
    """The text of a raw, '' for what has none."""
    number = cast(of_raw(raw, Kind.NUMBER) or "", Kind.NUMBER, Kind.STRING)
    return (
        f"multiIf({is_raw(raw, Kind.STRING)}, JSONExtractString({raw}), {is_raw(raw, Kind.BOOLEAN)}, {raw},"
        f" ifNull({number}, ''))"
    )
