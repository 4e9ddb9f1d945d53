"""The rules of one event, in the order they are applied; each step says what it takes out of the record.

A record as decoded from JSON goes in; `Accepted`, `Rejected` or `IGNORED` comes out. Pure: the clock, the project and
the client's address are handed in with `Arrival`. What differs between `/track` and `/import` is decided here and
nowhere else.
"""

import hashlib
import os
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from trackway.geo.place import Place, PlaceOfAddress, PlaceOfCoordinates, nowhere
from trackway.ingest import outcome, values
from trackway.ingest.location import place_of_record, with_place
from trackway.ingest.outcome import IGNORED, Ignored, Rejected, invalid
from trackway.ingest.properties import Members, check_properties
from trackway.ingest.suspicion import SUSPECT_ALL, Suspicions
from trackway.journal.entry import Endpoint
from trackway.limits import EVENT_NAME_CHARACTERS_MAX, FUTURE_MS_MAX, TIME_MS_MIN, TRACK_AGE_MS_MAX
from trackway.residency import wrong_region

DEVICE_PREFIX = "$device:"
IDENTITY_EVENTS = frozenset({"$identify", "$create_alias", "$merge"})
"""Requests that link ids (protocol §6); they may come without time, $insert_id and distinct_id."""


class Project(Protocol):
    """What the rules need to know of a project."""

    @property
    def project_id(self) -> int: ...
    @property
    def secret(self) -> str: ...
    @property
    def region(self) -> str: ...


class Arrival(msgspec.Struct, frozen=True):
    """What is known of a request besides its records.

    `received_us`: arrival in microseconds since the epoch. `project`: the one the credentials name (`/import`), else
    None and each event's token is looked up with `find_project`. `hash_address`: the client's address where `ip=1`
    asks for a distinct_id made from it, else None. `region`: the server's. `place`: the place of
    records that name none; `place_of` and `nearest` tell the places of addresses and coordinates.
    """

    endpoint: Endpoint
    received_us: int
    find_project: Callable[[str], Project | None]
    project: Project | None = None
    strict: bool = False
    hash_address: str | None = None
    accept_unknown_tokens: bool = False
    region: str = "us"
    place: Place | None = None
    place_of: PlaceOfAddress = nowhere
    nearest: PlaceOfCoordinates = nowhere


class EventRecord(msgspec.Struct, gc=False):
    """The two keys of a record that count; all others are ignored (protocol §2).

    Each property is still the JSON text the client sent. Decoding consumes it: the rules take out what they store
    elsewhere.
    """

    event: Any = UNSET
    properties: Members | UnsetType = UNSET


class Accepted(msgspec.Struct, gc=False):
    """An event within all limits, as it will be stored; the ids are empty where not given."""

    project: Project
    time_ms: int
    event: str
    distinct_id: str
    insert_id: str
    deduplicated: bool
    device_id: str
    user_id: str
    properties: bytes


class Identity(NamedTuple):
    """The ids of an event (protocol §6, simplified): empty where not given."""

    distinct_id: str
    device_id: str
    user_id: str


_value_of = msgspec.json.Decoder().decode


def take(members: Members, name: str) -> Any:
    """The value of one member, parsed, and the member taken out; None when absent or null."""
    raw = members.pop(name, None)
    return None if raw is None else _parse(raw)


def look(members: Members, name: str) -> Any:
    """The value of one member, parsed; None when absent or null."""
    raw = members.get(name)
    return None if raw is None else _parse(raw)


def _parse(raw: msgspec.Raw) -> Any:
    try:
        return _value_of(raw)
    except (msgspec.ValidationError, UnicodeDecodeError, RecursionError):  # no float can hold it, no text, too deep
        return bytes(raw)  # which no rule accepts


def accept_event(
    record: EventRecord, arrival: Arrival, suspected: Suspicions = SUSPECT_ALL
) -> Accepted | Rejected | Ignored:
    """Apply every rule to one event; `suspected` is what is not ruled out for its values."""
    name = _event_name(record.event, arrival)
    if isinstance(name, Rejected):
        return name
    members = record.properties
    if members is UNSET:
        return _missing(arrival, outcome.TOKEN_MISSING, "properties")
    project = _project(members, arrival)
    if isinstance(project, Rejected | Ignored):
        return project
    if "$ignore" in members and look(members, "$ignore"):
        return IGNORED
    time_ms = _event_time(members, name, arrival)
    if isinstance(time_ms, Rejected):
        return time_ms
    identity = _identity(members, name, project, arrival)
    if isinstance(identity, Rejected):
        return identity
    insert_id, deduplicated = _insert_id(members, name, arrival)
    if isinstance(insert_id, Rejected):
        return insert_id
    properties = event_properties(members, arrival, suspected)
    if isinstance(properties, Rejected):
        return properties
    distinct_id, device_id, user_id = identity
    return Accepted(project, time_ms, name, distinct_id, insert_id, deduplicated, device_id, user_id, properties)


def _missing(arrival: Arrival, on_track: Rejected, field: str) -> Rejected:
    """The two endpoints word a missing field differently (protocol §3)."""
    return on_track if arrival.endpoint is Endpoint.TRACK else invalid(field, "must not be missing")


