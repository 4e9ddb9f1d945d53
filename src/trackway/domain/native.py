"""Strings as ClickHouse's RowBinary and Native formats write them: the length in LEB128, then the bytes.

A column of strings is one string after the other. So the columns of many requests are joined without parsing them. The
edge encodes a string once; journal, loader and store pass on its bytes.
"""


def varint(number: int) -> bytes:
    """LEB128, as ClickHouse writes a string's length."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


VARINTS = [varint(number) for number in range(4096)]


def string(text: bytes) -> bytes:
    """One string: its length in bytes, then the bytes."""
    return (VARINTS[len(text)] if len(text) < 4096 else varint(len(text))) + text


def pieces(strings: bytes) -> list[bytes]:
    """The strings of a column, each with its length before it. Raises ValueError when the column ends within one."""
    found, at, end = [], 0, len(strings)
    while at < end:
        begin, size, shift = at, 0, 0
        try:
            while (byte := strings[at]) > 0x7F:
                size |= (byte & 0x7F) << shift
                shift += 7
                at += 1
        except IndexError:
            raise ValueError("a column ends within a length") from None
        at += 1 + (size | byte << shift)
        found.append(strings[begin:at])
    if at > end:
        raise ValueError("a column ends within a string")
    return found
