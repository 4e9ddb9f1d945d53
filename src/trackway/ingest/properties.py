"""The limits on an event's properties (protocol §4): how many, how long, how deep; and which never reach storage.

In: the members of the `properties` object, each value still as the JSON bytes the client sent. Out: the JSON text to
store, values untouched unless a string had to be cut, or the first rule that is broken. Most values are proved fine by
their first byte and their length; only long or nested ones are parsed.
"""

from typing import Any

import msgspec
import numpy as np

from trackway.ingest.outcome import Rejected, invalid
from trackway.limits import (
    ARRAY_ELEMENTS_MAX,
    NESTING_DEPTH_MAX,
    OBJECT_KEYS_MAX,
    PROPERTIES_MAX,
    STRING_CHARACTERS_MAX,
)

Members = dict[str, msgspec.Raw]

SERVERS_OWN = frozenset(
    {
        "ip",
        "api_key",
        "$import",
        "$mp_api_endpoint",
        "$mp_api_timestamp_ms",
        "mp_processing_time_ms",
        "$distinct_id_before_identity",
    }
)
"""Properties that the server writes itself or that must never be stored. The rules of an event have taken out `token`,
`time`, `distinct_id` and `$insert_id` before."""

_encode = encode_members = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

_QUOTE, _OBJECT, _ARRAY, _NULL = b'"{[n'


_RUN_BYTES = STRING_CHARACTERS_MAX // 2 + 1
_WORTH_BYTES = 16 * 1024
"""Below this, looking at every value costs less than asking `is_plain`."""


def is_plain(text: bytes, events: int) -> bool:
    """A cheap sufficient test that no property of a request needs a look: no null, nothing nested, no long string.

    `text` is the JSON of `events` events, each two objects, in at most one array. A string over the limit holds an
    aligned run of 128 bytes without a quote, unless quotes are escaped in it. Ten times as fast as looking.
    """
    if len(text) < _WORTH_BYTES or (b"\\" in text and b'\\"' in text) or b"null" in text:
        return False
    characters = np.frombuffer(text, dtype=np.uint8)
    # '[' and '{' differ in one bit from each other, and in more from all else.
    if np.count_nonzero((characters | 0x20) == ord("{")) > 2 * events + 1:
        return False
    runs = characters[: len(text) // _RUN_BYTES * _RUN_BYTES].reshape(-1, _RUN_BYTES)
    return bool((runs == _QUOTE).any(axis=1).all())


def check_properties(members: Members, *, plain: bool = False) -> bytes | Rejected:
    """The JSON text of the properties to store, or why they are refused; `plain`: their values need no look."""
    if not members.keys().isdisjoint(SERVERS_OWN):
        for name in SERVERS_OWN.intersection(members):
            del members[name]
    if len(members) > PROPERTIES_MAX:
        return invalid("properties", f"must have fewer than {PROPERTIES_MAX + 1} properties")
    if not plain:
        broken = check_values(members)
        if broken is not None:
            return broken
    return _encode(members)


def check_values(members: Members) -> Rejected | None:
    """Cut, drop or refuse values in place."""
    dropped: list[str] = []
    for name, raw in members.items():
        first = memoryview(raw)[0]
        if first == _QUOTE:
            if len(raw) > STRING_CHARACTERS_MAX + 2:
                members[name] = msgspec.Raw(_encode(_decode(raw)[:STRING_CHARACTERS_MAX]))
        elif first == _NULL:
            dropped.append(name)
        elif first in (_OBJECT, _ARRAY) and not _is_plainly_fine(raw):
            checked = _check_nested(f"properties.{name}", _decode(raw))
            if isinstance(checked, Rejected):
                return checked
            members[name] = msgspec.Raw(checked)
    for name in dropped:
        del members[name]
    return None


def _is_plainly_fine(raw: msgspec.Raw) -> bool:
    """A cheap sufficient test: so few commas, brackets and bytes that no limit can be passed."""
    text = bytes(raw)
    return (
        len(text) <= STRING_CHARACTERS_MAX
        and text.count(b",") < ARRAY_ELEMENTS_MAX
        and text.count(b"{") + text.count(b"[") <= NESTING_DEPTH_MAX
    )


def _check_nested(field: str, value: Any) -> bytes | Rejected:
    checked = _cut(field, value, 1)
    return checked if isinstance(checked, Rejected) else _encode(checked)


def _cut(field: str, value: Any, depth: int) -> Any:
    """The value with every string cut to its limit, or Rejected."""
    if isinstance(value, str):
        return value[:STRING_CHARACTERS_MAX]
    if not isinstance(value, dict | list):
        return value
    if depth > NESTING_DEPTH_MAX:
        return invalid(field, f"must not be nested deeper than {NESTING_DEPTH_MAX} levels")
    if isinstance(value, list):
        if len(value) > ARRAY_ELEMENTS_MAX:
            return invalid(field, f"must have fewer than {ARRAY_ELEMENTS_MAX + 1} elements")
        elements = [_cut(f"{field}[{index}]", element, depth + 1) for index, element in enumerate(value)]
        return next((each for each in elements if isinstance(each, Rejected)), elements)
    if len(value) > OBJECT_KEYS_MAX:
        return invalid(field, f"must have fewer than {OBJECT_KEYS_MAX + 1} keys")
    members = {key: _cut(f"{field}.{key}", member, depth + 1) for key, member in value.items()}
    return next((each for each in members.values() if isinstance(each, Rejected)), members)
