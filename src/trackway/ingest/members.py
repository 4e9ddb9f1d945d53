"""One member of a record, out of the JSON bytes the client sent.

The members of a record are not parsed when it is; a rule that needs one parses that one.
"""

from typing import Any

import msgspec

from trackway.ingest.properties import Members

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
