"""The complete rules of one event, in order; the first broken rule is the outcome.

A record from the decoder goes in; `AcceptedEvent`, `Rejected` or `IGNORED` comes out. Pure: the clock, the project and
the client's address come with `Arrival`. Each step is one call: the name, the link it asks for, the project, the time,
the ids, the properties, the place.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from trackway.domain.data_age import first_kept_ms
from trackway.domain.endpoint import Endpoint
from trackway.domain.identity_mode import DEVICE_PREFIX
from trackway.domain.link import Link
from trackway.ingest.arrival import Arrival, missing, project_of_token
from trackway.ingest.limits import EVENT_NAME_CHARACTERS_MAX
from trackway.ingest.outcome import EVENT_MISSING, IGNORED, TOKEN_MISSING, Ignored, Rejected, invalid
from trackway.ingest.prefilter import SUSPECT_ALL, Suspicions
from trackway.ingest.raw_fields import NO_VALUE, EventRecord, Members, look, parse
from trackway.ingest.rules.ids import DevicePair, EventIds, bare_device_id, event_ids
from trackway.ingest.rules.link import IDENTITY_EVENTS, ids_of_request, links_asked, read_request
from trackway.ingest.rules.location import place_of_record, with_place
from trackway.ingest.rules.properties import check_properties
from trackway.ingest.rules.reimport import READ_BACK, put_back
from trackway.ingest.rules.times import event_time, too_old

_OUTCOMES = (Rejected, Ignored)
_NULL = msgspec.Raw(b"null")
_values_of = msgspec.json.Decoder(list[Any]).decode


class AcceptedEvent(msgspec.Struct, gc=False):
    """An event within all limits. `properties`: the JSON text to store. `links`: those it asks for by its name."""

    project_id: int
    name: str
    time_ms: int
    ids: EventIds
    properties: bytes
    links: Sequence[DevicePair | Link] = ()


def judge(
    record: EventRecord, arrival: Arrival, suspected: Suspicions = SUSPECT_ALL
) -> AcceptedEvent | Rejected | Ignored:
    """Apply every rule to one event, and consume it. `suspected`: the rules on values that it may break."""
    name, members = check_name(record.event, arrival), record.properties
    if isinstance(name, Rejected):
        return name
    if members is UNSET:
        return missing(arrival, TOKEN_MISSING, "properties")
    if arrival.endpoint is Endpoint.IMPORT and not members.keys().isdisjoint(READ_BACK):
        put_back(members)
    asked = read_request(name, members, arrival.endpoint) if name in IDENTITY_EVENTS else None
    required = arrival.strict and asked is None
    token, time, distinct_id, insert_id, ip, device_id, user_id = _take_own(members)
    project = arrival.project or project_of_token(token, arrival, TOKEN_MISSING)
    if isinstance(project, _OUTCOMES):
        return project
    if "$ignore" in members and look(members, "$ignore"):
        return IGNORED
    time_ms = event_time(time, arrival, required)
    if isinstance(time_ms, Rejected):
        return time_ms
    kept_days = project.kept_event_days(arrival.event_retention)
    if time_ms < first_kept_ms(kept_days, project.time_zone, arrival.now_ms):
        return too_old(kept_days)
    if isinstance(asked, Rejected):
        return asked
    otherwise = None if asked is None else asked.to
    ids = event_ids(project, distinct_id, device_id, user_id, insert_id, arrival, required, otherwise)
    if isinstance(ids, Rejected):
        return ids
    if type(device_id) is str and device_id.startswith(DEVICE_PREFIX):
        members["$device_id"] = msgspec.Raw(msgspec.json.encode(bare_device_id(device_id)))
    properties = check_properties(members, suspected)
    if isinstance(properties, Rejected):
        return properties
    properties = _with_place(properties, ip, members, arrival)
    if asked is None:
        return AcceptedEvent(project.project_id, name, time_ms, ids, properties)
    mode = project.identity_mode
    links = links_asked(asked, mode, ids.insert_id)
    return AcceptedEvent(project.project_id, name, time_ms, ids_of_request(ids, asked, mode), properties, links)


def check_name(value: Any, arrival: Arrival) -> str | Rejected:
    """The event's name."""
    if type(value) is not str:
        if value is UNSET or value is None:
            return missing(arrival, EVENT_MISSING, "event")
        return invalid("event", "must be a string")
    if not value:
        return missing(arrival, EVENT_MISSING, "event")
    if len(value) > EVENT_NAME_CHARACTERS_MAX:
        return invalid("event", f"must not be longer than {EVENT_NAME_CHARACTERS_MAX} characters")
    return value


def _with_place(properties: bytes, ip: Any, members: Members, arrival: Arrival) -> bytes:
    """The JSON text of the properties and those of the event's place, which is its own or that of the request."""
    place = arrival.place
    if ip is not None or "$latitude" in members:
        place = place_of_record(ip, look(members, "$latitude"), look(members, "$longitude"), arrival)
    return with_place(properties, place, members) if place else properties


def _take_own(members: Members) -> list[Any]:
    """The JSON values of token, time, distinct_id, `$insert_id` and ip, which are taken out of the members, and of
    `$device_id` and `$user_id`, which stay; None for one that is absent or null."""
    take, get = members.pop, members.get
    raws = (
        take("token", _NULL),
        take("time", _NULL),
        take("distinct_id", _NULL),
        take("$insert_id", _NULL),
        take("ip", _NULL),
        get("$device_id", _NULL),
        get("$user_id", _NULL),
    )
    try:
        return _values_of(b"[" + b",".join(raws) + b"]")
    except NO_VALUE:
        return list(map(parse, raws))
