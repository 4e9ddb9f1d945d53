"""The SQL of the raw event export: stored rows out as the JSON lines of protocol §7, made by the store itself.

Python never sees an event here, only blocks of bytes; that is what keeps an export fast and its memory flat. Values
come in as bound parameters, never as text of the statement.
"""

from collections.abc import Generator, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from trackway.query.expressions import (
    Column,
    Expression,
    JsonColumn,
    Kind,
    MapColumn,
    Scope,
    condition,
    fault,
    readable,
    user_properties,
)
from trackway.store.client import Store


class ExportQuery(NamedTuple):
    """What to export. Dates are inclusive, in UTC; no `events` means all names; no `limit` means no bound; no `where`
    means all events."""

    project_id: int
    from_date: date
    to_date: date
    events: Sequence[str] | None
    limit: int | None
    time_in_ms: bool
    deduplicated: bool
    where: Expression | None = None


_LINE = """concat(
    '{"event":', toJSONString(toString(event)),
    ',"properties":{"time":', toString(%s),
    ',"distinct_id":', toJSONString(distinct_id),
    ',"$insert_id":', toJSONString(insert_id),
    if(endpoint = 2, ',"$import":true,"$mp_api_endpoint":"/import"', ',"$mp_api_endpoint":"/track"'),
    ',"$mp_api_timestamp_ms":', toString(intDiv(toUnixTimestamp64Micro(received), 1000)),
    ',"mp_processing_time_ms":', toString(toUnixTimestamp64Milli(loaded)),
    if(properties = '{}', '', concat(',', substring(properties, 2, length(properties) - 2))),
    '}}')"""
_TIME_S = "intDiv(toUnixTimestamp64Milli(time), 1000)"
_TIME_MS = "toUnixTimestamp64Milli(time)"
_USERS = "FROM profiles FINAL WHERE project_id = {project:UInt32} AND group_key = ''"
_COLUMNS = "time, event, distinct_id, insert_id, endpoint, received, loaded, properties"
_STORED = Scope(
    properties=JsonColumn("document"),
    # What a line shows as properties and what does not lie in that JSON.
    columns={
        "time": Column(Kind.NUMBER, f"toFloat64({_TIME_S})"),
        "distinct_id": Column(Kind.STRING, "distinct_id"),
        "$insert_id": Column(Kind.STRING, "insert_id"),
        "$import": Column(Kind.BOOLEAN, "if(endpoint = 2, true, NULL)"),
        "$mp_api_endpoint": Column(Kind.STRING, "if(endpoint = 2, '/import', '/track')"),
        "$mp_api_timestamp_ms": Column(Kind.NUMBER, "toFloat64(intDiv(toUnixTimestamp64Micro(received), 1000))"),
        "mp_processing_time_ms": Column(Kind.NUMBER, "toFloat64(toUnixTimestamp64Milli(loaded))"),
    },
    user=MapColumn("user_raws"),
    time_ms=_TIME_MS,
    name="toString(event)",
)


def export_lines(store: Store, query: ExportQuery) -> Generator[bytes]:
    """The lines in blocks of bytes, not cut at line ends. Closing the iterator stops the query.

    Raises ExpressionError, at once, for a `where` that cannot be asked.
    """
    sql, parameters = export_sql(query)
    return store.stream(sql, parameters, "TSVRaw")


def find_fault(store: Store, query: ExportQuery) -> int:
    """The place of the first operand of `where` that is no boolean in some event of the export, 0 if there is none.

    Raises ExpressionError for a `where` that cannot be asked.
    """
    parameters: dict[str, Any] = {}
    place = query.where and fault(query.where, _STORED, parameters)
    if place is None:
        return 0
    events = _events(query, parameters)
    [(first,)] = store.query(f"SELECT min({place} AS place) {events} WHERE place != 0", parameters)
    return int(first)


def export_sql(query: ExportQuery) -> tuple[str, dict[str, Any]]:
    """The statement and its parameters. Without `deduplicated`, copies that the store has not merged away stay."""
    parameters: dict[str, Any] = {}
    chosen = query.where and condition(query.where, _STORED, parameters)
    sql = f"SELECT {_LINE % (_TIME_MS if query.time_in_ms else _TIME_S)} {_events(query, parameters)}"
    if chosen is not None:
        sql += f" WHERE {chosen}"
    if query.limit is not None:
        sql += " LIMIT {limit:UInt32}"
        parameters["limit"] = query.limit
    return sql, parameters


def _events(query: ExportQuery, parameters: dict[str, Any]) -> str:
    """FROM the events that `where` is to choose from, with what it speaks of."""
    parameters |= {
        "project": query.project_id,
        "begin": query.from_date.isoformat(),
        "end": (query.to_date + timedelta(days=1)).isoformat(),
    }
    conditions = [
        "project_id = {project:UInt32}",
        "time >= toDateTime64({begin:String}, 3, 'UTC')",
        "time < toDateTime64({end:String}, 3, 'UTC')",
        # The same bound again in the words of the primary key.
        "toDate(time) >= toDate({begin:String})",
        "toDate(time) < toDate({end:String})",
    ]
    if query.events is not None:
        conditions.append("has({events:Array(String)}, event)")
        parameters["events"] = list(query.events)
    table = "events" + (" FINAL" if query.deduplicated else "")
    columns = [_COLUMNS]
    if query.where is not None:
        columns.append(f"{readable('properties')} AS document")
    if query.where is not None and (names := user_properties(query.where)):
        table += f" LEFT JOIN ({_profiles(names, parameters)}) AS profile ON distinct_id = profile.id"
        columns.append("profile.raws AS user_raws")
    # What a client sent is in the parameters only.
    return f"FROM (SELECT {', '.join(columns)} FROM {table} WHERE {' AND '.join(conditions)})"  # noqa: S608


def _profiles(names: Sequence[str], parameters: dict[str, Any]) -> str:
    """The users' profiles of the project, each with only those properties that are asked for, to be held in memory.

    One a user, by the table's key and FINAL. So a plain join is enough; the embedded engine dies of an ANY join whose
    right side is asked for in WHERE.
    """
    profile = JsonColumn("document")
    pairs: list[str] = []
    for number, name in enumerate(names):
        parameters[f"user_{number}"] = name
        bound = f"{{user_{number}:String}}"
        pairs += [bound, profile.raw(bound)]
    documents = f"SELECT profile_id, {readable('properties')} AS document {_USERS}"
    return f"SELECT profile_id AS id, map({', '.join(pairs)}) AS raws FROM ({documents})"  # noqa: S608  as above
