"""The limits on an event's properties (protocol §4): how many, how long, how deep; and which never reach storage.

The members of the `properties` object come in, each value still the JSON text that the client sent. The JSON text to
store comes out, or the first rule that is broken. Only a string that is cut changes its text. The first byte and the
length prove most values harmless; only long or nested values are parsed.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from trackway.domain.export_properties import EXACT_TIME, ID_BEFORE
from trackway.domain.limits import STRING_CHARACTERS_MAX
from trackway.ingest.limits import ARRAY_ELEMENTS_MAX, NESTING_DEPTH_MAX, OBJECT_KEYS_MAX, PROPERTIES_MAX
from trackway.ingest.outcome import BEYOND_DOUBLE, NESTED_TOO_DEEP, Rejected, invalid
from trackway.ingest.prefilter import SUSPECT_ALL, SUSPECT_NOTHING, Suspicions
from trackway.ingest.raw_fields import Members

SERVERS_OWN = frozenset(
    {
        "ip",
        "api_key",
        "$import",
        "$mp_api_endpoint",
        "$mp_api_timestamp_ms",
        "mp_processing_time_ms",
        EXACT_TIME,
        ID_BEFORE,
        "$identity_failure_reason",
        "$failure_reason",
    }
)
"""Properties that the server writes itself or that must never be stored. The rules of an event take out `token`,
`time`, `distinct_id` and `$insert_id` earlier."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

_QUOTE, _OBJECT, _ARRAY, _NULL, _COMMA, _BACKSLASH, _NEWLINE, _RETURN = b'"{[n,\\\n\r'
_LONG_BYTES = STRING_CHARACTERS_MAX + 2
_NULL_BYTES = len(b"null")


def check_properties(members: Members, suspected: Suspicions = SUSPECT_ALL) -> bytes | Rejected:
    """The JSON text of the properties to store, or why they are refused."""
    if not members.keys().isdisjoint(SERVERS_OWN):
        for name in SERVERS_OWN.intersection(members):
            del members[name]
    return check_clients_own(members, suspected)


def check_clients_own(members: Members, suspected: Suspicions) -> bytes | Rejected:
    """As `check_properties`, for properties without any of SERVERS_OWN."""
    text = _encode(members)
    kept = still_suspected(text, suspected, members)
    if kept is not SUSPECT_NOTHING:
        changed = changed_values(members.items(), kept)
        if isinstance(changed, Rejected):
            return changed
        for name, raw in changed.items():
            if raw is None:
                del members[name]
            else:
                members[name] = raw
        text = on_one_line(_encode(members))
    if len(members) > PROPERTIES_MAX:
        return invalid("properties", f"must have fewer than {PROPERTIES_MAX + 1} properties")
    return text


def still_suspected(text: bytes, suspected: Suspicions, members: Members | None = None) -> Suspicions:
    """The suspicions that a cheap look at the encoded text of one event cannot dismiss.

    A text with few brackets and commas has no value that is nested too deep or has too many elements. Single characters
    are searched by number, and words with `find`: ten and two times as fast as `in` with bytes.
    """
    nested = suspected.nested and (_ARRAY in text or text.find(_OBJECT, 1) > 0) and _may_be_too_nested(text)
    null = suspected.null and text.rfind(b":null") >= 0  # up to five times as fast as `find`
    long = suspected.long and _may_be_too_long(text, members)
    return Suspicions(null, nested, long) if null or nested or long else SUSPECT_NOTHING


def _may_be_too_nested(text: bytes) -> bool:
    opened = text.count(_OBJECT) + text.count(_ARRAY) - 1
    return opened > NESTING_DEPTH_MAX or text.count(_COMMA) >= ARRAY_ELEMENTS_MAX or _has_line_end(text)


def _may_be_too_long(text: bytes, members: Members | None) -> bool:
    if _has_long_run(text):
        return True
    escaped = _BACKSLASH in text and text.find(b'\\"') >= 0  # then the length of a string is not that of a run
    return escaped and (members is None or max(map(len, members.values())) > _LONG_BYTES)


