"""The SQL of the raw event export: stored rows out as the JSON lines of protocol §7, made by the store itself.

Python never sees an event here, only blocks of bytes; that is what keeps an export fast and its memory flat. Values
come in as bound parameters, never as text of the statement.
"""

from collections.abc import Generator, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from trackway.store.client import Store


class ExportQuery(NamedTuple):
    """What to export. Dates are inclusive, in UTC; no `events` means all names; no `limit` means no bound."""

    project_id: int
    from_date: date
    to_date: date
    events: Sequence[str] | None
    limit: int | None
    time_in_ms: bool
    deduplicated: bool


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


def export_lines(store: Store, query: ExportQuery) -> Generator[bytes]:
    """The lines in blocks of bytes, not cut at line ends. Closing the iterator stops the query."""
    sql, parameters = export_sql(query)
    return store.stream(sql, parameters, "TSVRaw")


def export_sql(query: ExportQuery) -> tuple[str, dict[str, Any]]:
    """The statement and its parameters. Without `deduplicated`, copies that the store has not merged away stay."""
    parameters: dict[str, Any] = {
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
    sql = "SELECT " + _LINE % (_TIME_MS if query.time_in_ms else _TIME_S)
    sql += " FROM events" + (" FINAL" if query.deduplicated else "")
    sql += " WHERE " + " AND ".join(conditions)
    if query.limit is not None:
        sql += " LIMIT {limit:UInt32}"
        parameters["limit"] = query.limit
    return sql, parameters
