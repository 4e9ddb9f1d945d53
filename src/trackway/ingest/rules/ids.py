"""The rules for ids: distinct_id, `$device_id`, `$user_id`, `$insert_id` (protocol §4, §6).

Each rule is written once, here, for every way of reading an event and for profile updates. A JSON value goes in; a
canonical value comes out, or `Rejected`. Nothing here raises.
"""

import hashlib
import os
import re
from decimal import Decimal
from typing import Any

import msgspec
import xxhash

from trackway.domain.identity_mode import DEVICE_PREFIX, ORIGINAL
from trackway.domain.limits import DISTINCT_ID_CHARACTERS_MAX
from trackway.ingest.arrival import Arrival, Project, missing
from trackway.ingest.limits import INSERT_ID_BYTES_MAX
from trackway.ingest.outcome import DISTINCT_ID_MISSING, Rejected, invalid

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

_REFUSED_CHARACTERS_MAX = max(map(len, REFUSED_WORDS))
_INSERT_ID = re.compile(r"[A-Za-z0-9-]+")
_ID_BITS_MAX = 1024  # a larger whole number has more digits than any id may have characters

Ids = tuple[str, str, str]
"""distinct_id, device_id, user_id."""
DevicePair = tuple[str, str]
"""The DEVICE link of a `$device_id` and a `$user_id`, in short: most links are of this kind."""


class EventIds(msgspec.Struct, gc=False):
    """The ids of an event that are columns of their own, canonical.

    `device_id` and `user_id` are empty where not given, and always in original mode. An event that is not
    `deduplicated` has an `$insert_id` made up by the server. `device_pair`: the link that the event asks for.
    """

    distinct_id: str
    device_id: str
    user_id: str
    insert_id: str
    deduplicated: bool
    device_pair: DevicePair | None


def event_ids(
    project: Project,
    distinct_id: Any,
    device_id: Any,
    user_id: Any,
    insert_id: Any,
    arrival: Arrival,
    required: bool,
    otherwise: str | None = None,
) -> EventIds | Rejected:
    """The ids of an event from their JSON values, None for one not given, or the first rule that one breaks.

    `required`: whether a good `$insert_id` must be given. `otherwise`: the distinct_id of an event that names no id.
    """
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
    if ids is None:
        person = _id_of_nobody(project, arrival) if otherwise is None else otherwise
        if isinstance(person, Rejected):
            return person
        ids = (person, "", "")
    insert, deduplicated = well_formed_insert_id(insert_id), True
    if type(insert) is Rejected:
        insert, deduplicated = _other_insert_id(insert_id, insert, arrival, required)
        if type(insert) is Rejected:
            return insert
    person, device, user = ids
    return EventIds(person, device, user, insert, deduplicated, device_pair(device, user) if device and user else None)


def _id_of_nobody(project: Project, arrival: Arrival) -> str | Rejected:
    """The distinct_id of an event that names none: a hash of the client's address, if the client asks for that."""
    if arrival.hash_address is None:
        return missing(arrival, DISTINCT_ID_MISSING, "properties.distinct_id")
    # Keyed, so that the address cannot be found by trying all of them.
    return hashlib.blake2b(arrival.hash_address.encode(), key=project.secret.encode(), digest_size=16).hexdigest()


def _other_insert_id(value: Any, refused: Rejected, arrival: Arrival, required: bool) -> tuple[str | Rejected, bool]:
    """The `$insert_id` of an event with a bad one or none, and whether it takes part in deduplication: one that is
    made up here does not."""
    if value is None:
        if required:
            return invalid("$insert_id", "must not be missing"), False
    elif arrival.strict:
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


def device_pair(device_id: str, user_id: str) -> DevicePair | None:
    """The link that an event with these ids asks for in simplified mode. A device cannot be another device's user."""
    return (device_id, user_id) if device_id and user_id and not user_id.startswith(DEVICE_PREFIX) else None


def bare_device_id(value: Any) -> Any:
    """A `$device_id` without the prefix that some clients write before it; it is stored without, too (protocol §6)."""
    return value.removeprefix(DEVICE_PREFIX) if type(value) is str else value


def is_refused(text: str) -> bool:
    """Whether an id stands for nobody, in upper or lower case."""
    return text == NIL_UUID if len(text) > _REFUSED_CHARACTERS_MAX else text.lower() in REFUSED_WORDS


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
        if value.isascii() and value.encode().isalnum():  # half the time of `isalnum` on a text
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
