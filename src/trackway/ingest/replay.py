"""A rejected record sent again: its bytes, perhaps corrected by a person, pass the same rules once more.

The JSON text and the origin of the record come in, the outcome of a request comes out. An event becomes an import, so
it may be older than five days, and its project is the one that replays it, whatever its token. It keeps its own
`$insert_id`, or gets one that is always the same for this record. It keeps its time of arrival if it has no other. So
an event replayed any number of times is one event. A profile update does not change when its profile was last seen.
"""

from hashlib import blake2b
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from trackway.domain.endpoint import Endpoint
from trackway.ingest.arrival import Arrival
from trackway.ingest.outcome import Ingested, Rejected
from trackway.ingest.raw_fields import EventRecord, Members, look
from trackway.ingest.request import ingest_events, ingest_updates
from trackway.ingest.rules.ids import replacement_insert_id, well_formed_insert_id
from trackway.ingest.split import MalformedBody, require_records, split_json, split_updates

_EVENT = "event"
_value_of = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Origin(NamedTuple):
    """The rejected record: `identity` names it among all, `received_us` is its arrival in microseconds since the
    epoch."""

    identity: str
    received_us: int


class Change(NamedTuple):
    """A change to every record. The property, or the member of a profile update, gets this value as JSON text; None
    removes it. `event` is the name of an event."""

    name: str
    value: bytes | None


def replay(text: bytes, origin: Origin, arrival: Arrival, change: Change | None = None) -> Ingested:
    """The outcome of a record, or of several in an array. `arrival.endpoint` is that of the record, `arrival.project`
    the project.

    Raises MalformedBody when the text is no JSON of records, and RequestError 413 when it is too large.
    """
    assert arrival.project is not None
    try:
        if arrival.endpoint.takes_profiles:
            return _replay_updates(text, origin, arrival, change)
        return _replay_events(text, origin, msgspec.structs.replace(arrival, endpoint=Endpoint.IMPORT), change)
    except RecursionError as error:
        raise MalformedBody("data, not valid JSON: nested too deep") from error


def read_change(field: str, value: str, *, remove: bool) -> Change:
    """A change as a person writes it: a field as reasons name it, a value in JSON. Raises ValueError with the fault."""
    name = field.strip().removeprefix("properties.")
    if not name:
        raise ValueError("field must be named, as in properties.time")
    if remove:
        return Change(name, None)
    try:
        _value_of(value)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ValueError('value must be JSON: a text stands in quotes, as in "Berlin"') from error
    return Change(name, value.encode())


def insert_id_of(origin: Origin, index: int) -> str:
    """The `$insert_id` of a record that has none of its own: 34 characters, the same each time."""
    return "r-" + blake2b(f"{origin.identity} {index}".encode(), digest_size=16).hexdigest()


def _replay_events(text: bytes, origin: Origin, arrival: Arrival, change: Change | None) -> Ingested:
    source = require_records(split_json(text))
    for index, record in enumerate(source.records):
        if isinstance(record, Rejected):
            continue
        if change is not None:
            _change_event(record, change)
        if record.properties is not UNSET:
            _settle(record.properties, origin, index)
    return ingest_events(source, arrival)


def _change_event(record: EventRecord, change: Change) -> None:
    if change.name == _EVENT:
        record.event = UNSET if change.value is None else _value_of(change.value)
        return
    if record.properties is UNSET:
        record.properties = {}
    _change(record.properties, change)


def _change(members: Members, change: Change) -> None:
    if change.value is None:
        members.pop(change.name, None)
    else:
        members[change.name] = msgspec.Raw(change.value)


def _settle(members: Members, origin: Origin, index: int) -> None:
    """Set the `$insert_id` and the time that the rules would otherwise make up anew each time."""
    given = look(members, "$insert_id")
    if isinstance(well_formed_insert_id(given), Rejected) and replacement_insert_id(given) is None:
        members["$insert_id"] = msgspec.Raw(_encode(insert_id_of(origin, index)))
    if look(members, "time") is None:
        members["time"] = msgspec.Raw(b"%d" % (origin.received_us // 1000))


def _replay_updates(text: bytes, origin: Origin, arrival: Arrival, change: Change | None) -> Ingested:
    project = arrival.project
    own = msgspec.structs.replace(arrival, find_project=lambda _token: project)
    source = require_records(split_updates(text, lines=False))
    for record in source.records:
        if isinstance(record, Rejected):
            continue
        if change is not None:
            _change(record, change)
        record["$token"] = msgspec.Raw(b'"own"')
        record.setdefault("$time", msgspec.Raw(b"%d" % (origin.received_us // 1000)))
        record["$ignore_time"] = msgspec.Raw(b"true")
    return ingest_updates(source, own)
