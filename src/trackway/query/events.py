"""The SQL of the raw event export: stored rows out as the JSON lines of protocol §7, made by the store itself.

Python never sees an event here, only blocks of bytes; that is what keeps an export fast and its memory flat. Values
come in as bound parameters, never as text of the statement.
"""

from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import date, timedelta
from typing import Any, NamedTuple

from trackway.limits import EXPORT_CHECK_S_MAX
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
from trackway.query.identity import CONFLICT, SETTINGS, Known, known, with_failures, with_person
from trackway.store.client import Store
from trackway.store.request import READERS


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
    ',"properties":{"time":', toString({time}),
    ',"distinct_id":',{before} toJSONString(distinct_id),
    ',"$insert_id":', toJSONString(insert_id),{identity}
    if(endpoint = 2, ',"$import":true,"$mp_api_endpoint":"/import"', ',"$mp_api_endpoint":"/track"'),
    ',"$mp_api_timestamp_ms":', toString(intDiv(toUnixTimestamp64Micro(received), 1000)),
    ',"mp_processing_time_ms":', toString(toUnixTimestamp64Milli(loaded)),
    if(properties = '{}', '', concat(',', substring(properties, 2, length(properties) - 2))),
    '}}')"""
_CONFLICT = f"""if(conflicting, ',"$identity_failure_reason":"{CONFLICT}"', ''),"""
_FAILURE = "if(failure_reason = '', '', concat(',\"$failure_reason\":', toJSONString(failure_reason))),"
_TIME_S = "intDiv(toUnixTimestamp64Milli(time), 1000)"
_TIME_MS = "toUnixTimestamp64Milli(time)"
_WITHIN = """project_id = {project:UInt32}
    AND time >= toDateTime64({begin:String}, 3, 'UTC') AND time < toDateTime64({end:String}, 3, 'UTC')
    AND toDate(time) >= toDate({begin:String}) AND toDate(time) < toDate({end:String})"""
"""The bounds of time stand there again in the words of the primary key."""
_USERS = "FROM profiles FINAL WHERE project_id = {project:UInt32} AND group_key = ''"
_COLUMNS = "time, event, distinct_id, insert_id, device_id, user_id, endpoint, received, loaded, properties"
_STORED = Scope(
    properties=JsonColumn("document"),
    # What a line shows as properties and what does not lie in that JSON.
    columns={
        "time": Column(Kind.NUMBER, f"toFloat64({_TIME_S})"),
        "distinct_id": Column(Kind.STRING, "person"),
        "$distinct_id_before_identity": Column(Kind.STRING, "if(person = distinct_id, NULL, distinct_id)"),
        "$identity_failure_reason": Column(Kind.STRING, f"if(conflicting, '{CONFLICT}', NULL)"),
        "$failure_reason": Column(Kind.STRING, "nullIf(failure_reason, '')"),
        "$insert_id": Column(Kind.STRING, "insert_id"),
        "$import": Column(Kind.BOOLEAN, "if(endpoint = 2, true, NULL)"),
        "$mp_api_endpoint": Column(Kind.STRING, "if(endpoint = 2, '/import', '/track')"),
        "$mp_api_timestamp_ms": Column(Kind.NUMBER, "toFloat64(intDiv(toUnixTimestamp64Micro(received), 1000))"),
        "mp_processing_time_ms": Column(Kind.NUMBER, "toFloat64(toUnixTimestamp64Milli(loaded))"),
    },
    user=MapColumn("raws"),
    time_ms=_TIME_MS,
    name="toString(event)",
)


def export_lines(store: Store, query: ExportQuery) -> Generator[bytes]:
    """The lines in blocks of bytes, not cut at line ends. Closing the iterator stops the query.

    Raises ExpressionError, at once, for a `where` that cannot be asked.
    """
    sql, parameters = export_sql(query, known(store, query.project_id))
    return store.stream(sql, parameters, "TSVRaw", {"quota_key": READERS})


def find_fault(store: Store, query: ExportQuery) -> int:
    """The place of the first operand of `where` that is no boolean in some event of the export, 0 if there is none.

    Raises ExpressionError for a `where` that cannot be asked, StoreError for one that takes too long. It is asked
    as the export is, for which the loader's questions need not wait.
    """
    parameters: dict[str, Any] = {}
    place = query.where and fault(query.where, _STORED, parameters)
    if place is None:
        return 0
    events = _events(query, known(store, query.project_id), parameters)
    sql = f"SELECT min({place} AS place) {events} WHERE place != 0{SETTINGS}"
    settings = {"quota_key": READERS, "max_execution_time": str(EXPORT_CHECK_S_MAX)}
    with closing(store.stream(sql, parameters, "TSV", settings)) as pieces:
        return int(b"".join(pieces))


def export_sql(query: ExportQuery, what: Known) -> tuple[str, dict[str, Any]]:
    """The statement and its parameters. Without `deduplicated`, copies that the store has not merged away stay.

    `what` is known of the project's ids: what there is none of is left out.
    """
    parameters: dict[str, Any] = {}
    chosen = query.where and condition(query.where, _STORED, parameters)
    sql = f"SELECT {_line(query, what)} {_events(query, what, parameters)}"
    if chosen is not None:
        sql += f" WHERE {chosen}"
    if query.limit is not None:
        sql += " LIMIT {limit:UInt32}"
        parameters["limit"] = query.limit
    return sql + SETTINGS, parameters


def _line(query: ExportQuery, what: Known) -> str:
    identity = (_CONFLICT if what.conflicts else "") + (_FAILURE if what.refusals else "")
    line = _LINE.replace("{before}", " before_own," if what.links else "").replace("{identity}", identity)
    return line.replace("{time}", _TIME_MS if query.time_in_ms else _TIME_S)


def _events(query: ExportQuery, what: Known, parameters: dict[str, Any]) -> str:
    """FROM the events that `where` is to choose from, with what it speaks of."""
    conditions = [within(query.project_id, query.from_date, query.to_date, parameters)]
    if query.events is not None:
        conditions.append("has({events:Array(String)}, event)")
        parameters["events"] = list(query.events)
    table = "events" + (" FINAL" if query.deduplicated else "")
    columns = _COLUMNS if query.where is None else f"{_COLUMNS}, {readable('properties')} AS document"
    # What a client sent is in the parameters only.
    rows = f"SELECT {columns} FROM {table} WHERE {' AND '.join(conditions)}"  # noqa: S608
    people = with_failures(with_person(rows, what), what)
    if query.where is None or not (names := user_properties(query.where)):
        return f"FROM ({people})"
    profiles = _profiles(names, parameters)
    return f"FROM ({people}) AS entry LEFT JOIN ({profiles}) AS profile ON entry.person = profile.id"


def within(project_id: int, from_date: date, to_date: date, parameters: dict[str, Any]) -> str:
    """The condition on events to be of the project and of these days, both included."""
    parameters |= {
        "project": project_id,
        "begin": from_date.isoformat(),
        "end": (to_date + timedelta(days=1)).isoformat(),
    }
    return _WITHIN


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
