"""A record as it comes from the decoder: each member is still the JSON text that the client sent.

A rule that needs the value of a member parses that one.
"""

from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

Members = dict[str, msgspec.Raw]
"""The members of an event's `properties`, or of a profile update."""

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for a text that is no record."""

_value_of = msgspec.json.Decoder().decode


class EventRecord(msgspec.Struct, gc=False):
    """An event before the rules. All keys but these two are ignored (protocol §2).

    The rules consume a record: they take out the properties that are stored elsewhere.
    """

    event: Any = UNSET
    properties: Members | UnsetType = UNSET


class OwnValues(NamedTuple):
    """The JSON values of the properties that an event's columns and its place come from; None for one that is absent or
    null."""

    token: Any
    time: Any
    distinct_id: Any
    insert_id: Any
    device_id: Any
    user_id: Any
    ip: Any


decode_event = msgspec.json.Decoder(EventRecord).decode
decode_update = msgspec.json.Decoder(Members).decode


def take_own(members: Members) -> OwnValues:
    """The values for an event's columns and place. `$device_id` and `$user_id` stay among the members, the others are
    taken out of them."""
    take, get = members.pop, members.get
    return OwnValues(
        _parse(take("token", None)),
        _parse(take("time", None)),
        _parse(take("distinct_id", None)),
        _parse(take("$insert_id", None)),
        _parse(get("$device_id")),
        _parse(get("$user_id")),
        _parse(take("ip", None)),
    )


def take(members: Members, name: str) -> Any:
    """The value of one member, parsed, and the member taken out; None when absent or null."""
    return _parse(members.pop(name, None))


def look(members: Members, name: str) -> Any:
    """The value of one member, parsed; None when absent or null."""
    return _parse(members.get(name))


def _parse(raw: msgspec.Raw | None) -> Any:
    if raw is None:
        return None
    try:
        return _value_of(raw)
    except (msgspec.ValidationError, UnicodeDecodeError, RecursionError):  # beyond a double, no text, too deep
        return bytes(raw)  # which no rule accepts
