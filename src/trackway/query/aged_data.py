"""What a retention would delete: how many events of which days, and how many profiles, before somebody sets it."""

from typing import Final, NamedTuple

from trackway.query.limits import AGED_DATA_S_MAX
from trackway.query.sql.events import project_events
from trackway.query.sql.tables import rows_in
from trackway.query.sql.unseen import UNSEEN
from trackway.store.reader import Reader

_TIMES: Final = "count(), toUnixTimestamp64Milli(min(time)), toUnixTimestamp64Milli(max(time))"
_PROFILES: Final = f"SELECT count() {rows_in('profiles', UNSEEN, final=True)}"


class AgedData(NamedTuple):
    """Events and profiles that would be deleted, and the times of the first and the last of these events, in
    milliseconds since the epoch."""

    events: int = 0
    first_ms: int = 0
    last_ms: int = 0
    profiles: int = 0


async def aged_data(reader: Reader, project_id: int, events_since_ms: int, profiles_since_ms: int) -> AgedData:
    """The events before an instant, and the profiles not seen since another one; 0 for none. Raises StoreError."""
    found = AgedData()
    if events_since_ms:
        events = project_events(project_id).between(None, events_since_ms)
        sql = events.select(_TIMES, deduplicated=True)
        [(number, first_ms, last_ms)] = await reader.rows(project_id, sql, events.parameters, time_s=AGED_DATA_S_MAX)
        found = AgedData(int(number), int(first_ms), int(last_ms)) if number else found
    if profiles_since_ms:
        asked = {"unseen_since": profiles_since_ms}
        [(profiles,)] = await reader.rows(project_id, _PROFILES, asked, time_s=AGED_DATA_S_MAX)
        found = found._replace(profiles=int(profiles))
    return found
