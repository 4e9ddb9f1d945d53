"""How many events each user has: a project's events of some days by the person they belong to (protocol §6).

Events are counted by the id they were stored under first, so that only ids are joined with their links, not events. An
id may stand for two persons, for the user of that name and for the person it was linked to before it was a user's:
hence the second key.
"""

from collections.abc import Generator
from datetime import date
from typing import Any

from trackway.query.events import within
from trackway.query.identity import SETTINGS, Known, known, with_person
from trackway.store.client import Store
from trackway.store.request import READERS

_BY_ID = """
SELECT if(user_id = '', distinct_id, user_id) AS id, user_id != '' AS is_user, count() AS events
FROM events FINAL WHERE {within} GROUP BY id, is_user"""
_BY_NAME = """
SELECT if(user_id = '', distinct_id, user_id) AS person, count() AS events
FROM events FINAL WHERE {within} GROUP BY person"""


def count_by_user(store: Store, project_id: int, from_date: date, to_date: date) -> Generator[bytes]:
    """Lines of JSON, `["user",12]`, one a user and in no order, in blocks of bytes. Dates are inclusive, in UTC.

    Exact, also for events that are stored twice. Closing the iterator stops the query. Raises StoreError.
    """
    sql, parameters = count_by_user_sql(project_id, from_date, to_date, known(store, project_id))
    return store.stream(sql, parameters, "JSONCompactEachRow", {"quota_key": READERS})


def count_by_user_sql(project_id: int, from_date: date, to_date: date, what: Known) -> tuple[str, dict[str, Any]]:
    """The statement, which gives `person` and `events`, and its parameters."""
    parameters: dict[str, Any] = {}
    bounds = within(project_id, from_date, to_date, parameters)
    if not what.links:
        return _BY_NAME.replace("{within}", bounds), parameters
    ids = _BY_ID.replace("{within}", bounds)
    rows = f"SELECT id AS distinct_id, if(is_user, id, '') AS user_id, events FROM ({ids})"  # noqa: S608  as below
    sql = f"SELECT person, sum(events) AS events FROM ({with_person(rows, what)}) GROUP BY person"  # noqa: S608  our texts
    return sql + SETTINGS, parameters
