"""The `$insert_id` of an event that has none: from its file's name, its number there and its bytes.

A run that is repeated makes the same ids, so nothing is stored twice. Two equal lines of a file have two numbers, so
both are stored. An import makes the ids of records that it reads; those of lines that it sends as they are, the server
makes by the same function.
"""

from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

import msgspec
from xxhash import xxh3_128_hexdigest

NAME: Final = "$insert_id"
QUOTED: Final = b'"$insert_id"'
LINES_HEADER: Final = "x-trackway-lines"
"""Of a body of lines whose events may need an id: the number of its first line, a blank, and the file's name, encoded
as in a URL."""
_PROPERTIES: Final = b'"properties"'
_OPENING: Final = b'"properties":{'
_OPENING_SPACED: Final = b'"properties": {'
_ESCAPE: Final = b"\\u"
_NULL: Final = msgspec.Raw(b"null")
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def made_id(name: str, number: int, text: bytes) -> str:
    """32 hexadecimal digits for the record of that number in the file of that name."""
    return xxh3_128_hexdigest(b"%b\0%d\0%b" % (name.encode(errors="surrogateescape"), number, text))


def with_insert_id(text: bytes, name: str, number: int) -> bytes:
    """The JSON of an event with an `$insert_id`. A text that holds these words somewhere is given as it is.

    `"properties":{` is nowhere but at a member of that name, since quotes within a string are escaped. Where there is
    one such member and no name is escaped, it is the event's, or the event has none and is rejected. All else takes the
    whole way.
    """
    if QUOTED in text:
        return text
    at = text.find(_OPENING)
    end = at + len(_OPENING)
    if at < 0:
        at = text.find(_OPENING_SPACED)
        end = at + len(_OPENING_SPACED)
    if at < 0 or text.count(_PROPERTIES) != 1 or text[end : end + 1] != b'"' or _ESCAPE in text:
        return with_insert_id_anyway(text, name, number)
    return b'%b"$insert_id":"%b",%b' % (text[:end], made_id(name, number, text).encode(), text[end:])


def with_insert_id_anyway(text: bytes, name: str, number: int) -> bytes:
    """As `with_insert_id`, by reading the record's members. Their values stay as they are, byte by byte. What is no
    event stays as it is, and is rejected."""
    try:
        record = _members(text)
        properties = _members(record.get("properties", _NULL))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return text
    if bytes(properties.get(NAME, _NULL)) != b"null":
        return text
    properties[NAME] = msgspec.Raw(b'"%b"' % made_id(name, number, text).encode())
    record["properties"] = msgspec.Raw(msgspec.json.encode(properties))
    return msgspec.json.encode(record)


def add_insert_id(event: dict[str, Any], name: str, number: int, text: bytes) -> None:
    """Give an event's properties an `$insert_id` made of its record, unless they have one."""
    if event["properties"].get(NAME) is None:
        event["properties"][NAME] = made_id(name, number, text)


class LineSource(NamedTuple):
    """The file that lines are of, and the number of the first of them there."""

    name: str
    first: int

    def header(self) -> str:
        """The value of LINES_HEADER."""
        return f"{self.first} {quote(self.name, errors='surrogateescape')}"


def line_source(header: str) -> LineSource:
    """The source that a header names. Raises ValueError."""
    first, _, name = header.partition(" ")
    return LineSource(unquote(name, errors="surrogateescape"), int(first))
