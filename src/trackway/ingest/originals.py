"""The bytes of a rejected record as they are kept: what the client sent, but for the address it names (protocol §4).

An address never reaches storage, not even for the days that a rejected record is kept. Its value becomes 0, which says
"do not locate" should the record be sent again. Everything else stays as it was, white space between members apart.
"""

import re

import msgspec

from trackway.limits import REJECTED_ORIGINAL_BYTES_MAX

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_NO_ADDRESS = msgspec.Raw(b"0")
_LOOKS_LIKE_ADDRESS = re.compile(rb'("\$?ip"\s*:\s*)("[^"]*"?|\[[^\]]*\]?|[^\s",\]}]+)')


def kept(original: bytes) -> bytes:
    """What is kept of a rejected record or an undecodable body: without its address, and within the bound."""
    if b"ip" in original or b"\\u" in original:
        original = _without_address(original)
    return original[:REJECTED_ORIGINAL_BYTES_MAX]


def _without_address(original: bytes) -> bytes:
    record = _members(original)
    inner = bytes(record.get("properties", b"")) if record is not None else b""
    properties = _members(inner)
    if record is None or (properties is None and inner.startswith(b"{")):
        return _LOOKS_LIKE_ADDRESS.sub(rb"\g<1>0", original)
    if "$ip" in record:
        record["$ip"] = _NO_ADDRESS
    if properties and "ip" in properties:
        properties["ip"] = _NO_ADDRESS
        record["properties"] = msgspec.Raw(_encode(properties))
    elif "$ip" not in record:
        return original
    return _encode(record)


def _members(text: bytes) -> dict[str, msgspec.Raw] | None:
    """The members of a JSON object, None when it is none or its names are no text."""
    try:
        return _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
