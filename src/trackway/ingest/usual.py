"""The usual event, quickly: what nearly every SDK sends nearly always, in one loop without a detour.

`accept_event` is the rules; this is the same outcome for the events that break none and need nothing special: a time
that is a number, ids that are strings, a well-formed `$insert_id`, a known token. At anything else the loop stops and
leaves the record untouched to `accept_event`. It takes a third of the time, and a property-based test holds the two
equal.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from trackway.identity import ORIGINAL
from trackway.ingest.entry import EntryOfProject, ProjectEntry
from trackway.ingest.events import Arrival, EventRecord, Project, event_properties
from trackway.ingest.links import DEVICE_PREFIX, IDENTITY_EVENTS, DevicePair, device_pair
from trackway.ingest.location import EVENT_NAMES, event_ending, with_ending
from trackway.ingest.outcome import Rejected
from trackway.ingest.properties import SERVERS_OWN, check_clients_own
from trackway.ingest.suspicion import Suspicions
from trackway.ingest.values import REFUSED_IDS
from trackway.journal.columns import VARINTS, string
from trackway.journal.entry import Endpoint
from trackway.limits import (
    DISTINCT_ID_CHARACTERS_MAX,
    EVENT_NAME_CHARACTERS_MAX,
    INSERT_ID_BYTES_MAX,
    SECONDS_BELOW,
    TIME_MS_MIN,
    TRACK_AGE_MS_MAX,
)

_UUID_OF_NOBODY = max(REFUSED_IDS, key=len)
_SHORT_MAX = max(len(each) for each in REFUSED_IDS - {_UUID_OF_NOBODY})

_NEEDS_LOOK = SERVERS_OWN | {"$ignore", "$latitude"}
NEEDS_LOOK_WITH_PLACE = _NEEDS_LOOK.union(EVENT_NAMES)
"""With one of these, properties are more than text to pass on: where the request has a place, with its names too."""
TAKEN = ("time", "distinct_id", "$insert_id", "token")
"""The properties that are stored in columns only, or not at all."""
_value_of = msgspec.json.Decoder().decode
_DEVICE_PREFIX = DEVICE_PREFIX.encode()
_is_insert_id = re.compile("[A-Za-z0-9-]+").fullmatch

Plain = tuple[int, bytes, bytes, bytes, bytes, DevicePair | None]
"""What a usual event's time and ids come to: time in ms, distinct_id, insert_id, device, user, and the last two again
where there are both."""


class Usual:
    """The rules for the usual events of one request."""

    def __init__(self, arrival: Arrival):
        self._arrival = arrival
        self._region = None if arrival.misled else arrival.region
        self._now_ms = arrival.received_us // 1000
        self._oldest_ms = self._now_ms - TRACK_AGE_MS_MAX if arrival.endpoint is Endpoint.TRACK else TIME_MS_MIN
        self._named: dict[str, bytes] = {}
        self.ending = event_ending(arrival.place) if arrival.place else b""
        self.needs_look = NEEDS_LOOK_WITH_PLACE if self.ending else _NEEDS_LOOK

    def project(self, token: Any) -> Project | None:
        """The project of a token, when its events are accepted here."""
        project = self._arrival.find_project(token) if type(token) is str else None
        return project if project is not None and project.region == self._region else None

    def plain(
        self, mode: str, name: str, time_ms: Any, distinct_id: Any, insert_id: Any, device_id: Any, user_id: Any
    ) -> Plain | None:
        """The event's own properties from their JSON values, the last two "" where not given; None when not usual.

        `mode` is how the project links ids.
        """
        if type(time_ms) is not int:
            if type(time_ms) is not float or not 0 < time_ms <= self._now_ms:
                return None
            time_ms = int(time_ms * 1000 if time_ms < SECONDS_BELOW else time_ms)
        elif time_ms < SECONDS_BELOW:
            time_ms *= 1000
        if (
            not self._oldest_ms <= time_ms <= self._now_ms
            or type(distinct_id) is not str
            or not 0 < (length := len(distinct_id)) <= DISTINCT_ID_CHARACTERS_MAX
            or (length <= _SHORT_MAX and distinct_id.lower() in REFUSED_IDS)
            or distinct_id == _UUID_OF_NOBODY
            or type(insert_id) is not str
            or not (_SHORT_MAX < len(insert_id) <= INSERT_ID_BYTES_MAX)
            or not ((insert_id.isalnum() and insert_id.isascii()) or _is_insert_id(insert_id))
            or insert_id == _UUID_OF_NOBODY
            or not 0 < len(name) <= EVENT_NAME_CHARACTERS_MAX
            or name in IDENTITY_EVENTS
        ):
            return None
        if not device_id and not user_id:
            if distinct_id[0] == "$" or device_id != "" or user_id != "":
                return None
            return time_ms, distinct_id.encode(), insert_id.encode(), b"", b"", None
        if not _is_person(device_id) or not _is_person(user_id):
            return None
        if mode == ORIGINAL:
            return time_ms, distinct_id.encode(), insert_id.encode(), b"", b"", None
        if not device_id and distinct_id.startswith(DEVICE_PREFIX):
            return None
        device, user = device_id.encode(), user_id.encode()
        pair = device_pair(device_id, user_id) if device and user else None
        return time_ms, user or _DEVICE_PREFIX + device, insert_id.encode(), device, user, pair

    def add(self, entry: ProjectEntry, name: str, plain: Plain, properties: bytes) -> None:
        """Add the event to its project's entry. `properties`: the JSON object to store."""
        time_ms, distinct_id, insert_id, device, user, pair = plain
        named = self._named.get(name)
        if named is None:
            named = self._named[name] = string(name.encode())
        entry.add_event(
            time_ms,
            named,
            VARINTS[len(distinct_id)] + distinct_id,
            VARINTS[len(insert_id)] + insert_id,
            VARINTS[len(device)] + device,
            VARINTS[len(user)] + user,
            properties,
        )
        if pair:
            entry.links[pair] = None


