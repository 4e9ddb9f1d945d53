"""The properties and values that an expression may refer to in a query, and their SQL."""

from collections.abc import Mapping
from typing import NamedTuple

from trackway.query.expressions.rawjson import Raws
from trackway.query.expressions.values import Kind


class Column(NamedTuple):
    """A property that has a column of its own: its one kind, and its SQL, which is NULL if the row lacks it.

    `time_ms` is the same time in milliseconds (Int64), for a number that also compares with a datetime.
    """

    kind: Kind
    sql: str
    time_ms: str | None = None


class Scope(NamedTuple):
    """The SQL of everything that expressions may refer to; None is not available in the query.

    `properties` and `user` give raw values by name. `columns` are properties with columns of their own. `time_ms` is
    the event's time in milliseconds (Int64), `name` its name.
    """

    properties: Raws
    user: Raws | None = None
    columns: Mapping[str, Column] = {}
    time_ms: str | None = None
    name: str | None = None
