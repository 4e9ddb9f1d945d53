"""The tables that a statement may read: one project's events, user profiles and group profiles, as queries' texts.

Each event comes once, with the person that it belongs to now, from the same source as reports and exports. Columns have
the names of `trackway export`. `properties` is JSON text that the store's JSON functions can read. The project is a
PREWHERE: a person's condition is looked at for rows of the project alone, since an error of it shows the value.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from trackway.query.expressions import readable
from trackway.query.sql.days import Days
from trackway.query.sql.events import project_events
from trackway.query.sql.person import Known
from trackway.query.sql.scope import Needs, rows_of
from trackway.query.sql.tables import own_rows_in, rows_from

COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "events": {
        "time": "when it happened, in UTC",
        "time_local": "the same in the project's time zone",
        "event": "the event's name",
        "distinct_id": "the person that it belongs to now",
        "distinct_id_before_identity": "the id that it is stored with",
        "device_id": "`$device_id`, empty where there is none",
        "user_id": "`$user_id`, empty where there is none",
        "insert_id": "`$insert_id`",
        "endpoint": "`/track` or `/import`",
        "received": "when the server got it",
        "loaded": "when it could be queried",
        "properties": "all other properties as JSON text",
    },
    "profiles": {
        "distinct_id": "the user",
        "updated": "the last change",
        "properties": "the properties as JSON text",
    },
    "group_profiles": {
        "group_key": "the kind of group",
        "group_id": "the group",
        "updated": "the last change",
        "properties": "the properties as JSON text",
    },
}
"""What each view has, in the order of `*`."""
_STORED: Final = "time, event, distinct_id, insert_id, device_id, user_id, endpoint, received, loaded"
# In two steps: a name that is given anew must not be that of a column which is still seen.
_NAMED: Final = """
time, event, person, distinct_id AS distinct_id_before_identity, device_id, user_id, insert_id, endpoint AS way,
received, loaded, document"""
_EVENT: Final = """
time, toTimeZone(time, {zone:String}) AS time_local, CAST(event AS String) AS event, person AS distinct_id,
distinct_id_before_identity, device_id, user_id, insert_id, if(way = 2, '/import', '/track') AS endpoint, received,
loaded, document AS properties"""


class Views(NamedTuple):
    """The views by name, and the values that they bind. A statement that reads them ends with JOIN_SETTINGS."""

    queries: Mapping[str, str]
    parameters: Mapping[str, Any]


def views_of(project_id: int, known: Known, days: Days, dates: tuple[date, date] | None) -> Views:
    """The views of a project. `dates`: the first and last day of events, in the zone of `days`; None for all."""
    events = project_events(project_id)
    if dates is not None:
        events = events.within(days, *dates)
    rows = rows_of(events, known, deduplicated=True, needs=Needs(document=True, person=True), columns=_STORED)
    named = rows_from(f"SELECT {_NAMED} {rows.sql}")
    queries = {
        "events": f"SELECT {_EVENT} {named}",
        "profiles": _profiles("group_key = ''", "profile_id AS distinct_id"),
        "group_profiles": _profiles("group_key != ''", "group_key, profile_id AS group_id"),
    }
    return Views(queries, {**rows.parameters, "zone": days.zone})


def _profiles(condition: str, ids: str) -> str:
    stored = f"SELECT {ids}, updated, {readable('properties')} AS document {own_rows_in('profiles', condition)}"
    return f"SELECT * EXCEPT (document), document AS properties {rows_from(stored)}"
