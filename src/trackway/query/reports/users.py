"""How many events each user has: a project's events of some days by the person they belong to (protocol §6).

Each event is joined with its link before it is counted. To count by stored ids first would join fewer rows, but needs
two tables of groups in memory, of which the first would go through the disk. An id that is no device's may stand for
two persons: the user of that name, and the person it was linked to before. Where there are such links the query reads
an event's user as well.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

from trackway.query.identity_lookup import known_links
from trackway.query.sql.days import UTC_DAYS
from trackway.query.sql.events import project_events
from trackway.query.sql.person import COUNT_JOIN_SETTINGS, Known, with_person
from trackway.query.sql.tables import rows_from
from trackway.store.reader import Reader


@asynccontextmanager
async def count_by_user(
    reader: Reader, project_id: int, from_date: date, to_date: date
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Lines of JSON, `["user",12]`, one a user and in no order, in blocks of bytes. Dates are inclusive, in UTC.

    Exact, also for events that are stored twice. Leaving the context stops the query. Raises StoreError.
    """
    sql, parameters = count_by_user_sql(project_id, from_date, to_date, await known_links(reader, project_id))
    async with reader.stream(project_id, sql, parameters, "JSONCompactEachRow") as lines:
        yield lines


def count_by_user_sql(project_id: int, from_date: date, to_date: date, found: Known) -> tuple[str, dict[str, Any]]:
    """The statement, which gives `person` and `events`, and its parameters."""
    events = project_events(project_id).within(UTC_DAYS, from_date, to_date)
    rows = events.select("distinct_id, user_id" if found.plain else "distinct_id", deduplicated=True)
    people = with_person(rows, found, naming=found.plain)
    sql = f"SELECT person, count() AS events {rows_from(people)} GROUP BY person{COUNT_JOIN_SETTINGS}"
    return sql, dict(events.parameters)
