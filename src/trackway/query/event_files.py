"""Events that a filter chooses, as files: JSON lines as an export has them, or one table in Parquet.

The store itself writes both, and Python passes on blocks of bytes. Each event is in a file once, with the person that
it belongs to now.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from trackway.query.expressions import Expression
from trackway.query.expressions.tree import Junction
from trackway.query.filtered_events import FilteredEvents
from trackway.query.identity_lookup import known
from trackway.query.limits import EXPORT_CHECK_S_MAX
from trackway.query.mapped_tables import Mapped, lookups_of
from trackway.query.reports.insights import chosen_by
from trackway.query.sql.event_line import COLUMNS, event_line
from trackway.query.sql.person import Known
from trackway.query.sql.scope import Needs, Rows, rows_of
from trackway.query.sql.selector import Selector, named_by
from trackway.query.sql.tables import rows_from
from trackway.store.reader import Reader

_TYPES: Final = {
    "event": "toString(event)",
    "time": "toDateTime64(time, 3, 'UTC')",
    "distinct_id": "toString(person)",
    "distinct_id_before_identity": "toString(distinct_id)",
    "device_id": "toString(device_id)",
    "user_id": "toString(user_id)",
    "insert_id": "toString(insert_id)",
    "endpoint": "if(endpoint = 2, '/import', '/track')",
    "received": "toDateTime64(received, 6, 'UTC')",
    "loaded": "toDateTime64(loaded, 3, 'UTC')",
    "properties": "toString(properties)",
}
"""The columns of a table, each of one type."""
# Columns are renamed last: one with the name of a table's column would replace it in the conditions.
_VALUES: Final = ", ".join(f"{sql} AS value_{name}" for name, sql in _TYPES.items())
_NAMED: Final = ", ".join(f"value_{name} AS {name}" for name in _TYPES)


async def of_report(
    reader: Reader,
    project_id: int,
    selectors: Sequence[Selector],
    where: Expression | None,
    bounds_ms: tuple[int, int],
    mapped: Sequence[Mapped],
) -> FilteredEvents:
    """The events that one of the selectors of a report chooses, of those that meet its condition. Raises StoreError."""
    known = Known(links=False, lookups=await lookups_of(reader, project_id, mapped))
    conditions = tuple(each for each in (where, chosen_by(selectors)) if each is not None)
    both = Junction(1, "and", conditions) if conditions else None
    return FilteredEvents(named_by(project_id, selectors).between(*bounds_ms), both, known)


@asynccontextmanager
async def event_lines(reader: Reader, project_id: int, chosen: FilteredEvents) -> AsyncIterator[AsyncIterator[bytes]]:
    """Events as lines of JSON, as the raw export has them, in blocks that are not cut at line ends. Leaving the context
    stops the query. Raises StoreError, ExpressionError."""
    found = await _known(reader, project_id, chosen)
    rows = _rows(chosen, found)
    sql = f"SELECT {event_line(found)} {rows.sql}{rows.settings}"
    async with reader.stream(project_id, sql, rows.parameters) as lines:
        yield lines


@asynccontextmanager
async def event_table(reader: Reader, project_id: int, chosen: FilteredEvents) -> AsyncIterator[AsyncIterator[bytes]]:
    """Events as one file in Parquet: the columns of `_TYPES`, times with the zone UTC, `properties` as JSON text.

    The embedded store makes the whole file before its first byte, so callers ask `is_more_than` first. Raises
    StoreError, ExpressionError.
    """
    rows = _rows(chosen, await _known(reader, project_id, chosen))
    sql = f"SELECT {_NAMED} {rows_from(f'SELECT {_VALUES} {rows.sql}')}{rows.settings}"
    async with reader.stream(project_id, sql, rows.parameters, "Parquet") as blocks:
        yield blocks


async def is_more_than(reader: Reader, project_id: int, chosen: FilteredEvents, events_max: int) -> bool:
    """Whether there are more events than a number. Raises StoreError, ExpressionError."""
    rows = _rows(chosen, await _known(reader, project_id, chosen))
    counted = f"SELECT 1 {rows.sql} LIMIT {{beyond:UInt32}}"
    parameters = rows.parameters | {"beyond": events_max + 1}
    sql = f"SELECT count() {rows_from(counted)}{rows.settings}"
    ((number,),) = await reader.rows(project_id, sql, parameters, time_s=EXPORT_CHECK_S_MAX)
    return int(number) > events_max


async def _known(reader: Reader, project_id: int, chosen: FilteredEvents) -> Known:
    return (await known(reader, project_id))._replace(lookups=chosen.known.lookups)


def _rows(chosen: FilteredEvents, found: Known) -> Rows:
    needs = Needs(person=True, failures=True)
    return rows_of(chosen.events, found, deduplicated=True, where=chosen.where, needs=needs, columns=COLUMNS)
