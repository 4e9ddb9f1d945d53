"""A record as it comes from the decoder: each member is still the JSON text that the client sent.

A rule that needs the value of a member parses that one.
"""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

Members = dict[str, msgspec.Raw]
"""The members of an event's `properties`, or of a profile update."""

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for a text that is no record."""

NO_VALUE = (msgspec.ValidationError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for a member of a record that has no value, such as a number beyond a double."""

_value_of = msgspec.json.Decoder().decode


class EventRecord(msgspec.Struct, gc=False):
    """An event before the rules. All keys but these two are ignored (protocol §2).

    The rules consume a record: they take out the properties that are stored elsewhere.
    """

    event: Any = UNSET
    properties: Members | UnsetType = UNSET


decode_event = msgspec.json.Decoder(EventRecord).decode
decode_update = msgspec.json.Decoder(Members).decode


def take(members: Members, name: str) -> Any:
    """The value of one member, parsed, and the member taken out; None when absent or null."""
    return parse(members.pop(name, None))


def look(members: Members, name: str) -> Any:
    """The value of one member, parsed; None when absent or null."""
    return parse(members.get(name))


def parse(raw: msgspec.Raw | None) -> Any:
    """The value of one member; its bytes, which no rule accepts, where it has none."""
    if raw is None:
        return None
    try:
        return _value_of(raw)
    except NO_VALUE:  # beyond a double, no text, too deep
        return bytes(raw)