def take_usual(
    records: Sequence[EventRecord | Rejected],
    start: int,
    arrival: Arrival,
    entry_of: EntryOfProject,
    suspected: Suspicions,
) -> int:
    """Add the usual events from `start` on to their projects' entries; the index of the first that is not usual."""
    usual = Usual(arrival)
    entry: ProjectEntry | None = entry_of(arrival.project) if arrival.project else None
    mode = arrival.project.identity_mode if arrival.project else ""
    by_token, token_before = entry is None, UNSET
    for at in range(start, len(records)):
        record = records[at]
        if type(record) is not EventRecord:
            return at
        name, members = record.event, record.properties
        if type(members) is not dict or type(name) is not str:
            return at
        looked_at = not members.keys().isdisjoint(usual.needs_look)
        if looked_at and "$ignore" in members:
            return at
        try:
            if by_token and (token := _value_of(members["token"])) != token_before:
                project = usual.project(token)
                if project is None:
                    return at
                entry, mode, token_before = entry_of(project), project.identity_mode, token
            plain = usual.plain(
                mode,
                name,
                _value_of(members["time"]),
                _value_of(members["distinct_id"]),
                _value_of(members["$insert_id"]),
                _value_of(members["$device_id"]) if "$device_id" in members else "",
                _value_of(members["$user_id"]) if "$user_id" in members else "",
            )
            if plain is None:
                return at
        except (KeyError, msgspec.ValidationError, RecursionError):
            return at
        taken = [members.pop(own, None) for own in TAKEN]
        properties = (
            event_properties(members, arrival, suspected) if looked_at else check_clients_own(members, suspected)
        )
        if type(properties) is not bytes:
            members.update((own, raw) for own, raw in zip(TAKEN, taken, strict=True) if raw is not None)
            return at
        if usual.ending and not looked_at:
            properties = with_ending(properties, usual.ending)
        assert entry is not None, "found by the token or there from the start"
        usual.add(entry, name, plain, properties)
    return len(records)


def _is_person(value: object) -> bool:
    """A string that `values.id_text` passes as it is: of one person, or empty."""
    if type(value) is not str:
        return False
    length = len(value)
    if length <= _SHORT_MAX:
        return value.lower() not in REFUSED_IDS
    return length <= DISTINCT_ID_CHARACTERS_MAX and value != _UUID_OF_NOBODY
