"""What profile updates make of a profile: the eight operations of protocol §5, as a pure function.

A profile and the operations of its updates go in, in the order of the journal; the profile they leave behind comes
out. No operation fails: the edge has refused what is wrong in itself, and what does not fit the profile (a number
added to a word, a property too many) leaves that property as it was, is counted, and the rest of the update applies.
So an update's outcome never depends on the profile, and whoever folds the same journal gets the same profiles.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec
from msgspec import Raw

from trackway.limits import PROFILE_BYTES_MAX, PROFILE_LIST_BYTES_MAX, PROFILE_PROPERTIES_MAX
from trackway.loader.values import ListValue, list_of, number_of, size_of, sum_of

Properties = Mapping[str, Raw]
"""Each property's value is its JSON text."""

NOT_A_NUMBER = "not a number"
NOT_A_LIST = "not a list"
NUMBER_TOO_LARGE = "number too large"
LIST_TOO_LONG = "list too long"
TOO_MANY_PROPERTIES = "too many properties"
PROFILE_TOO_LARGE = "profile too large"
"""Why a property was left as it was; the label of a metric."""

_members = msgspec.json.Decoder(dict[str, Raw]).decode
_lists = msgspec.json.Decoder(dict[str, list[Raw]]).decode
_names = msgspec.json.Decoder(list[str]).decode
_ZERO = Raw(b"0")


class Folded(NamedTuple):
    """A profile after its updates; `properties` is None where there is none. `left_alone` counts by reason."""

    properties: Properties | None
    left_alone: Counter[str]


def apply(properties: Properties | None, operations: bytes) -> Folded:
    """The profile after one update. Raises ValueError when `operations` is not what `journal.entry.Update` says."""
    return fold(properties, (operations,))


def fold(properties: Properties | None, updates: Iterable[bytes]) -> Folded:
    """The same for one update after the other; what goes in is not changed."""
    folding = _Folding(properties)
    for operations in updates:
        try:
            folding.apply(operations)
        except (msgspec.MsgspecError, KeyError, RecursionError) as error:
            raise ValueError(f"not the operations of a profile update: {error!r}") from error
    return Folded(folding.properties(), folding.left_alone)


def readable(operations: bytes) -> bool:
    """Whether `operations` can be applied. It does not depend on the profile."""
    try:
        apply(None, operations)
    except ValueError:
        return False
    return True


def read_properties(text: bytes) -> Properties:
    """The properties in the text of a stored profile."""
    return _members(text)


def properties_text(properties: Properties | None) -> bytes:
    """The text of a profile to be stored."""
    return msgspec.json.encode(properties or {})


GROWTH_MAX = 8
"""Bytes a profile grows by, at most, for each byte of operations: `"a":1,` may turn a 0 into a sum of 25 digits."""


