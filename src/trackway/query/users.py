"""How many events each user has: a project's events of some days by the person they belong to (protocol §6).

Events are counted by the id they were stored under first, so that only ids are joined with their links, not events. An
id that is no device's may stand for two persons, for the user of that name and for the person it was linked to before
it was a user's: hence the second key, where there are such links. Else the stored id alone tells, one column of three.
"""

from collections.abc import Generator
from datetime import date
from typing import Any

from trackway.query.events import within
from trackway.query.identity import SETTINGS, Known, known_links, with_person
from trackway.store.client import Store
from trackway.store.request import READERS

_BY_ID_AND_KIND = """
SELECT distinct_id, if(is_user, distinct_id, '') AS user_id, events FROM (
    SELECT distinct_id, user_id != '' AS is_user, count() AS events
    FROM events FINAL WHERE {within} GROUP BY distinct_id, is_user
)"""
_BY_ID = "SELECT distinct_id, count() AS events FROM events FINAL WHERE {within} GROUP BY distinct_id"
_BY_NAME = "SELECT distinct_id AS person, count() AS events FROM events FINAL WHERE {within} GROUP BY person"
"""The distinct_id of an event that names its user is that user."""


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
    if not what.links:
        return _BY_NAME.replace("{within}", bounds), parameters
    rows = (_BY_ID_AND_KIND if what.plain else _BY_ID).replace("{within}", bounds)
    people = with_person(rows, what, naming=what.plain)
    sql = f"SELECT person, sum(events) AS events FROM ({people}) GROUP BY person"  # noqa: S608  our texts
    return sql + SETTINGS, parameters
