"""The rules for single fields of a record: its name, its time, its ids (protocol §4, §6).

Each rule is written once, here, for every way of reading an event and for profile updates. A JSON value goes in; a
canonical value comes out, or `Rejected`. Nothing here raises.
"""

import hashlib
import os
import re
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import xxhash

from trackway.domain.endpoint import Endpoint
from trackway.domain.identity_mode import DEVICE_PREFIX, ORIGINAL
from trackway.domain.limits import DISTINCT_ID_CHARACTERS_MAX
from trackway.domain.link import LinkKind
from trackway.ingest import outcome
from trackway.ingest.arrival import Arrival, Project
from trackway.ingest.limits import (
    EVENT_NAME_CHARACTERS_MAX,
    FUTURE_MS_MAX,
    INSERT_ID_BYTES_MAX,
    SECONDS_BELOW,
    TIME_MS_MIN,
    TRACK_AGE_MS_MAX,
)
from trackway.ingest.outcome import Rejected, invalid

NIL_UUID = "00000000-0000-0000-0000-000000000000"
REFUSED_WORDS = frozenset(
    [
        "anon",
        "anonymous",
        "nil",
        "none",
        "null",
        "n/a",
        "na",
        "undefined",
        "unknown",
        "<nil>",
        "0",
        "-1",
        "true",
        "false",
        "[]",
        "{}",
    ]
)
"""With NIL_UUID, the values that stand for 'nobody' in some client's code; never a person (protocol §4)."""

IDENTITY_EVENTS = frozenset(["$identify", "$create_alias", "$merge"])
"""Events that link ids. They may come without time and $insert_id, and some without distinct_id."""

_REFUSED_CHARACTERS_MAX = max(map(len, REFUSED_WORDS))
_NUMERIC = re.compile(r"-?\d{1,20}(\.\d{1,20})?")
_INSERT_ID = re.compile(r"[A-Za-z0-9-]+")
_ID_BITS_MAX = 1024  # a larger whole number has more digits than any id may have characters
_TIME_MS_MAX = 253_402_300_799_999  # 9999-12-31
_SECONDS_MIN = -SECONDS_BELOW

Ids = tuple[str, str, str]
"""distinct_id, device_id, user_id."""
DevicePair = tuple[str, str]
"""The DEVICE link of a `$device_id` and a `$user_id`, in short: most links are of this kind."""


class EventFields(msgspec.Struct, gc=False):
    """The fields of an accepted event that are columns of their own, canonical (protocol §4, §6).

    `device_id` and `user_id` are empty where not given, and always in original mode. An event that is not
    `deduplicated` has an `$insert_id` made up by the server. `device_pair`: the link that the event asks for.
    """

    name: str
    time_ms: int
    distinct_id: str
    device_id: str
    user_id: str
    insert_id: str
    deduplicated: bool
    device_pair: DevicePair | None


class Asked(NamedTuple):
    """The two ids that an event of IDENTITY_EVENTS asks to link; `to` is the one whose name stays.

    `is_device`: `id` may be a device's id without its prefix, so it is linked under that name too.
    """

    kind: LinkKind
    id: str
    to: str
    is_device: bool


