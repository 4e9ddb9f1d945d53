"""The ids of persons that a record names, which was rejected: so it may be anything.

A record that is JSON names persons in the fields that clients put ids into. One that names its user belongs to that
user, whatever its device. Of other bytes, each text in quotes may be an id.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from trackway.domain.identity_mode import DEVICE_PREFIX

_IDS: Final = ("distinct_id", "$distinct_id", "$identified_id", "$anon_id", "$anon_distinct_id", "alias")
_USERS: Final = ("$user_id",)
_DEVICES: Final = ("$device_id",)
_LISTS: Final = ("$distinct_ids",)
_QUOTED: Final = re.compile(rb'"((?:[^"\\]|\\.){1,2000})"')


def named_ids(record: bytes) -> set[str]:
    """The ids that a record names, also in the forms that they are stored in."""
    try:
        decoded = msgspec.json.decode(record)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _quoted(record)
    return set(_named(decoded))


def _named(record: Any) -> Iterator[str]:
    if isinstance(record, list):
        for each in record:
            yield from _named(each)
    if not isinstance(record, dict):
        return
    properties = record.get("properties")
    places = [record, properties] if isinstance(properties, dict) else [record]
    users = [text for place in places for name in _USERS if (text := _text(place.get(name)))]
    if users:
        yield from users
        return
    for place in places:
        for name in _IDS:
            yield from filter(None, [_text(place.get(name))])
        for name in _DEVICES:
            device = _text(place.get(name)).removeprefix(DEVICE_PREFIX)
            yield from (device, DEVICE_PREFIX + device) if device else ()
        for name in _LISTS:
            given = place.get(name)
            for each in given if isinstance(given, list) else ():
                yield from filter(None, [_text(each)])


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else ""


def _quoted(record: bytes) -> set[str]:
    """Each text in quotes, as it is and with its escapes read."""
    found: set[str] = set()
    for text in _QUOTED.findall(record):
        found.add(text.decode("utf-8", "surrogateescape"))
        try:
            found.add(msgspec.json.decode(b'"' + text + b'"', type=str))
        except (msgspec.MsgspecError, UnicodeError):
            continue
    return found
