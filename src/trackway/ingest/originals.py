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
    if record is None:
        return _LOOKS_LIKE_ADDRESS.sub(rb"\g<1>0", original)
    properties = _members(record.get("properties", b"")) or {}
    if "$ip" not in record and "ip" not in properties:
        return original
    if "$ip" in record:
        record["$ip"] = _NO_ADDRESS
    if "ip" in properties:
        properties["ip"] = _NO_ADDRESS
        record["properties"] = msgspec.Raw(_encode(properties))
    return _encode(record)


def _members(text: bytes | msgspec.Raw) -> dict[str, msgspec.Raw] | None:
    """The members of a JSON object, None when it is none."""
    try:
        return _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
