"""What expressions may refer to in an event (protocol §11), and the rows that hold it.

There is one scope for exports, pages and reports. `properties["distinct_id"]` and `properties["$distinct_id"]` are the
person, that is the id that an export shows. The stored id is `properties["$distinct_id_before_identity"]` where it is
another one. The server makes these properties, so they count before properties of the same name that a client sent.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from trackway.domain.export_properties import CONFLICT, EXACT_TIME, ID_BEFORE
from trackway.query.expressions import (
    Column,
    Expression,
    JsonColumn,
    Kind,
    MapColumn,
    Scope,
    condition,
    event_properties,
    readable,
    user_properties,
)
from trackway.query.sql.events import ALL_COLUMNS, Events
from trackway.query.sql.lookups import LookedUp, Lookups, own_names
from trackway.query.sql.person import JOIN_SETTINGS, Known, with_failures, with_person
from trackway.query.sql.tables import rows_from, rows_in

NO_LOOKUPS: Final = Lookups()
TIME_S: Final = "intDiv(toUnixTimestamp64Milli(time), 1000)"
TIME_MS: Final = "toUnixTimestamp64Milli(time)"

_PERSON: Final = {
    "distinct_id": Column(Kind.STRING, "person"),
    "$distinct_id": Column(Kind.STRING, "person"),
    ID_BEFORE: Column(Kind.STRING, "if(person = distinct_id, NULL, distinct_id)"),
}
_FAILURES: Final = {
    "$identity_failure_reason": Column(Kind.STRING, f"if(conflicting, '{CONFLICT}', NULL)"),
    "$failure_reason": Column(Kind.STRING, "nullIf(failure_reason, '')"),
}
EVENT_SCOPE: Final = Scope(
    properties=JsonColumn("document"),
    columns={
        "time": Column(Kind.NUMBER, f"toFloat64({TIME_S})", f"{TIME_S} * 1000"),
        "$time": Column(Kind.DATETIME, TIME_MS),
        "$insert_id": Column(Kind.STRING, "insert_id"),
        "$import": Column(Kind.BOOLEAN, "if(endpoint = 2, true, NULL)"),
        "$mp_api_endpoint": Column(Kind.STRING, "if(endpoint = 2, '/import', '/track')"),
        "$mp_api_timestamp_ms": Column(Kind.NUMBER, "toFloat64(intDiv(toUnixTimestamp64Micro(received), 1000))"),
        "mp_processing_time_ms": Column(Kind.NUMBER, "toFloat64(toUnixTimestamp64Milli(loaded))"),
        EXACT_TIME: Column(Kind.NUMBER, f"if({TIME_MS} % 1000 = 0, NULL, toFloat64({TIME_MS}))"),
        **_PERSON,
        **_FAILURES,
    },
    user=MapColumn("raws"),
    time_ms=TIME_MS,
    name="toString(event)",
)
"""The columns that it names are those of `rows_of` with the needs of the expression."""


TIME_COLUMNS: Final = frozenset({"time", "$time", EXACT_TIME})
"""Properties that the time of an event gives."""
_TABLE_SCOPE: Final = EVENT_SCOPE._replace(properties=JsonColumn(f"({readable('properties')})"))
"""The same for conditions on the table itself, which has no `document`."""


class Needs(NamedTuple):
    """What an expression refers to besides an event's own columns, or what else a statement reads of a row.

    `document` is the JSON of the properties. `users` names the properties of users' profiles.
    """

    document: bool = False
    person: bool = False
    failures: bool = False
    users: Sequence[str] = ()

    @property
    def joins(self) -> bool:
        """Whether it needs more than the table of events."""
        return self.person or self.failures

    def __or__(self, other: "Needs") -> "Needs":
        users = tuple(dict.fromkeys((*self.users, *other.users)))
        return Needs(
            self.document or other.document, self.person or other.person, self.failures or other.failures, users
        )


class Rows(NamedTuple):
    """The end of a statement that begins with SELECT: `sql` from FROM on, `settings`, and the values that they bind.

    `parts`: the values that bind each part of the rows, where they come in parts. `parameters` has those of the first.
    """

    sql: str
    settings: str
    parameters: dict[str, Any]
    parts: Sequence[Mapping[str, Any]] = ()


def needs_of(expression: Expression | None, lookups: Lookups = NO_LOOKUPS) -> Needs:
    """What an expression refers to; None refers to nothing."""
    if expression is None:
        return Needs()
    names = own_names(lookups.events, event_properties(expression))
    users = sorted(own_names(lookups.users, user_properties(expression)))
    return Needs(
        document=bool(names - EVENT_SCOPE.columns.keys()),
        person=bool(users) or not names.isdisjoint(_PERSON),
        failures=not names.isdisjoint(_FAILURES),
        users=tuple(users),
    )


def rows_of(
    events: Events,
    known: Known,
    *,
    deduplicated: bool,
    where: Expression | None = None,
    needs: Needs | None = None,
    columns: str = ALL_COLUMNS,
) -> Rows:
    """Events with what `needs` and `where` refer to, of those only the ones for which `where` is true.

    `columns` are columns of the table, and include all that is read of a row. Raises ExpressionError for a `where`
    whose SQL is too large.
    """
    needs = needs_of(where, known.lookups) | (needs or Needs())
    parameters = dict(events.parameters)
    looked_up = LookedUp(EVENT_SCOPE, known.lookups, parameters)
    chosen = None if where is None else condition(where, looked_up.scope, parameters)
    shown = f"{columns}, {readable('properties')} AS document" if needs.document else columns
    rows = events.select(shown, deduplicated=deduplicated)
    if needs.person:
        rows = with_person(rows, known)
    if needs.failures:
        rows = with_failures(rows, known)
    sql = rows_from(rows, "entry")
    if needs.users:
        sql += f" LEFT JOIN ({_profiles(needs.users, parameters)}) AS profile ON entry.person = profile.id"
    sql = looked_up.above(sql)
    if chosen is not None:
        sql += f" WHERE {chosen}"
    return Rows(sql, JOIN_SETTINGS if needs.joins else "", parameters)


def copies_of(events: Events, known: Known, where: Expression | None) -> Rows:
    """Events for which `where` is true, copies included. Raises as `rows_of`.

    If the table has everything that `where` refers to, the condition is on the table, because only then does the store
    cache which parts of the table have no such event. A search that is repeated or continued skips these.
    """
    has_columns = where is None or not _names_columns(where, known.lookups)
    if needs_of(where, known.lookups).joins or not has_columns:
        return rows_of(events, known, deduplicated=False, where=where)
    parameters = dict(events.parameters)
    if where is not None:
        events = events.having(properties=[condition(where, _TABLE_SCOPE, parameters)])
    return Rows(events.from_sql(deduplicated=False), "", parameters)


def _names_columns(where: Expression, lookups: Lookups) -> bool:
    """Whether an expression refers to a column of a lookup table."""
    names = set(event_properties(where))
    return own_names(lookups.events, names) != names


def _profiles(names: Sequence[str], parameters: dict[str, Any]) -> str:
    """A query's text that gives the users' profiles, each with these properties only. The store holds them in memory.

    The table's key and FINAL leave one profile for each user, so that a plain join does. The embedded engine crashes
    on an ANY join with a condition on its right side.
    """
    profile = JsonColumn("document")
    pairs: list[str] = []
    for number, name in enumerate(names):
        parameters[f"user_{number}"] = name
        bound = f"{{user_{number}:String}}"
        pairs += [bound, profile.raw(bound)]
    users = rows_in("profiles", "group_key = ''", final=True)
    documents = f"SELECT profile_id, {readable('properties')} AS document {users}"
    return f"SELECT profile_id AS id, map({', '.join(pairs)}) AS raws {rows_from(documents)}"