def _event_name(value: Any, arrival: Arrival) -> str | Rejected:
    if type(value) is not str:
        if value is UNSET or value is None:
            return _missing(arrival, outcome.EVENT_MISSING, "event")
        return invalid("event", "must be a string")
    if not value:
        return _missing(arrival, outcome.EVENT_MISSING, "event")
    if len(value) > EVENT_NAME_CHARACTERS_MAX:
        return invalid("event", f"must not be longer than {EVENT_NAME_CHARACTERS_MAX} characters")
    return value


def _project(members: Members, arrival: Arrival) -> Project | Rejected | Ignored:
    """The project of the request's credentials, else of the event's token, which is taken out (protocol §4)."""
    token = take(members, "token")
    return arrival.project or project_of_token(token, arrival, outcome.TOKEN_MISSING)


def project_of_token(token: Any, arrival: Arrival, missing: Rejected) -> Project | Rejected | Ignored:
    """The project a record's token names; `missing` refuses a record without one, and says what its field is called."""
    if not token or type(token) is not str:
        return missing
    project = arrival.find_project(token)
    if project is None:
        return IGNORED if arrival.accept_unknown_tokens else Rejected(missing.field, "token, unknown")
    if project.region != arrival.region:
        return Rejected(missing.field, f"token, {wrong_region(project.region, arrival.region)}")
    return project


def _event_time(members: Members, name: str, arrival: Arrival) -> int | Rejected:
    """Milliseconds since the epoch, inside the endpoint's bounds (protocol §4)."""
    value = take(members, "time")
    now_ms = arrival.received_us // 1000
    if value is None:
        if arrival.strict and name not in IDENTITY_EVENTS:
            return invalid("properties.time", "must not be missing")
        return now_ms
    time_ms = values.time_ms(value)
    if isinstance(time_ms, Rejected):
        return time_ms
    if arrival.endpoint is Endpoint.TRACK:
        if time_ms < now_ms - TRACK_AGE_MS_MAX:
            return invalid("properties.time", "must not be older than 5 days; send it to /import")
    elif time_ms > now_ms + FUTURE_MS_MAX:
        return invalid("properties.time", "must not be in the future")
    elif time_ms < TIME_MS_MIN:
        return invalid("properties.time", "must not be before 1971-01-01")
    return time_ms if time_ms < now_ms else now_ms


def _identity(members: Members, name: str, project: Project, arrival: Arrival) -> Identity | Rejected:
    """`$user_id`, else `$device:` + `$device_id`, else the given distinct_id (protocol §6, simplified)."""
    given = take(members, "distinct_id")
    given = None if given is None else values.id_text(given, "properties.distinct_id")
    if isinstance(given, Rejected):
        return given
    if given and "$user_id" not in members and "$device_id" not in members and not given.startswith(DEVICE_PREFIX):
        return Identity(given, "", "")
    return _identity_of_ids(members, name, given, project, arrival)


def _identity_of_ids(
    members: Members, name: str, given: str | None, project: Project, arrival: Arrival
) -> Identity | Rejected:
    ids = []
    for field in ("$user_id", "$device_id"):
        value = look(members, field)
        text = "" if value is None else values.id_text(value, f"properties.{field}")
        if isinstance(text, Rejected):
            return text
        ids.append(text)
    user_id, device_id = ids
    if not device_id and given and given.startswith(DEVICE_PREFIX):
        device_id = given.removeprefix(DEVICE_PREFIX)
    if user_id:
        return Identity(user_id, device_id, user_id)
    if device_id:
        return Identity(DEVICE_PREFIX + device_id, device_id, "")
    if given is None:
        return _identity_without_ids(members, name, project, arrival)
    return Identity(given, "", "")


def _identity_without_ids(members: Members, name: str, project: Project, arrival: Arrival) -> Identity | Rejected:
    if name in IDENTITY_EVENTS:
        known = look(members, "$identified_id")
        return Identity(known if type(known) is str else "", "", "")
    if arrival.hash_address is None:
        return _missing(arrival, outcome.DISTINCT_ID_MISSING, "properties.distinct_id")
    # Keyed, so that the address cannot be found by trying all of them.
    key = project.secret.encode()
    digest = hashlib.blake2b(arrival.hash_address.encode(), key=key, digest_size=16)
    return Identity(digest.hexdigest(), "", "")


def event_properties(members: Members, arrival: Arrival, suspected: Suspicions) -> bytes | Rejected:
    """The JSON text to store: the properties, within their limits, and the event's place, which does not count there.

    Whether they are refused does not depend on `ip`, which is taken out.
    """
    ip = take(members, "ip")
    properties = check_properties(members, suspected)
    if isinstance(properties, Rejected):
        return properties
    place = place_of_record(ip, look(members, "$latitude"), look(members, "$longitude"), arrival)
    return with_place(properties, place, members) if place else properties


def _insert_id(members: Members, name: str, arrival: Arrival) -> tuple[str | Rejected, bool]:
    """The `$insert_id`, and whether it takes part in deduplication: one made up here does not."""
    value = take(members, "$insert_id")
    if value is not None:
        checked = values.insert_id(value)
        if not isinstance(checked, Rejected):
            return checked, True
        if arrival.strict:
            return checked, False
        replacement = values.insert_id_in_place_of(value)
        if replacement is not None:
            return replacement, True
    elif arrival.strict and name not in IDENTITY_EVENTS:
        return invalid("$insert_id", "must not be missing"), False
    return os.urandom(16).hex(), False
