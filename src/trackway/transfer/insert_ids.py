"""The `$insert_id` of an event that has none: from its file's name, its number there and its bytes.

A run that is repeated makes the same ids, so nothing is stored twice. Two equal lines of a file have two numbers, so
both are stored.
"""

from typing import Any, Final

import orjson
from xxhash import xxh3_128_hexdigest

NAME: Final = "$insert_id"
QUOTED: Final = b'"$insert_id"'
_PROPERTIES: Final = b'"properties"'
_OPENING: Final = b'"properties":{'
_OPENING_SPACED: Final = b'"properties": {'


def made_id(name: str, number: int, text: bytes) -> str:
    """32 hexadecimal digits for the record of that number in the file of that name."""
    return xxh3_128_hexdigest(b"%b\0%d\0%b" % (name.encode(errors="surrogateescape"), number, text))


def with_insert_id(text: bytes, name: str, number: int) -> bytes:
    """The JSON of an event with an `$insert_id`. A text that holds these words somewhere is given as it is.

    `"properties":{` is nowhere but at a member of that name, since quotes within a string are escaped. Where there is
    one such member, it is the event's, or the event has none and is rejected. All else takes the whole way.
    """
    if QUOTED in text:
        return text
    at = text.find(_OPENING)
    end = at + len(_OPENING)
    if at < 0:
        at = text.find(_OPENING_SPACED)
        end = at + len(_OPENING_SPACED)
    if at < 0 or text.count(_PROPERTIES) != 1 or text[end : end + 1] != b'"':
        return with_insert_id_anyway(text, name, number)
    return b'%b"$insert_id":"%b",%b' % (text[:end], made_id(name, number, text).encode(), text[end:])


def with_insert_id_anyway(text: bytes, name: str, number: int) -> bytes:
    """As `with_insert_id`, by reading the whole record. What is no event stays as it is, and is rejected."""
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    properties = record.get("properties") if isinstance(record, dict) else None
    if not isinstance(properties, dict) or properties.get(NAME) is not None:
        return text
    return orjson.dumps({**record, "properties": {**properties, NAME: made_id(name, number, text)}})


def add_insert_id(event: dict[str, Any], name: str, number: int, text: bytes) -> None:
    """Give an event's properties an `$insert_id` made of its record, unless they have one."""
    if event["properties"].get(NAME) is None:
        event["properties"][NAME] = made_id(name, number, text)
