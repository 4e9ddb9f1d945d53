"""Searches for profiles, and the activity of a person or group: for the pages that show them.

Ids and properties come in as bound parameters. The result is bounded in rows, in bytes and in the seconds that the
store may take. Activity covers the last days only, because its queries look through all events of these days.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import msgspec

from trackway.domain.limits import PEOPLE_PER_PAGE, PERSON_PROFILES_SHOWN_MAX
from trackway.query.expressions import readable
from trackway.query.limits import GROUP_KEYS_SHOWN_MAX, PAGE_PROPERTIES_BYTES_MAX, PERSON_DAYS, PERSON_EVENTS_SHOWN_MAX
from trackway.query.sql.any_property import has_value
from trackway.query.sql.days import UTC_DAYS, Days, Unit
from trackway.query.sql.events import Events, project_events
from trackway.query.sql.tables import GIVEN_IDS, rows_from, rows_in
from trackway.store.reader import Reader

_OF_KIND = "group_key = {group_key:String}"
_KEY = "project_id, group_key, profile_id"
_NAMES = ("$name", "$email", "$city", "$country_code", "$last_seen")
_SHOWN = ", ".join(f"substring(JSONExtractString(document, '{name}'), 1, 255)" for name in _NAMES)
_STARTING = "startsWith(profile_id, {start:String})"
_AFTER = "profile_id > {after:String}"
_HAVING = """ WHERE (JSONExtractString(document, {name:String}) = {value:String}
    OR JSONExtractRaw(document, {name:String}) = {value:String})"""
_HAVING_ANY = f" WHERE {has_value('document', 'document', '{value:String}')}"
_WITH = " WHERE JSONHas(document, {name:String})"
_PROFILE = f"""
SELECT profile_id, toUnixTimestamp64Milli(updated), substring(properties, 1, {{bytes_max:UInt32}}), length(properties)
{rows_in("profiles", _OF_KIND, "profile_id IN {ids:Array(String)}", final=True)} LIMIT {PERSON_PROFILES_SHOWN_MAX}"""
_GROUP_KEYS = f"""
SELECT group_key, count() {rows_in("profiles", "group_key != ''", final=True)}
GROUP BY group_key ORDER BY group_key LIMIT {GROUP_KEYS_SHOWN_MAX}"""
_HASHES = "SELECT cityHash64(arrayJoin(JSONExtract({ids:String}, 'Array(String)')))"
# The hash is a column of the primary key.
_OF_IDS = f"cityHash64(distinct_id) IN ({_HASHES}) AND distinct_id IN ({GIVEN_IDS})"
# An event that names its user belongs to that user, whatever its device is linked to.
_OF_PERSON = "(user_id = '' OR user_id = {id:String})"
# The id is in the text as it is, unless the text has escapes. This text search saves most of the parsing.
_OF_GROUP = f"""(position(properties, {{id:String}}) > 0 OR position(properties, char(92)) > 0)
    AND (JSONExtractString({readable("properties")}, {{name:String}}) = {{id:String}}
    OR JSONExtractRaw({readable("properties")}, {{name:String}}) = {{id:String}}
    OR has(JSONExtract({readable("properties")}, {{name:String}}, 'Array(String)'), {{id:String}}))"""
_LATEST = """
toUnixTimestamp64Milli(time), event, distinct_id, insert_id, substring(properties, 1, {bytes_max:UInt32})"""


_members_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text_of = msgspec.json.Decoder(str).decode


class Shown(NamedTuple):
    """A value as a page shows it: a text, or the JSON of a value of another type."""

    text: str
    is_text: bool


class Found(NamedTuple):
    """A profile in the list that a search gives."""

    profile_id: str
    name: str
    email: str
    city: str
    country: str
    last_seen: str
    updated_ms: int


class Profile(NamedTuple):
    """A profile. `properties` is the start of its JSON text, `size_bytes` the length of all of it."""

    profile_id: str
    updated_ms: int
    properties: str
    size_bytes: int

    @property
    def members(self) -> dict[str, "Shown"] | None:
        """The properties by name, None if their text was cut."""
        return _members(self.properties) if len(self.properties.encode()) == self.size_bytes else None


class Search(NamedTuple):
    """Which profiles: those of a kind of group (empty for users) whose ids start with `start` and come after `after`,
    with a property of a name and value (a text, or a value's JSON). Without a name any property may have the value;
    without a value the property may have any."""

    group_key: str = ""
    start: str = ""
    name: str = ""
    value: str = ""
    after: str = ""


class Deed(NamedTuple):
    """An event of a person or group. `properties` is the JSON text, cut if it is long."""

    time_ms: int
    event: str
    distinct_id: str
    insert_id: str
    properties: str

    @property
    def members(self) -> dict[str, "Shown"] | None:
        """The properties by name, None if their text was cut."""
        return _members(self.properties)


class Activity(NamedTuple):
    """Events a day for each of the last days, by name, the most frequent names first; the latest of them."""

    days: list[date]
    counts: dict[str, list[int]]
    latest: list[Deed]


async def search(reader: Reader, project_id: int, asked: Search) -> list[Found]:
    """Up to PEOPLE_PER_PAGE and one more profiles, in the order of their ids. Raises StoreError."""
    parameters: dict[str, Any] = asked._asdict() | {"count": PEOPLE_PER_PAGE + 1}
    chosen = [_OF_KIND, *([_STARTING] if asked.start else []), *([_AFTER] if asked.after else [])]
    columns = f"{_KEY}, updated, {readable('properties')} AS document"
    candidates = rows_from(f"SELECT {columns} {rows_in('profiles', *chosen, final=True)}")
    having = {(True, True): _HAVING, (True, False): _WITH, (False, True): _HAVING_ANY, (False, False): ""}[
        bool(asked.name), bool(asked.value)
    ]
    found = f"SELECT profile_id, {_SHOWN}, toUnixTimestamp64Milli(updated) {candidates}{having}"
    sql = f"{found} ORDER BY {_KEY} LIMIT {{count:UInt32}}"
    return [Found(*row) for row in await reader.rows(project_id, sql, parameters)]


async def profiles(reader: Reader, project_id: int, group_key: str, ids: Sequence[str]) -> list[Profile]:
    """The profiles of these ids that exist, in the order of the ids. Raises StoreError."""
    order = {id: number for number, id in enumerate(ids)}
    parameters = {
        "group_key": group_key,
        "ids": list(ids),
        "bytes_max": PAGE_PROPERTIES_BYTES_MAX,
    }
    found = [
        Profile(id, int(updated), text, int(size))
        for id, updated, text, size in await reader.rows(project_id, _PROFILE, parameters)
    ]
    return sorted(found, key=lambda each: order[each.profile_id])


async def group_keys(reader: Reader, project_id: int) -> list[tuple[str, int]]:
    """The kinds of groups, and how many groups of each there are. Raises StoreError."""
    return [(str(name), int(number)) for name, number in await reader.rows(project_id, _GROUP_KEYS)]


async def activity_of_person(
    reader: Reader, project_id: int, ids: Sequence[str], today: date, days: Days = UTC_DAYS
) -> Activity:
    """The last days of a person; `ids` are all of its ids, the canonical one first. Raises StoreError."""
    given = msgspec.json.encode(list(ids)).decode()
    events = project_events(project_id).having(key=[_OF_IDS], row=[_OF_PERSON], id=ids[0], ids=given)
    return await _activity(reader, project_id, events, today, days)


async def activity_of_group(
    reader: Reader, project_id: int, group_key: str, group_id: str, today: date, days: Days = UTC_DAYS
) -> Activity:
    """The last days of a group: events that name it, alone or in a list. Raises StoreError."""
    events = project_events(project_id).having(properties=[_OF_GROUP], name=group_key, id=group_id)
    return await _activity(reader, project_id, events, today, days)


async def _activity(reader: Reader, project_id: int, events: Events, today: date, days: Days) -> Activity:
    shown = [today - timedelta(days=before) for before in reversed(range(PERSON_DAYS))]
    counts = await _counts(reader, project_id, events, shown, days)
    recent = events.within(days, _enough_since(shown, counts), today)
    latest = f"{recent.select(_LATEST, deduplicated=True)} ORDER BY time DESC, insert_id LIMIT {{count:UInt32}}"
    bounds = {"bytes_max": PAGE_PROPERTIES_BYTES_MAX, "count": PERSON_EVENTS_SHOWN_MAX}
    rows = await reader.rows(project_id, latest, {**recent.parameters, **bounds})
    ordered = sorted(counts, key=lambda name: (-sum(counts[name]), name))
    return Activity(shown, {name: counts[name] for name in ordered}, [Deed(int(row[0]), *row[1:]) for row in rows])


async def _counts(
    reader: Reader, project_id: int, events: Events, shown: Sequence[date], days: Days
) -> dict[str, list[int]]:
    """How many of the events each of some consecutive days has, by name."""
    events = events.within(days, shown[0], shown[-1])
    parameters = {**events.parameters}
    day = days.bucket_sql(Unit.DAY, shown[0], shown[-1], parameters)
    sql = f"{events.select(f'{day} AS day, event, count()', deduplicated=True)} GROUP BY day, event"
    counts: dict[str, list[int]] = {}
    for key, event, number in await reader.rows(project_id, sql, parameters):
        counts.setdefault(str(event), [0] * len(shown))[(date.fromisoformat(key) - shown[0]).days] = int(number)
    return counts


def _enough_since(days: Sequence[date], counts: Mapping[str, Sequence[int]]) -> date:
    """The day from which on there are as many events as a page lists; the first day if there are fewer."""
    number = 0
    for at in reversed(range(len(days))):
        number += sum(each[at] for each in counts.values())
        if number >= PERSON_EVENTS_SHOWN_MAX:
            return days[at]
    return days[0]


def _members(text: str) -> dict[str, Shown] | None:
    try:
        return {name: shown_value(raw) for name, raw in _members_of(text).items()}
    except (msgspec.MsgspecError, RecursionError):
        return None


def shown_value(raw: msgspec.Raw) -> Shown:
    """A value as a page shows it. A number is shown as it is stored, with all of its digits."""
    text = bytes(raw)
    return Shown(_text_of(text), True) if text.startswith(b'"') else Shown(text.decode(), False)
