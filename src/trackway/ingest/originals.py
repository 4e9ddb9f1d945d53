"""The bytes of a rejected record as they are kept: what the client sent, but for the addresses in it (protocol §4).

A client's address never reaches storage, not even for the days that a rejected record is kept. It becomes 0, which says
"do not locate" should the record be sent again; every other byte stays. A record is JSON, where an address is the value
of a member called `ip` or `$ip`, at whatever depth. A body that is no JSON has no such members for certain, so there
whatever looks like an address goes; and one that is no text yet (still packed, or in base64) is not kept at all. All of
it is a few passes of patterns that never go back, since a body may be large and made to hurt.
"""

import re

from trackway.limits import REJECTED_ORIGINAL_BYTES_MAX

_IP = rb"(?:\$|\\u0024)?(?:i|\\u0069)(?:p|\\u0070)"
_MEMBER = re.compile(  # a text, cut off or not, or a number
    rb'("(?<!\\")' + _IP + rb'"\s*+:\s*+)(?:"(?:[^"\\]++|\\.)*+"?+|[^\s,"\[\]{}]++)',
    re.DOTALL,
)
_NESTED = re.compile(rb'"' + _IP + rb'(?:"\s*+:\s*+[\[{]|\\++")')
"""An `ip` that is a list or an object, or that is inside of text which is JSON itself."""
_HEX = rb"[0-9A-Fa-f]"
_ADDRESS = re.compile(
    rb"(?<![0-9A-Fa-f:])(?:(?:%b++:){6,}+|(?:%b++:)++:|::)[0-9A-Fa-f:.]*+" % (_HEX, _HEX)  # IPv6
    + rb"|(?<![0-9])[0-9]++(?:\.[0-9]++){3,}+"  # IPv4
)
_IN_ADDRESSES = b"0123456789abcdefABCDEF:."
_OPENING = (b"{", b"[")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def kept(record: bytes) -> bytes:
    """What is kept of a rejected record, which is JSON: without addresses, and within the bound."""
    if b"ip" in record or b"\\u00" in record:
        nested = _NESTED.search(record)
        record = _without_members(record)
        if nested:
            record = _ADDRESS.sub(b"0", record)
    return record[:REJECTED_ORIGINAL_BYTES_MAX]


def kept_of_undecodable(body: bytes) -> bytes:
    """What is kept of a body that is no JSON: the same of one that starts like it, else only how long it was."""
    text = body[:REJECTED_ORIGINAL_BYTES_MAX]
    if not text.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(_OPENING) or b"\0" in text:
        return b"%d bytes that are no JSON text, not kept" % len(body)
    if len(text) < len(body):
        text = text.rstrip(_IN_ADDRESSES)  # the cut may have left half an address
    return _ADDRESS.sub(b"0", _without_members(text))


def _without_members(text: bytes) -> bytes:
    parts = _MEMBER.split(text)  # what is between, the name, what is between, ..., three times as quick as `sub`
    parts[1::2] = [name + b"0" for name in parts[1::2]]
    return b"".join(parts)
