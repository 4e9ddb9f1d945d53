"""The kept bytes of a rejected record: what the client sent, without the addresses in it (protocol §4).

A client's address never reaches storage, not even for the days that a rejected record is kept. It is replaced by 0,
which means "do not locate" when the record is sent again. Every other byte stays. In a record, which is JSON, an
address is the value of a member called `ip` or `$ip`, at any depth. The patterns never backtrack, because a record may
be large and hostile. A body that is no JSON names no project for certain, so nothing of it is kept.
"""

import re

from trackway.domain.limits import REJECTED_ORIGINAL_BYTES_MAX

_IP = rb"(?:\$|\\u0024)?(?:i|\\u0069)(?:p|\\u0070)"
_MEMBER = re.compile(  # a text, cut off or not, or a number
    rb'("(?<!\\")' + _IP + rb'"\s*+:\s*+)(?:"(?:[^"\\]++|\\.)*+"?+|[^\s,"\[\]{}]++)',
    re.DOTALL,
)
_NESTED = re.compile(rb'"' + _IP + rb'(?:"\s*+:\s*+[\[{]|\\++")')
"""An `ip` that is a list or an object, or one in a text that is JSON itself."""
_HEX = rb"[0-9A-Fa-f]"
_ADDRESS = re.compile(
    rb"(?<![0-9A-Fa-f:])(?:(?:%b++:){6,}+|(?:%b++:)++:|::)[0-9A-Fa-f:.]*+" % (_HEX, _HEX)  # IPv6
    + rb"|(?<![0-9])[0-9]++(?:\.[0-9]++){3,}+"  # IPv4
)


def kept(record: bytes) -> bytes:
    """The kept bytes of a rejected record, which is JSON: without addresses, and within the bound."""
    if b"ip" in record or b"\\u00" in record:
        nested = _NESTED.search(record)
        record = _without_members(record)
        if nested:
            record = _ADDRESS.sub(b"0", record)
    return record[:REJECTED_ORIGINAL_BYTES_MAX]


def _without_members(text: bytes) -> bytes:
    parts = _MEMBER.split(text)  # text, name, text, ...: three times as fast as `sub`
    parts[1::2] = [name + b"0" for name in parts[1::2]]
    return b"".join(parts)
