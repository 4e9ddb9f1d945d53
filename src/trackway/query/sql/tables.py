"""FROM the rows that one project has in a table: every statement reads through here, so that none reads another's.

Names of tables and conditions are text of ours. What a client sent is in bound values only.
"""

from typing import Final

PROJECT: Final = "project_id = {project:UInt32}"
GIVEN_IDS: Final = "SELECT arrayJoin(JSONExtract({ids:String}, 'Array(String)')) AS id"
"""A query's text that gives the ids that `ids` holds as a JSON list. A large array parameter takes a hundred times as
long to be read."""


def rows_in(table: str, *conditions: str, final: bool = False) -> str:
    """FROM the rows of the project that meet the conditions. `final`: of rows with one key only the newest."""
    return f"FROM {table}{' FINAL' if final else ''} WHERE {' AND '.join((PROJECT, *conditions))}"


def own_rows_in(table: str, condition: str) -> str:
    """The same of the newest rows. The condition, and all that a statement adds to it, is looked at for rows of the
    project alone: a condition may fail for a value, and the error shows it."""
    return f"FROM {table} FINAL PREWHERE {PROJECT} WHERE {condition}"


def rows_from(query: str, alias: str = "") -> str:
    """FROM the rows that a query gives."""
    return f"FROM ({query}){f' AS {alias}' if alias else ''}"


CURSOR: Final = f"SELECT max(to_position) {rows_in('loads')}"
"""The position before which all records of the project are loaded: the end of the last load that counted any of them.
Later records of the journal, or of another partition of it, are of other projects."""
EVENTS_SINCE: Final = f"(SELECT argMax(since, sequence) {rows_in('event_ages')})"
"""SQL of the instant before which the project's events have aged: no query finds them, deleted or not
(`store/migrations/0021_event_ages.sql`). 1970 where all are kept."""
KEPT: Final = f"time >= {EVENTS_SINCE} AND toDate(time) >= toDate({EVENTS_SINCE})"
"""SQL of whether an event is kept. The primary key can use the second form."""
