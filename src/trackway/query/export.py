"""The SQL of the raw event export: the store itself writes the JSON lines of protocol §7.

Python passes on blocks of bytes and never sees an event. That keeps an export fast and its memory flat. Values come in
as bound parameters, never as text of the statement.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, NamedTuple

from trackway.query.expressions import Expression, ExpressionError, fault, no_boolean
from trackway.query.identity_lookup import known
from trackway.query.limits import EXPORT_CHECK_S_MAX
from trackway.query.mapped_tables import Mapped, lookups_of
from trackway.query.sql.days import UTC_DAYS
from trackway.query.sql.event_line import COLUMNS, event_line
from trackway.query.sql.events import Events, project_events
from trackway.query.sql.lookups import LookedUp
from trackway.query.sql.person import Known
from trackway.query.sql.scope import EVENT_SCOPE, Needs, needs_of, rows_of
from trackway.store.reader import Reader


class ExportQuery(NamedTuple):
    """What to export. Dates are inclusive, in UTC. Without `events` all names, without `limit` any number, without
    `where` all events. `mapped`: properties that are mapped to lookup tables, for `where`."""

    project_id: int
    from_date: date
    to_date: date
    events: Sequence[str] | None
    limit: int | None
    time_in_ms: bool
    deduplicated: bool
    where: Expression | None = None
    mapped: Sequence[Mapped] = ()


_SHOWN = Needs(person=True, failures=True)


@asynccontextmanager
async def export_lines(reader: Reader, query: ExportQuery) -> AsyncIterator[AsyncIterator[bytes]]:
    """The lines in blocks of bytes, not cut at line ends. Leaving the context stops the query.

    Raises ExpressionError for a `where` that cannot be asked, or that has an operand which is no boolean in some event
    of the export. Raises StoreError, also for a `where` that takes too long.
    """
    lookups = await lookups_of(reader, query.project_id, query.mapped)
    found = (await known(reader, query.project_id))._replace(lookups=lookups)
    if position := await _find_fault(reader, query, found):
        raise ExpressionError(no_boolean(position), position)
    sql, parameters = export_sql(query, found)
    async with reader.stream(query.project_id, sql, parameters) as lines:
        yield lines


async def _find_fault(reader: Reader, query: ExportQuery, found: Known) -> int:
    """The position of the first operand of `where` that is no boolean in some event of the export, or 0."""
    bound: dict[str, Any] = {}
    looked_up = LookedUp(EVENT_SCOPE, found.lookups, bound)
    position = query.where and fault(query.where, looked_up.scope, bound)
    if position is None:
        return 0
    needs = needs_of(query.where, found.lookups)
    rows = rows_of(_events(query), found, deduplicated=query.deduplicated, needs=needs, columns=COLUMNS)
    sql = f"SELECT min({position} AS position) {looked_up.above(rows.sql)} WHERE position != 0{rows.settings}"
    ((first,),) = await reader.rows(query.project_id, sql, rows.parameters | bound, time_s=EXPORT_CHECK_S_MAX)
    return int(first)


def export_sql(query: ExportQuery, found: Known) -> tuple[str, dict[str, Any]]:
    """The statement and its parameters. Without `deduplicated`, copies that the store has not merged away stay.

    `found` is what the project's identity has; tables that it does not use are left out.
    """
    rows = rows_of(
        _events(query), found, deduplicated=query.deduplicated, where=query.where, needs=_SHOWN, columns=COLUMNS
    )
    line = event_line(found, time_in_ms=query.time_in_ms)
    sql, parameters = f"SELECT {line} {rows.sql}", rows.parameters
    if query.limit is not None:
        sql += " LIMIT {limit:UInt32}"
        parameters["limit"] = query.limit
    return sql + rows.settings, parameters


def _events(query: ExportQuery) -> Events:
    events = project_events(query.project_id).within(UTC_DAYS, query.from_date, query.to_date)
    return events if query.events is None else events.named(query.events)
