"""Searches profiles, and tells what a person or a group did: for the pages that show them.

Ids and properties come in as bound parameters; what leaves is bounded in rows, in bytes and in the seconds that the
store may take. Activity is that of the last days only, since it looks through events by who they are of.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import msgspec

from trackway.limits import (
    GROUP_KEYS_SHOWN_MAX,
    PAGE_PROPERTIES_BYTES_MAX,
    PEOPLE_PER_PAGE,
    PERSON_DAYS,
    PERSON_EVENTS_SHOWN_MAX,
    PERSON_PROFILES_SHOWN_MAX,
)
from trackway.query.expressions import readable
from trackway.query.reading import rows
from trackway.store.client import Store

_PROFILES = "FROM profiles FINAL WHERE project_id = {project:UInt32} AND group_key = {group_key:String}"
_KEY = "project_id, group_key, profile_id"
_NAMES = ("$name", "$email", "$city", "$country_code", "$last_seen")
_SHOWN = ", ".join(f"substring(JSONExtractString(document, '{name}'), 1, 255)" for name in _NAMES)
_STARTING = " AND startsWith(profile_id, {start:String})"
_AFTER = " AND profile_id > {after:String}"
_HAVING = """ WHERE (JSONExtractString(document, {name:String}) = {value:String}
    OR JSONExtractRaw(document, {name:String}) = {value:String})"""
_PROFILE = f"""
SELECT profile_id, toUnixTimestamp64Milli(updated), substring(properties, 1, {{bytes_max:UInt32}}), length(properties)
{_PROFILES} AND profile_id IN {{ids:Array(String)}} LIMIT {PERSON_PROFILES_SHOWN_MAX}"""
_GROUP_KEYS = f"""
SELECT group_key, count() FROM profiles FINAL WHERE project_id = {{project:UInt32}} AND group_key != ''
GROUP BY group_key ORDER BY group_key LIMIT {GROUP_KEYS_SHOWN_MAX}"""  # noqa: S608
_IDS = "(SELECT arrayJoin(JSONExtract({ids:String}, 'Array(String)')))"
_HASHES = "(SELECT cityHash64(arrayJoin(JSONExtract({ids:String}, 'Array(String)'))))"
# Of events, first those by what equal rows have in common, in the words of the key: of these FINAL makes one of equals.
_OF_IDS = f" AND cityHash64(distinct_id) IN {_HASHES} AND distinct_id IN {_IDS}"
# An event that names its user is of that user, whatever its device is linked to.
_OF_PERSON = "(user_id = '' OR user_id = {id:String})"
# The value stands in the text as it is, unless something of the text is escaped: a look that saves most of the parsing.
_OF_GROUP = f"""(position(properties, {{id:String}}) > 0 OR position(properties, char(92)) > 0)
    AND (JSONExtractString({readable("properties")}, {{name:String}}) = {{id:String}}
    OR JSONExtractRaw({readable("properties")}, {{name:String}}) = {{id:String}}
    OR has(JSONExtract({readable("properties")}, {{name:String}}, 'Array(String)'), {{id:String}}))"""
_SINCE = "project_id = {project:UInt32} AND toDate(time) >= {since:Date} AND toDate(time) <= {until:Date}"
_DAYS = "SELECT toDate(time) AS day, event, count() FROM events FINAL PREWHERE {key} WHERE {of} GROUP BY day, event"
_EVENTS = """
SELECT toUnixTimestamp64Milli(time), event, distinct_id, insert_id, substring(properties, 1, {bytes_max:UInt32})
FROM events FINAL PREWHERE {key} WHERE {of} ORDER BY time DESC, insert_id LIMIT {count:UInt32}"""


_members_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text_of = msgspec.json.Decoder(str).decode


class Shown(NamedTuple):
    """A value as it is shown: a text, or else the JSON of a value that is none."""

    text: str
    is_text: bool


class Found(NamedTuple):
    """A profile as a search shows it."""

    profile_id: str
    name: str
    email: str
    city: str
    country: str
    last_seen: str
    updated_ms: int


class Profile(NamedTuple):
    """A profile: its properties as JSON text, cut where it is longer than `size_bytes` says it is here."""

    profile_id: str
    updated_ms: int
    properties: str
    size_bytes: int

    @property
    def members(self) -> dict[str, "Shown"] | None:
        """The properties by name, None when their text was cut."""
        return _members(self.properties) if len(self.properties.encode()) == self.size_bytes else None


class Search(NamedTuple):
    """Which profiles: of a kind of group (empty for users), whose ids start so, with a property of that value (a text,
    or any value's JSON), behind an id."""

    group_key: str = ""
    start: str = ""
    name: str = ""
    value: str = ""
    after: str = ""


class Deed(NamedTuple):
    """An event of a person or group; `properties` is the JSON text, perhaps cut."""

    time_ms: int
    event: str
    distinct_id: str
    insert_id: str
    properties: str

    @property
    def members(self) -> dict[str, "Shown"] | None:
        """The properties by name, None when their text was cut."""
        return _members(self.properties)


class Activity(NamedTuple):
    """Events a day for each of the last days, by name, the most frequent names first; the latest of them."""

    days: list[date]
    counts: dict[str, list[int]]
    latest: list[Deed]


def search(store: Store, project_id: int, asked: Search) -> list[Found]:
    """Up to PEOPLE_PER_PAGE and one more profiles, in the order of their ids. Raises StoreError."""
    parameters: dict[str, Any] = {"project": project_id} | asked._asdict() | {"count": PEOPLE_PER_PAGE + 1}
    chosen = (_STARTING if asked.start else "") + (_AFTER if asked.after else "")
    candidates = f"SELECT {_KEY}, updated, {readable('properties')} AS document {_PROFILES}{chosen}"
    having = _HAVING if asked.name else ""
    # What a client sent is in the parameters only.
    found = f"SELECT profile_id, {_SHOWN}, toUnixTimestamp64Milli(updated) FROM ({candidates}){having}"  # noqa: S608
    sql = f"{found} ORDER BY {_KEY} LIMIT {{count:UInt32}}"
    return [Found(*row) for row in rows(store, sql, parameters)]


def profiles(store: Store, project_id: int, group_key: str, ids: Sequence[str]) -> list[Profile]:
    """The profiles of these ids that exist, in the order of the ids. Raises StoreError."""
    order = {id: number for number, id in enumerate(ids)}
    parameters = {
        "project": project_id,
        "group_key": group_key,
        "ids": list(ids),
        "bytes_max": PAGE_PROPERTIES_BYTES_MAX,
    }
    found = [
        Profile(id, int(updated), text, int(size)) for id, updated, text, size in rows(store, _PROFILE, parameters)
    ]
    return sorted(found, key=lambda each: order[each.profile_id])


def group_keys(store: Store, project_id: int) -> list[tuple[str, int]]:
    """The kinds of groups there are, and how many groups of each. Raises StoreError."""
    return [(str(name), int(number)) for name, number in rows(store, _GROUP_KEYS, {"project": project_id})]


def activity_of_person(store: Store, project_id: int, ids: Sequence[str], today: date) -> Activity:
    """What a person did; `ids` are all of its ids, the canonical one first. Raises StoreError."""
    parameters = {"id": ids[0], "ids": msgspec.json.encode(list(ids)).decode()}
    return _activity(store, project_id, _OF_IDS, _OF_PERSON, parameters, today)


def activity_of_group(store: Store, project_id: int, group_key: str, group_id: str, today: date) -> Activity:
    """What was done by members of a group: events that name it, alone or in a list. Raises StoreError."""
    return _activity(store, project_id, "", _OF_GROUP, {"name": group_key, "id": group_id}, today)


def _activity(store: Store, project_id: int, key: str, of: str, parameters: dict[str, Any], today: date) -> Activity:
    days = [today - timedelta(days=before) for before in reversed(range(PERSON_DAYS))]
    bound = parameters | {"project": project_id, "since": days[0], "until": days[-1]}
    counts: dict[str, list[int]] = {}
    for day, event, number in rows(store, _asking(_DAYS, key, of), bound):
        counts.setdefault(str(event), [0] * len(days))[(date.fromisoformat(day) - days[0]).days] = int(number)
    bound["since"] = _enough_since(days, counts)
    latest = rows(
        store,
        _asking(_EVENTS, key, of),
        bound | {"bytes_max": PAGE_PROPERTIES_BYTES_MAX, "count": PERSON_EVENTS_SHOWN_MAX},
    )
    ordered = sorted(counts, key=lambda name: (-sum(counts[name]), name))
    return Activity(days, {name: counts[name] for name in ordered}, [Deed(int(row[0]), *row[1:]) for row in latest])


def _asking(sql: str, key: str, of: str) -> str:
    return sql.replace("{key}", _SINCE + key).replace("{of}", of)


def _enough_since(days: Sequence[date], counts: Mapping[str, Sequence[int]]) -> date:
    """The day from which on there are as many events as are listed; the first of all when there are fewer."""
    number = 0
    for at in reversed(range(len(days))):
        number += sum(each[at] for each in counts.values())
        if number >= PERSON_EVENTS_SHOWN_MAX:
            return days[at]
    return days[0]


def _members(text: str) -> dict[str, Shown] | None:
    try:
        return {name: _shown(raw) for name, raw in _members_of(text).items()}
    except (msgspec.MsgspecError, RecursionError):
        return None


def _shown(raw: msgspec.Raw) -> Shown:
    """A number keeps all of its digits: it is shown as it is stored."""
    text = bytes(raw)
    return Shown(_text_of(text), True) if text.startswith(b'"') else Shown(text.decode(), False)
