"""The rules of one event, in the order they are applied; each step says what it takes out of the record.

A record as decoded from JSON goes in; `Accepted`, `Rejected` or `IGNORED` comes out. Pure: the clock, the project and
the client's address are handed in with `Arrival`. What differs between `/track` and `/import` is decided here and
nowhere else.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from trackway.geo.place import Place, PlaceOfAddress, PlaceOfCoordinates, nowhere
from trackway.identity import ORIGINAL
from trackway.ingest import outcome, values
from trackway.ingest.links import (
    DEVICE_PREFIX,
    IDENTITY_EVENTS,
    Asked,
    DevicePair,
    device_of,
    device_pair,
    links_asked,
    read_request,
)
from trackway.ingest.location import place_of_record, with_place
from trackway.ingest.members import look, take
from trackway.ingest.outcome import IGNORED, Ignored, Rejected, invalid
from trackway.ingest.properties import Members, check_properties
from trackway.ingest.suspicion import SUSPECT_ALL, Suspicions
from trackway.journal.entry import Endpoint, Link, LinkKind
from trackway.limits import EVENT_NAME_CHARACTERS_MAX, FUTURE_MS_MAX, TIME_MS_MIN, TRACK_AGE_MS_MAX
from trackway.residency import wrong_region


class Project(Protocol):
    """What the rules need to know of a project."""

    @property
    def project_id(self) -> int: ...
    @property
    def secret(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def identity_mode(self) -> str: ...


class Arrival(msgspec.Struct, frozen=True):
    """What is known of a request besides its records.

    `received_us`: arrival in microseconds since the epoch. `project`: the one the credentials name (`/import`), else
    None and each event's token is looked up with `find_project`. `hash_address`: the client's address where `ip=1`
    asks for a distinct_id made from it, else None. `region`: the server's. `host`: what the request calls the server,
    and `misled` whether that is a name of another region, under which nothing is taken. `place`: the place of records
    that name none; `place_of` and `nearest` tell the places of addresses and coordinates.
    """

    endpoint: Endpoint
    received_us: int
    find_project: Callable[[str], Project | None]
    project: Project | None = None
    strict: bool = False
    hash_address: str | None = None
    accept_unknown_tokens: bool = False
    region: str = "us"
    host: bytes = b""
    misled: bool = False
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


class Identity(NamedTuple):
    """The ids of an event (protocol §6): empty where not given, and in original mode but for the first."""

    distinct_id: str
    device_id: str
    user_id: str


class Accepted(msgspec.Struct, gc=False):
    """An event within all limits, as it will be stored, and the links it asks for."""

    project: Project
    time_ms: int
    event: str
    identity: Identity
    insert_id: str
    deduplicated: bool
    properties: bytes
    links: Sequence[DevicePair | Link] = ()


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
    asked = read_request(name, members, arrival.endpoint) if name in IDENTITY_EVENTS else None
    if isinstance(asked, Rejected):
        return asked
    identity = _identity(members, asked, project, arrival)
    if isinstance(identity, Rejected):
        return identity
    if asked and project.identity_mode != ORIGINAL:
        identity = _identity_of_request(identity, asked)
    insert_id, deduplicated = _insert_id(members, name, arrival)
    if isinstance(insert_id, Rejected):
        return insert_id
    properties = event_properties(members, arrival, suspected)
    if isinstance(properties, Rejected):
        return properties
    pair = device_pair(identity.device_id, identity.user_id)
    links = [*((pair,) if pair else ()), *(links_asked(asked, project.identity_mode, insert_id) if asked else ())]
    return Accepted(project, time_ms, name, identity, insert_id, deduplicated, properties, links)


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
    if project.region != arrival.region or arrival.misled:
        reason = wrong_region(project.region, arrival.region, arrival.host)
        return Rejected(missing.field, f"token, {reason}", keep=False)
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


def _identity(members: Members, asked: Asked | None, project: Project, arrival: Arrival) -> Identity | Rejected:
    """`$user_id`, else `$device:` + `$device_id`, else the given distinct_id, which comes first in original mode
    (protocol §6)."""
    given = take(members, "distinct_id")
    given = None if given is None else values.id_text(given, "properties.distinct_id")
    if isinstance(given, Rejected):
        return given
    if given and "$user_id" not in members and "$device_id" not in members and not given.startswith(DEVICE_PREFIX):
        return Identity(given, "", "")
    ids = []
    for field in ("$user_id", "$device_id"):
        value = look(members, field)
        text = "" if value is None else values.id_text(value, f"properties.{field}")
        if isinstance(text, Rejected):
            return text
        ids.append(text)
    found = _identity_of_ids(given, *ids, mode=project.identity_mode)
    return found or _identity_without_ids(asked, project, arrival)


def _identity_of_ids(given: str | None, user_id: str, device_id: str, *, mode: str) -> Identity | None:
    """None when not even an empty distinct_id was given."""
    if mode == ORIGINAL and given:
        return Identity(given, "", "")
    if not device_id and given and given.startswith(DEVICE_PREFIX):
        device_id = given.removeprefix(DEVICE_PREFIX)
    distinct_id = user_id or (DEVICE_PREFIX + device_id if device_id else given)
    if distinct_id is None:
        return None
    return Identity(distinct_id, "", "") if mode == ORIGINAL else Identity(distinct_id, device_id, user_id)


def _identity_without_ids(asked: Asked | None, project: Project, arrival: Arrival) -> Identity | Rejected:
    """The person that a request to link ids is about, else a hash of the client's address where that is asked for."""
    if asked:
        return Identity(asked.to, "", "")
    if arrival.hash_address is None:
        return _missing(arrival, outcome.DISTINCT_ID_MISSING, "properties.distinct_id")
    # Keyed, so that the address cannot be found by trying all of them.
    key = project.secret.encode()
    digest = hashlib.blake2b(arrival.hash_address.encode(), key=key, digest_size=16)
    return Identity(digest.hexdigest(), "", "")


def _identity_of_request(identity: Identity, asked: Asked) -> Identity:
    """An `$identify` names its device and its user, in whichever properties: the user's event it is, and one that shows
    that the device was refused to the user."""
    if asked.kind is not LinkKind.IDENTIFY or asked.to.startswith(DEVICE_PREFIX):
        return identity
    user_id = identity.user_id or asked.to
    device_id = identity.device_id or (device_of(asked) if user_id == asked.to != asked.id else "")
    return Identity(user_id, device_id, user_id)


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
