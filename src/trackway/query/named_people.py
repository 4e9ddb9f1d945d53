"""Who the persons are that a report knows by number: their canonical ids, and the names in their profiles."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from trackway.query.expressions import readable
from trackway.query.limits import NAMED_AT_ONCE_MAX
from trackway.query.sql.events import project_events
from trackway.query.sql.tables import GIVEN_IDS, rows_from, rows_in
from trackway.store.reader import Reader

_NUMBERS: Final = "SELECT arrayJoin(JSONExtract({numbers:String}, 'Array(UInt64)'))"
_OF_USERS: Final = "group_key = ''"
_SHOWN: Final = ", ".join(f"substring(JSONExtractString(document, '{name}'), 1, 255)" for name in ("$name", "$email"))
_PROFILES: Final = f"""
SELECT profile_id, {readable("properties")} AS document
{rows_in("profiles", _OF_USERS, f"profile_id IN ({GIVEN_IDS})", final=True)}"""
_NAMES: Final = f"SELECT profile_id, {_SHOWN} {rows_from(_PROFILES)}"


class NamedPerson(NamedTuple):
    """A person's canonical id, and `$name` and `$email` of its profile, '' where there is none."""

    id: str
    name: str
    email: str


async def named_people(
    reader: Reader, project_id: int, numbers: Sequence[int], from_ms: int, before_ms: int
) -> dict[int, NamedPerson]:
    """The persons by number. Each has an event from an instant on and before another, in milliseconds since the epoch.

    A person's canonical id is in its links, or else it is the id of its events. Raises StoreError.
    """
    found: dict[int, NamedPerson] = {}
    for begin in range(0, len(numbers), NAMED_AT_ONCE_MAX):
        ids = await _ids(reader, project_id, numbers[begin : begin + NAMED_AT_ONCE_MAX], from_ms, before_ms)
        asked = {"ids": msgspec.json.encode(list(ids.values())).decode()}
        names = {str(id): (str(name), str(email)) for id, name, email in await reader.rows(project_id, _NAMES, asked)}
        found |= {who: NamedPerson(id, *names.get(id, ("", ""))) for who, id in ids.items()}
    return found


async def _ids(reader: Reader, project_id: int, numbers: Sequence[int], from_ms: int, before_ms: int) -> dict[int, str]:
    events = project_events(project_id).between(from_ms, before_ms)
    sources = (
        events.select("distinct_id AS id", deduplicated=False),
        f"SELECT canonical_id AS id {rows_in('identity_links')}",
    )
    chosen = (f"SELECT id {rows_from(each)} WHERE cityHash64(id) IN ({_NUMBERS})" for each in sources)
    sql = f"SELECT cityHash64(id) AS who, id {rows_from(' UNION ALL '.join(chosen))} GROUP BY id"
    asked = {**events.parameters, "numbers": msgspec.json.encode(list(numbers)).decode()}
    return {int(who): str(id) for who, id in await reader.rows(project_id, sql, asked)}