class _Folding:
    """A profile in the making. Lists stay taken apart until the end, however often they are added to.

    Its size is counted only where the limit could be near: until then a bound that each update raises is enough.
    """

    def __init__(self, properties: Properties | None):
        self.exists = properties is not None
        self.left_alone: Counter[str] = Counter()
        self._values: dict[str, Raw | ListValue] = dict(properties or {})
        self.size = 0
        """Bytes of the values' texts and characters of their names, kept from when `_near` is set."""
        self._near = False
        self._size_bound = PROFILE_BYTES_MAX

    def properties(self) -> Properties | None:
        if not self.exists:
            return None
        return {name: each.text() if isinstance(each, ListValue) else each for name, each in self._values.items()}

    def apply(self, operations: bytes) -> None:
        if not self._near:
            self._raise_bound(GROWTH_MAX * len(operations))
        for name, operand in _members(operations).items():
            _OPERATIONS[name](self, operand)

    def _raise_bound(self, growth: int) -> None:
        self._size_bound += growth
        if self._size_bound > PROFILE_BYTES_MAX:
            self.size = self.counted_size()
            self._size_bound = self.size + growth
            self._near = self._size_bound > PROFILE_BYTES_MAX

    def counted_size(self) -> int:
        return sum(len(name) + _size(value) for name, value in self._values.items())

    def set(self, operand: Raw) -> None:
        self.exists = True
        for name, value in _members(operand).items():
            self._put(name, value)

    def set_once(self, operand: Raw) -> None:
        self.exists = True
        for name, value in _members(operand).items():
            if name not in self._values:
                self._put(name, value)

    def add(self, operand: Raw) -> None:
        self.exists = True
        for name, value in _members(operand).items():
            self._add(name, value)

    def append(self, operand: Raw) -> None:
        self.exists = True
        for name, item in _members(operand).items():
            if (items := self._list(name)) is not None:
                self._extend(items, item)

    def union(self, operand: Raw) -> None:
        self.exists = True
        for name, wanted in _lists(operand).items():
            if (items := self._list(name)) is not None:
                for item in wanted:
                    if not items.holds(item):
                        self._extend(items, item)

    def remove(self, operand: Raw) -> None:
        for name, item in _members(operand).items():
            if name in self._values and (items := self._list(name)) is not None:
                before = items.size
                items.remove(item)
                self.size += items.size - before

    def unset(self, operand: Raw) -> None:
        for name in _names(operand):
            if (value := self._values.pop(name, None)) is not None:
                self.size -= len(name) + _size(value)

    def delete(self, operand: Raw) -> None:
        self.exists = False
        self._values.clear()
        self.size = 0

    def _add(self, name: str, operand: Raw) -> None:
        present = self._values.get(name, _ZERO)
        number = number_of(present) if isinstance(present, Raw) else None
        added = number_of(operand)
        if number is None or added is None:
            self.left_alone[NOT_A_NUMBER] += 1
        elif (total := sum_of(number, added)) is None:
            self.left_alone[NUMBER_TOO_LARGE] += 1
        else:
            self._put(name, total)

    def _list(self, name: str) -> ListValue | None:
        """The list that a property is, an empty one where there is no property; None where it cannot be one."""
        value = self._values.get(name)
        if value is None:
            made = ListValue()
            return made if self._put(name, made) else None
        if isinstance(value, ListValue):
            return value
        items = list_of(value)
        if items is None:
            self.left_alone[NOT_A_LIST] += 1
            return None
        self._values[name] = items
        self.size += items.size - size_of(value)
        return items

    def _extend(self, items: ListValue, item: Raw) -> None:
        before, more = items.size, size_of(item) + 1  # with a comma, also where none is needed
        if before + more > PROFILE_LIST_BYTES_MAX:
            self.left_alone[LIST_TOO_LONG] += 1
        elif self._near and self.size + more > PROFILE_BYTES_MAX:
            self.left_alone[PROFILE_TOO_LARGE] += 1
        else:
            items.append(item)
            self.size += items.size - before

    def _put(self, name: str, value: Raw | ListValue) -> bool:
        """Give a property a value, unless the profile would outgrow its bounds by it."""
        if len(self._values) >= PROFILE_PROPERTIES_MAX and name not in self._values:
            self.left_alone[TOO_MANY_PROPERTIES] += 1
            return False
        if self._near and not self._fits(name, value):
            self.left_alone[PROFILE_TOO_LARGE] += 1
            return False
        self._values[name] = value
        return True

    def _fits(self, name: str, value: Raw | ListValue) -> bool:
        """Count a new value, if there is room for it. One that is no longer than the old always fits."""
        present = self._values.get(name)
        grown = _size(value) - (-len(name) if present is None else _size(present))
        if grown > 0 and self.size + grown > PROFILE_BYTES_MAX:
            return False
        self.size += grown
        return True


def _size(value: Raw | ListValue) -> int:
    return size_of(value) if isinstance(value, Raw) else value.size


_OPERATIONS: dict[str, Callable[[_Folding, Raw], None]] = {
    "$set": _Folding.set,
    "$set_once": _Folding.set_once,
    "$add": _Folding.add,
    "$append": _Folding.append,
    "$union": _Folding.union,
    "$remove": _Folding.remove,
    "$unset": _Folding.unset,
    "$delete": _Folding.delete,
}
