"""Types made at run time, each for the events with one set of property names, and the readers of these events.

One call of a reader makes an object of an event's JSON text, without a dict. The ids and the time are values, every
other property is still JSON text. A reader raises UNREADABLE for an event with another property, with an id that is no
string or a time that is no number. Names that are repeated, escaped or surrounded by white space mean the same to it as
to the decoder that makes a dict.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from trackway.ingest.limits import COMPILED_TYPES_MAX

Read = Callable[[msgspec.Raw | bytes], Any]
"""A reader: the JSON text of an event to an object with `event` and `properties`."""

REQUIRED: dict[str, Any] = {"time": int | float, "distinct_id": str, "$insert_id": str}
REQUIRED_BESIDE_MADE_IDS: dict[str, Any] = {name: kind for name, kind in REQUIRED.items() if name != "$insert_id"}
"""The same for events that get the `$insert_id` which they lack."""
_OPTIONAL = ("$insert_id", "$device_id", "$user_id", "token")
_ATTRIBUTES = {
    "time": "time",
    "distinct_id": "distinct_id",
    "$insert_id": "insert_id",
    "$device_id": "device_id",
    "$user_id": "user_id",
    "token": "token",
}
_encode = msgspec.json.Encoder().encode
_readers: dict[tuple[frozenset[str], int], Read] = {}
"""By property names in any order, which differs from batch to batch, and by how many of them are required."""


def reader_of(names: Iterable[str], required: dict[str, Any] = REQUIRED) -> Read:
    """The reader of events with these properties besides those of every type. A new one takes half a millisecond."""
    all_names = dict.fromkeys(names) | dict.fromkeys(_ATTRIBUTES)
    key = frozenset(all_names), len(required)
    found = _readers.get(key)
    if found is None:
        if len(_readers) == COMPILED_TYPES_MAX:
            _readers.clear()
        found = _readers[key] = msgspec.json.Decoder(_record_type(all_names, required)).decode
    return found


def _record_type(names: Iterable[str], required: dict[str, Any]) -> type[msgspec.Struct]:
    """Fields are in the order in which the properties were seen: the decoder first tries the next field."""
    fields: list[Any] = []
    attributes: dict[str, str] = {}
    for name in filter(_is_plain, names):
        attribute = _ATTRIBUTES.get(name, f"property_{len(fields)}")
        attributes[attribute] = name
        if name in required:
            fields.append((attribute, required[name]))
        else:
            fields.append((attribute, (str if name in _OPTIONAL else msgspec.Raw) | UnsetType, UNSET))
    properties = msgspec.defstruct(
        "Properties", fields, rename=attributes, forbid_unknown_fields=True, kw_only=True, gc=False
    )
    return msgspec.defstruct("Record", [("event", str), ("properties", properties)], gc=False)


def _is_plain(name: str) -> bool:
    """Whether a name needs no escape in JSON; a field cannot be renamed to one that does."""
    return _encode(name) == b'"' + name.encode() + b'"'
