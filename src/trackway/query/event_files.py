"""Events that a filter chooses, as files: JSON lines as an export has them, one table in Parquet, or rows of CSV.

The store itself writes all of them, and Python passes on blocks of bytes. Each event is in a file once, with the person
that it belongs to now.
"""

import json
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

_LINE_NEEDS: Final = Needs(person=True, failures=True)
CELL_COLUMNS: Final = tuple(name for name in _TYPES if name != "properties")
"""The columns that each row of CSV begins with. No property has a column of its own by one of these names."""
_TIMES: Final = frozenset({"time", "received", "loaded"})
_FOUND: Final = "JSONExtract(document, 'Map(String, String)')"
"""The properties by name: a string as it is, '' for null, other values as JSON text."""
_NAMES: Final = "JSONExtract({columns:String}, 'Array(String)')"
_FORMULA: Final = r"substring({0}, 1, 1) IN ('=', '+', '-', '@', '\t', '\r')"
_NUMBER: Final = r"match({0}, '^-[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$')"
_REST: Final = "concat(toJSONString(_n), ':', JSONExtractRaw(document, _n))"


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


async def frequent_names(reader: Reader, project_id: int, chosen: FilteredEvents, names_max: int) -> list[str]:
    """The names of properties that most of the events have, by falling number, without those of CELL_COLUMNS. Raises
    StoreError, ExpressionError."""
    rows = _rows(chosen, await _known(reader, project_id, chosen), Needs(document=True, person=True))
    each = rows_from(f"SELECT arrayJoin(arrayDistinct(mapKeys({_FOUND}))) AS name {rows.sql}")
    sql = f"SELECT name {each} WHERE NOT has({_NAMES}, name) GROUP BY name ORDER BY count() DESC, name"
    sql += f" LIMIT {{names:UInt32}}{rows.settings}"
    parameters = rows.parameters | {"columns": json.dumps(CELL_COLUMNS), "names": names_max}
    return [str(name) for (name,) in await reader.rows(project_id, sql, parameters, time_s=EXPORT_CHECK_S_MAX)]


@asynccontextmanager
async def event_cells(
    reader: Reader, project_id: int, chosen: FilteredEvents, names: Sequence[str]
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Events as rows of CSV without a head: the columns of CELL_COLUMNS with times in UTC, a column for each of these
    properties, and all other properties as one JSON object, "" for none. Lines end with a line feed.

    A text that a spreadsheet would run begins with a quote. Leaving the context stops the query. Raises StoreError,
    ExpressionError.
    """
    rows = _rows(chosen, await _known(reader, project_id, chosen), Needs(document=True, person=True))
    found = rows_from(f"SELECT {_VALUES}, document, {_FOUND} AS found {rows.sql}")
    others = f"arrayFilter(_n -> NOT has({_NAMES}, _n), arrayDistinct(mapKeys(found)))"
    cells = f"arrayMap(_n -> {_cell('found[_n]')}, {_NAMES})"
    columns = [f"value_{name}" if name in _TIMES else _cell(f"value_{name}") for name in CELL_COLUMNS]
    columns += [f"cells[{number}]" for number in range(1, len(names) + 1)]
    columns.append(
        f"if(empty(others), '', concat('{{', arrayStringConcat(arrayMap(_n -> {_REST}, others), ','), '}}'))"
    )
    sql = f"SELECT {', '.join(columns)} {rows_from(f'SELECT *, {cells} AS cells, {others} AS others {found}')}"
    sql += rows.settings
    async with reader.stream(project_id, sql, rows.parameters | {"columns": json.dumps(list(names))}, "CSV") as blocks:
        yield blocks


def _cell(text: str) -> str:
    """A text, after a quote where a spreadsheet would take it for a formula. Negative numbers stay numbers."""
    return f"if({_FORMULA.format(text)} AND NOT {_NUMBER.format(text)}, concat(char(39), {text}), {text})"


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


def _rows(chosen: FilteredEvents, found: Known, needs: Needs = _LINE_NEEDS) -> Rows:
    return rows_of(chosen.events, found, deduplicated=True, where=chosen.where, needs=needs, columns=COLUMNS)
