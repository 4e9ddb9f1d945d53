"""What an expression may refer to in some query, and the SQL of each."""

from collections.abc import Mapping
from typing import NamedTuple

from trackway.query.expressions.rawjson import Raws
from trackway.query.expressions.values import Kind


class Column(NamedTuple):
    """A property that has a column of its own: its one kind and its SQL, NULL where the row does not have it."""

    kind: Kind
    sql: str


class Scope(NamedTuple):
    """The SQL of what expressions refer to; None is what cannot be referred to here.

    `properties` and `user` are where raws lie by name, `columns` the properties that do not lie in that JSON; `time_ms`
    is the event's time in milliseconds (Int64), `name` its name.
    """

    properties: Raws
    user: Raws | None = None
    columns: Mapping[str, Column] = {}
    time_ms: str | None = None
    name: str | None = None
