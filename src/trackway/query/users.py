"""How many events each user has: a project's events of some days by the person they belong to (protocol §6).

Each event is joined with its link before it is counted: to count by the stored ids first has fewer rows to join, but
two tables of groups in memory, of which the first then goes through the disk. An id that is no device's may stand for
two persons, for the user of that name and for the person it was linked to before it was a user's: where there are such
links an event's user is read, too.
"""

from collections.abc import Generator
from datetime import date
from typing import Any

from trackway.query.events import within
from trackway.query.identity import COUNT_SETTINGS, Known, known_links, with_person
from trackway.store.client import Store
from trackway.store.request import READERS


def count_by_user(store: Store, project_id: int, from_date: date, to_date: date) -> Generator[bytes]:
    """Lines of JSON, `["user",12]`, one a user and in no order, in blocks of bytes. Dates are inclusive, in UTC.

    Exact, also for events that are stored twice. Closing the iterator stops the query. Raises StoreError.
    """
    sql, parameters = count_by_user_sql(project_id, from_date, to_date, known_links(store, project_id))
    return store.stream(sql, parameters, "JSONCompactEachRow", {"quota_key": READERS})


def count_by_user_sql(project_id: int, from_date: date, to_date: date, what: Known) -> tuple[str, dict[str, Any]]:
    """The statement, which gives `person` and `events`, and its parameters."""
    parameters: dict[str, Any] = {}
    bounds = within(project_id, from_date, to_date, parameters)
    columns = "distinct_id, user_id" if what.plain else "distinct_id"
    rows = f"SELECT {columns} FROM events FINAL WHERE {bounds}"  # noqa: S608  texts of ours
    people = with_person(rows, what, naming=what.plain)
    sql = f"SELECT person, count() AS events FROM ({people}) GROUP BY person"  # noqa: S608
    return sql + COUNT_SETTINGS, parameters