def _has_long_run(text: bytes) -> bool:
    """Whether more than 255 bytes stand between two quotes."""
    at, end = 0, len(text) - STRING_CHARACTERS_MAX
    while at < end:
        at = text.rfind(_QUOTE, at + 1, at + STRING_CHARACTERS_MAX + 2)
        if at < 0:
            return True
    return False


def changed_values(
    values: Iterable[tuple[str, Any]], suspected: Suspicions
) -> dict[str, msgspec.Raw | None] | Rejected:
    """The values that must be cut, by their names; None for one to drop. Values that are no Raw are already checked."""
    changed: dict[str, msgspec.Raw | None] = {}
    for name, raw in values:
        if type(raw) is not msgspec.Raw:
            continue
        size = len(raw)
        if size < _NULL_BYTES or (not suspected.nested and _NULL_BYTES < size <= _LONG_BYTES):
            continue  # too short to break any rule, or neither null nor too long
        first = memoryview(raw)[0]
        if first == _QUOTE:
            if size > _LONG_BYTES:
                changed[name] = msgspec.Raw(_encode(_decode(raw)[:STRING_CHARACTERS_MAX]))
        elif first == _NULL:
            changed[name] = None
        elif first in (_OBJECT, _ARRAY) and not _is_plainly_fine(raw):
            checked = _check_nested(f"properties.{name}", raw)
            if isinstance(checked, Rejected):
                return checked
            changed[name] = msgspec.Raw(checked)
    return changed


def on_one_line(text: bytes) -> bytes:
    """The same JSON without line ends, which a client may have put between the members of a nested value."""
    return msgspec.json.format(text, indent=-1) if _has_line_end(text) else text


def _has_line_end(text: bytes) -> bool:
    return _NEWLINE in text or _RETURN in text


def _is_plainly_fine(raw: msgspec.Raw) -> bool:
    """A cheap sufficient test: too few commas, brackets and bytes to exceed any limit."""
    text = bytes(raw)
    return (
        len(text) <= STRING_CHARACTERS_MAX
        and text.count(b",") < ARRAY_ELEMENTS_MAX
        and text.count(b"{") + text.count(b"[") <= NESTING_DEPTH_MAX
    )


def _check_nested(field: str, raw: msgspec.Raw) -> bytes | Rejected:
    try:
        checked = cut(field, _decode(raw), 1)
    except msgspec.ValidationError:
        return invalid(field, BEYOND_DOUBLE)
    except RecursionError:  # so deep that the parser of the whole body only just passed it
        return invalid(field, NESTED_TOO_DEEP)
    return checked if isinstance(checked, Rejected) else _encode(checked)


class _Broken(NamedTuple):
    """An exceeded limit, and the path to it below the value."""

    place: str
    why: str


def cut(field: str, value: Any, depth: int, elements_max: int = ARRAY_ELEMENTS_MAX) -> Any:
    """The value with every string cut to its limit, in place, or Rejected; `depth` is that of the value below its
    property."""
    if type(value) is str:
        return value[:STRING_CHARACTERS_MAX]
    if type(value) is list or type(value) is dict:
        broken = _cut_inside(value, depth, elements_max)
        if broken is not None:
            return invalid(field + broken.place, broken.why)
    return value


def _cut_inside(value: Any, depth: int, elements_max: int) -> _Broken | None:
    """Cut every string within an array or object. Millions of elements may come in one body, hence the plain loop."""
    if depth > NESTING_DEPTH_MAX:
        return _Broken("", NESTED_TOO_DEEP)
    members: Any
    if type(value) is list:
        if len(value) > elements_max:
            return _Broken("", f"must have fewer than {elements_max + 1} elements")
        members = enumerate(value)
    else:
        if len(value) > OBJECT_KEYS_MAX:
            return _Broken("", f"must have fewer than {OBJECT_KEYS_MAX + 1} keys")
        members = value.items()
    for key, member in members:
        kind = type(member)
        if kind is str:
            if len(member) > STRING_CHARACTERS_MAX:
                value[key] = member[:STRING_CHARACTERS_MAX]
        elif kind is list or kind is dict:
            broken = _cut_inside(member, depth + 1, elements_max)
            if broken is not None:
                step = f"[{key}]" if type(value) is list else f".{key}"
                return _Broken(step + broken.place, broken.why)
    return None
