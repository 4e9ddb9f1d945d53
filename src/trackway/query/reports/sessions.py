"""Sessions of persons, computed when they are asked for: events in a row without a long pause, on one day.

A pause of TIMEOUT_MS or more ends a session, and so does the project's midnight. Events that no person causes are no
part of one. A metric of sessions counts those that have an event which it chooses, each at the place of its first
event.
"""

from collections.abc import Sequence
from typing import Final

from trackway.query.sql.projection import NOBODY
from trackway.query.sql.selector import LINKING_EVENTS
from trackway.query.sql.tables import rows_from

TIMEOUT_MS: Final = 30 * 60 * 1000
_NOT_CAUSED: Final = (*LINKING_EVENTS, "$hotshard_events", "$message_suppressed", "$unsubscribe", "$journey_entered")
_CAMPAIGN: Final = "$campaign_"
IN_SESSIONS: Final = f"event NOT IN {_NOT_CAUSED} AND NOT startsWith(event, '{_CAMPAIGN}')"
"""SQL over the table of events: the event is part of a session."""
_BEFORE: Final = "arrayPushFront(arrayPopBack(moments.1), moments.1[1])"
_ENDED: Final = f"arrayMap((moment, before) -> moment.1 - before >= {TIMEOUT_MS}, moments, {_BEFORE})"


def is_in_sessions(event: str) -> bool:
    """The same for the name of an event."""
    return event not in _NOT_CAUSED and not event.startswith(_CAMPAIGN)


def sessions_sql(rows: str, keys: Sequence[str]) -> str:
    """A query's text that gives the keys, `place` and `value`, the number of sessions.

    rows: FROM rows of all events with `who`, `day`, `time_ms`, `place`, `hit` (whether the metric chooses it) and, for
    each of the keys `key_0` and on, `keys_0` and on.
    """
    held = "".join(f", {name.replace('key', 'keys')}" for name in keys)
    names = "".join(f"{name}, " for name in keys)
    days = f"SELECT who, arraySort(moment -> moment.1, groupArray((time_ms, hit, place{held}))) AS moments {rows}"
    days += f" WHERE who != {NOBODY} GROUP BY who, day HAVING countIf(hit) > 0"
    split = (
        f"SELECT who, arrayJoin(arraySplit((moment, ended) -> ended, moments, {_ENDED})) AS session {rows_from(days)}"
    )
    hits = "arrayJoin(arrayFilter(moment -> moment.2, session)) AS hit"
    begun = f"SELECT who, session[1].1 AS begin, session[1].3 AS place, {hits} {rows_from(split)}"
    joined = "".join(f"arrayJoin(hit.{number}) AS {name}, " for number, name in enumerate(keys, 4))
    each = f"SELECT DISTINCT {joined}place, who, begin {rows_from(begun)}"
    return f"SELECT {names}place, count() AS value {rows_from(each)} GROUP BY {names}place"