class FieldRules:
    """The rules for the fields of one request's events; `/track` and `/import` differ here and nowhere else."""

    def __init__(self, arrival: Arrival):
        self._on_track = arrival.endpoint is Endpoint.TRACK
        self._strict = arrival.strict
        self._hash_address = arrival.hash_address
        self._now_ms = arrival.received_us // 1000
        self._oldest_ms = self._now_ms - TRACK_AGE_MS_MAX if self._on_track else TIME_MS_MIN

    def missing(self, on_track: Rejected, field: str) -> Rejected:
        """The rejection of a missing field, which the two endpoints word differently (protocol §3)."""
        return on_track if self._on_track else invalid(field, "must not be missing")

    def name(self, value: Any) -> str | Rejected:
        """The event's name."""
        if type(value) is not str:
            if value is msgspec.UNSET or value is None:
                return self.missing(outcome.EVENT_MISSING, "event")
            return invalid("event", "must be a string")
        if not value:
            return self.missing(outcome.EVENT_MISSING, "event")
        if len(value) > EVENT_NAME_CHARACTERS_MAX:
            return invalid("event", f"must not be longer than {EVENT_NAME_CHARACTERS_MAX} characters")
        return value

    def fields(
        self,
        project: Project,
        name: str,
        time: Any,
        distinct_id: Any,
        device_id: Any,
        user_id: Any,
        insert_id: Any,
        asked: Asked | Rejected | None = None,
    ) -> EventFields | Rejected:
        """The event's fields from their JSON values, None for one not given, or the first rule that one breaks.

        `asked`: the request of an event of IDENTITY_EVENTS, or why it is rejected.
        """
        ms = time_ms(time)
        if type(ms) is not int or not self._oldest_ms <= ms <= self._now_ms:
            ms = self._other_time(time, ms, name)
            if type(ms) is Rejected:
                return ms
        if type(asked) is Rejected:
            return asked
        given = None if distinct_id is None else id_text(distinct_id, "properties.distinct_id")
        if type(given) is Rejected:
            return given
        user = "" if user_id is None else id_text(user_id, "properties.$user_id")
        if type(user) is Rejected:
            return user
        device = "" if device_id is None else id_text(bare_device_id(device_id), "properties.$device_id")
        if type(device) is Rejected:
            return device
        ids = resolve_ids(project.identity_mode, given, device, user)
        if ids is None or asked is not None:
            other = self._other_ids(project, ids, asked)
            if type(other) is Rejected:
                return other
            ids = other
        insert, deduplicated = well_formed_insert_id(insert_id), True
        if type(insert) is Rejected:
            insert, deduplicated = self._other_insert_id(insert_id, insert, name)
            if type(insert) is Rejected:
                return insert
        person, device_id, user_id = ids
        pair = device_pair(device_id, user_id) if device_id and user_id else None
        return EventFields(name, ms, person, device_id, user_id, insert, deduplicated, pair)

    def _other_time(self, value: Any, ms: int | Rejected, name: str) -> int | Rejected:
        """The time of an event without one, with a bad one, or with one out of the endpoint's bounds (protocol §4)."""
        if value is None:
            if self._strict and name not in IDENTITY_EVENTS:
                return invalid("properties.time", "must not be missing")
            return self._now_ms
        if isinstance(ms, Rejected):
            return ms
        if self._on_track:
            if ms < self._oldest_ms:
                return invalid("properties.time", "must not be older than 5 days; send it to /import")
            if unit := finer_unit(ms):
                return invalid("properties.time", unit)
        elif ms > self._now_ms + FUTURE_MS_MAX:
            return invalid("properties.time", "must not be in the future")
        elif ms < self._oldest_ms:
            return invalid("properties.time", "must not be before 1971-01-01")
        return self._now_ms

    def _other_ids(self, project: Project, ids: Ids | None, asked: Asked | None) -> Ids | Rejected:
        """The ids of an event that asks to link two, or that has none: then a hash of the client's address."""
        if asked is not None:
            return ids_of_request(project.identity_mode, ids or (asked.to, "", ""), asked)
        if self._hash_address is None:
            return self.missing(outcome.DISTINCT_ID_MISSING, "properties.distinct_id")
        # Keyed, so that the address cannot be found by trying all of them.
        key = project.secret.encode()
        return hashlib.blake2b(self._hash_address.encode(), key=key, digest_size=16).hexdigest(), "", ""

    def _other_insert_id(self, value: Any, refused: Rejected, name: str) -> tuple[str | Rejected, bool]:
        """The `$insert_id` of an event with a bad one or none, and whether it takes part in deduplication: one that is
        made up here does not."""
        if value is None:
            if self._strict and name not in IDENTITY_EVENTS:
                return invalid("$insert_id", "must not be missing"), False
        elif self._strict:
            return refused, False
        elif (replacement := replacement_insert_id(value)) is not None:
            return replacement, True
        return os.urandom(16).hex(), False


def resolve_ids(mode: str, distinct_id: str | None, device_id: str, user_id: str) -> Ids | None:
    """The ids to store: `$user_id`, else `$device:` + `$device_id`, else the given distinct_id (protocol §6).

    In original mode a given distinct_id comes first, and nothing else is stored. In simplified mode a distinct_id with
    the prefix names the device. None when not even an empty distinct_id is given.
    """
    if mode == ORIGINAL:
        if not distinct_id:
            distinct_id = user_id or (DEVICE_PREFIX + device_id if device_id else distinct_id)
        return None if distinct_id is None else (distinct_id, "", "")
    if not device_id and distinct_id and DEVICE_PREFIX in distinct_id:  # a third of the time of `startswith`
        bare = distinct_id.removeprefix(DEVICE_PREFIX)
        device_id = bare if bare != distinct_id else ""
    if user_id:
        return user_id, device_id, user_id
    if device_id:
        return DEVICE_PREFIX + device_id, device_id, ""
    return None if distinct_id is None else (distinct_id, "", "")


def ids_of_request(mode: str, ids: Ids, asked: Asked) -> Ids:
    """The ids of an event that asks to link two. In simplified mode an `$identify` names its device and its user, in
    any of its properties: it is an event of the user, and shows when the device was refused to the user."""
    if mode == ORIGINAL or asked.kind is not LinkKind.IDENTIFY or asked.to.startswith(DEVICE_PREFIX):
        return ids
    user_id = ids[2] or asked.to
    device_id = ids[1] or (device_of(asked) if user_id == asked.to != asked.id else "")
    return user_id, device_id, user_id


