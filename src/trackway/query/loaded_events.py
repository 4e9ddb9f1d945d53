"""Events by the order in which they were loaded: those of a range of the journal's positions, day by day.

A range ends at the loader's cursor, before which every record counts. So the events of a range are complete, whatever
their own time, and the next range begins where it ended. An event that is received again is in a later range once more.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from enum import Enum
from typing import Any, Final, NamedTuple

from trackway.query.identity_lookup import known
from trackway.query.limits import EXPORT_CHECK_S_MAX
from trackway.query.sql.days import UTC_DAYS
from trackway.query.sql.event_line import COLUMNS, event_line
from trackway.query.sql.events import Events, project_events
from trackway.query.sql.scope import TIME_MS, Needs, rows_of
from trackway.query.sql.tables import CURSOR, rows_from
from trackway.store.reader import Reader

_FROM: Final = "position >= {from_position:UInt64}"
_BEFORE: Final = "position < {before_position:UInt64}"
_FIELDS: Final = {
    "event": "toString(event)",
    "time_ms": TIME_MS,
    "distinct_id": "toString(person)",
    "distinct_id_before_identity": "toString(distinct_id)",
    "device_id": "toString(device_id)",
    "user_id": "toString(user_id)",
    "insert_id": "toString(insert_id)",
    "endpoint": "if(endpoint = 2, '/import', '/track')",
    "received_us": "toUnixTimestamp64Micro(received)",
    "loaded_ms": "toUnixTimestamp64Milli(loaded)",
    "properties": "toString(properties)",
}
# Columns are renamed last: one with the name of a table's column would replace it in the conditions.
_VALUES: Final = ", ".join(f"{sql} AS value_{name}" for name, sql in _FIELDS.items())
_NAMED: Final = ", ".join(f"value_{name} AS {name}" for name in _FIELDS)


class Form(Enum):
    """LINES are lines of JSON as the raw export has them; ROWS are objects with one member for each column."""

    LINES = "lines"
    ROWS = "rows"


class LoadedRange(NamedTuple):
    """Events of a project whose records are at these positions; `before` is excluded. Without `names`, of any name."""

    project_id: int
    from_position: int
    before_position: int
    names: Sequence[str] = ()

    def events(self) -> Events:
        events = project_events(self.project_id).having(row=[_BEFORE], before_position=self.before_position)
        if self.from_position:
            events = events.having(row=[_FROM], from_position=self.from_position)
        return events.named(self.names) if self.names else events


class DayCount(NamedTuple):
    """About how many events of a range are of a day of UTC: copies that the store has not merged count too."""

    day: str
    events: int


class LoadedDays(NamedTuple):
    """The days of a range, and the position before which it ends."""

    before_position: int
    days: list[DayCount]


async def loaded_days(
    reader: Reader, project_id: int, from_position: int, before_position: int | None, names: Sequence[str]
) -> LoadedDays:
    """The days that have events of a range; without an end, of all that is loaded. Raises StoreError."""
    if before_position is None:
        ((before_position,),) = await reader.rows(project_id, CURSOR)
    events = LoadedRange(project_id, from_position, int(before_position), names).events()
    sql = f"SELECT toString(toDate(time)), count() {events.from_sql(deduplicated=False)} GROUP BY 1 ORDER BY 1"
    rows = await reader.rows(project_id, sql, dict(events.parameters), time_s=EXPORT_CHECK_S_MAX)
    return LoadedDays(int(before_position), [DayCount(str(day), int(count)) for day, count in rows])


@asynccontextmanager
async def loaded_events(
    reader: Reader, wanted: LoadedRange, day: date, form: Form
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The events of a range and of a day of UTC, in blocks that are not cut at line ends. Leaving the context stops the
    query. Raises StoreError."""
    found = await known(reader, wanted.project_id)
    events = wanted.events().within(UTC_DAYS, day, day)
    rows = rows_of(
        events, found, deduplicated=True, needs=Needs(person=True, failures=form is Form.LINES), columns=COLUMNS
    )
    sql, format_ = f"SELECT {event_line(found)} {rows.sql}{rows.settings}", "TSVRaw"
    if form is Form.ROWS:
        sql = f"SELECT {_NAMED} {rows_from(f'SELECT {_VALUES} {rows.sql}')}{rows.settings}"
        format_ = "JSONEachRow"
    parameters: dict[str, Any] = rows.parameters
    async with reader.stream(wanted.project_id, sql, parameters, format_) as blocks:
        yield blocks
