"""How much is stored of some persons, before somebody decides to erase them."""

from collections.abc import Collection
from typing import Final, NamedTuple

import msgspec

from trackway.query.limits import PERSON_IDS_COUNTED_MAX, PERSON_SIZE_S_MAX
from trackway.query.sql.person import ALL_IDS
from trackway.query.sql.tables import GIVEN_IDS, KEPT, rows_in
from trackway.store.reader import Reader

_EVENTS: Final = f"SELECT count() {rows_in('events', KEPT, f'distinct_id IN ({GIVEN_IDS})')}"
_OF_USERS: Final = (f"profile_id IN ({GIVEN_IDS})", "group_key = ''")
_PROFILES: Final = f"SELECT count() {rows_in('profiles', *_OF_USERS, final=True)}"


class PersonSize(NamedTuple):
    """All ids of some persons, at most PERSON_IDS_COUNTED_MAX, and about how many events and profiles they have."""

    ids: list[str]
    events: int
    profiles: int


async def person_size(reader: Reader, project_id: int, ids: Collection[str]) -> PersonSize:
    """What belongs to the persons of these ids now. Raises StoreError."""
    given = {"ids": msgspec.json.encode(list(ids)).decode(), "most": PERSON_IDS_COUNTED_MAX}
    found = sorted(str(id) for (id,) in await reader.rows(project_id, ALL_IDS, given))
    asked = {"ids": msgspec.json.encode(found).decode()}
    [(events,)] = await reader.rows(project_id, _EVENTS, asked, time_s=PERSON_SIZE_S_MAX)
    [(profiles,)] = await reader.rows(project_id, _PROFILES, asked, time_s=PERSON_SIZE_S_MAX)
    return PersonSize(found, int(events), int(profiles))