def device_of(asked: Asked) -> str:
    """The `$device_id` that an `$identify` names as its anonymous id; '' if that id is the previous user."""
    device_id = asked.id.removeprefix(DEVICE_PREFIX)
    return device_id if asked.is_device or device_id != asked.id else ""


def device_pair(device_id: str, user_id: str) -> DevicePair | None:
    """The link that an event with these ids asks for in simplified mode. A device cannot be another device's user."""
    return (device_id, user_id) if device_id and user_id and not user_id.startswith(DEVICE_PREFIX) else None


def bare_device_id(value: Any) -> Any:
    """A `$device_id` without the prefix that some clients write before it; it is stored without, too (protocol §6)."""
    return value.removeprefix(DEVICE_PREFIX) if type(value) is str else value


def is_refused(text: str) -> bool:
    """Whether an id stands for nobody, in upper or lower case."""
    return text == NIL_UUID if len(text) > _REFUSED_CHARACTERS_MAX else text.lower() in REFUSED_WORDS


def time_ms(value: Any, field: str = "properties.time") -> int | Rejected:
    """Milliseconds since the epoch from a JSON time: number or numeric string, seconds or milliseconds.

    Below 1e11 is seconds (protocol §4). Fractions are kept to the millisecond.
    """
    if type(value) is not int and type(value) is not float:
        if type(value) is not str or not _NUMERIC.fullmatch(value):
            return invalid(field, "must be specified as seconds since epoch")
        value = float(value) if "." in value else int(value)
    ms = value * 1000 if _SECONDS_MIN < value < SECONDS_BELOW else value  # below that, a float could overflow
    return ms if type(ms) is int else int(ms)


def finer_unit(time_ms: int) -> str:
    """Why a time beyond the year 9999 is rejected: it has a unit finer than milliseconds; else ""."""
    if time_ms <= _TIME_MS_MAX:
        return ""
    unit = "microseconds" if time_ms <= 1000 * _TIME_MS_MAX else "nanoseconds"
    return f"must be specified as seconds or milliseconds since epoch, not {unit}"


def id_text(value: Any, field: str) -> str | Rejected:
    """A person's id: as `any_id_text`, and not one of the refused values. The empty string passes (protocol §4)."""
    if type(value) is str and _REFUSED_CHARACTERS_MAX < len(value) <= DISTINCT_ID_CHARACTERS_MAX and value != NIL_UUID:
        return value  # most ids
    text = any_id_text(value, field)
    if type(text) is str and is_refused(text):
        return invalid(field, f"must not be '{text}', which stands for no one")
    return text


def any_id_text(value: Any, field: str) -> str | Rejected:
    """An id as a string: at most 255 characters, numbers in decimal. Every other value is rejected."""
    if type(value) is not str:
        if type(value) is int and value.bit_length() <= _ID_BITS_MAX:
            value = str(value)
        elif type(value) is float:
            value = format(Decimal(repr(value)).normalize(), "f")
        else:
            return invalid(field, "must be a string")
    if len(value) > DISTINCT_ID_CHARACTERS_MAX:
        return invalid(field, f"must not be longer than {DISTINCT_ID_CHARACTERS_MAX} characters")
    return value  # type: ignore[no-any-return]  # narrowed above: int and float became str


def well_formed_insert_id(value: Any) -> str | Rejected:
    """An `$insert_id`: at most 36 bytes of letters, digits and '-' (protocol §4, [M])."""
    if type(value) is str and _REFUSED_CHARACTERS_MAX < len(value) <= INSERT_ID_BYTES_MAX:
        if value.isalnum() and value.isascii():
            return value  # most ids; the refused UUID has hyphens
    elif type(value) is int and value.bit_length() <= _ID_BITS_MAX:
        value = str(value)
    elif type(value) is not str:
        return invalid("$insert_id", "must be a string")
    if len(value) > INSERT_ID_BYTES_MAX:
        return invalid("$insert_id", f"must not be longer than {INSERT_ID_BYTES_MAX} bytes")
    if not _INSERT_ID.fullmatch(value):
        return invalid("$insert_id", "must only contain alphanumeric or hyphen '-' characters")
    if is_refused(value):
        return invalid("$insert_id", f"must not be '{value}', which identifies nothing")
    return value  # type: ignore[no-any-return]  # int became str


def replacement_insert_id(value: Any) -> str | None:
    """The `$insert_id` that replaces a bad one where that is not rejected.

    The same bad id gives the same replacement, so a retry is still recognised. None, which means "make one up", where
    the value identifies nothing.
    """
    if type(value) is not str or value == "" or is_refused(value):
        return None
    return xxhash.xxh3_128_hexdigest(value.encode())
