"""JSON values in profile operations: sums of numbers, and lists whose elements are compared.

A value stays the client's text until an operation has to parse it. So a value that is only set costs nothing and loses
no digit. Values are equal when they have the same type and the same value: 1 equals 1.0, but neither "1" nor true. The
order of an object's members does not count.
"""

import math
from collections.abc import Hashable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**64 - 1
"""The largest integer that the store reads exactly. It reads a larger one as a 64-bit float."""

_encode = msgspec.json.Encoder().encode
_decode_number = msgspec.json.Decoder(int | float).decode
_decode = msgspec.json.Decoder().decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode


def number_of(text: Raw) -> int | float | None:
    """The number of a JSON text. None for other values, and beyond the range of a 64-bit float."""
    try:
        number = _decode_number(text)
        return _whole(number) if type(number) is int else number
    except (msgspec.MsgspecError, OverflowError):
        return None


def sum_of(left: int | float, right: int | float) -> Raw | None:
    """The sum as JSON text. None beyond the range of a 64-bit float."""
    total = left + right
    if type(total) is int:
        return Raw(_encode(_whole(total)))
    return Raw(_encode(total)) if math.isfinite(total) else None


def _whole(number: int) -> int | float:
    return number if INTEGER_MIN <= number <= INTEGER_MAX else float(number)


def compared(text: Raw) -> Hashable:
    """A key that is equal for equal JSON values, and only for them."""
    try:
        return _compared(_decode(text))
    except msgspec.MsgspecError:  # a number beyond all floats equals only the same text
        return bytes(text)


def _compared(value: Any) -> Hashable:
    if isinstance(value, bool):
        return bool, value
    if isinstance(value, list):
        return tuple(map(_compared, value))
    if isinstance(value, dict):
        return frozenset((name, _compared(member)) for name, member in value.items())
    plain: str | int | float | None = value
    return plain


def size_of(text: Raw) -> int:
    """Bytes of a JSON text."""
    return len(text)


class ListValue:
    """A profile's list during a fold. It is parsed once for all updates.

    Each element has a place, and keeps it when others are removed. Equal elements are found by their key (`compared`).
    So the cost of an operation depends on its own value, not on the list.
    """

    def __init__(self, items: Sequence[Raw] = ()):
        self._items = dict(enumerate(items))
        self._next = len(self._items)
        self._places: dict[Hashable, list[int]] | None = None
        self.size = 2 + max(len(items) - 1, 0) + sum(map(size_of, items))
        """Bytes of the list's JSON text: brackets, commas, elements."""

    def append(self, item: Raw) -> None:
        self.size += size_of(item) + (1 if self._items else 0)
        self._items[self._next] = item
        if self._places is not None:
            self._places.setdefault(compared(item), []).append(self._next)
        self._next += 1

    def holds(self, item: Raw) -> bool:
        """Whether an equal value is among the elements."""
        return compared(item) in self._known()

    def remove(self, item: Raw) -> None:
        """Remove every element that equals a value."""
        for place in self._known().pop(compared(item), ()):
            self.size -= size_of(self._items.pop(place)) + (1 if self._items else 0)

    def _known(self) -> dict[Hashable, list[int]]:
        """The places of equal elements. It is made only when an operation has to compare."""
        if self._places is None:
            self._places = {}
            for place, item in self._items.items():
                self._places.setdefault(compared(item), []).append(place)
        return self._places

    def text(self) -> Raw:
        return Raw(b"[" + b",".join(map(bytes, self._items.values())) + b"]")


def list_of(text: Raw) -> ListValue | None:
    """The list of a JSON text. None for other values."""
    return ListValue(_decode_list(text)) if bytes(text)[:1] == b"[" else None
