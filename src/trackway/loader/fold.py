"""The fold of updates into a profile: the eight operations of protocol §5, as a pure function.

A profile and the operations of its updates arrive, in the order of the journal. The new profile leaves. No operation
fails: the edge has refused invalid operations. An operation that does not fit the profile (a number added to a word, a
property too many) is skipped and counted, its property stays unchanged, and the rest of the update applies. So the
outcome of an update never depends on the profile, and every fold of the same journal gives the same profiles.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, cast

import msgspec
from msgspec import Raw

from trackway.domain.limits import PROFILE_LIST_BYTES_MAX, PROFILE_PROPERTIES_MAX
from trackway.loader.json_values import ListValue, list_of, number_of, size_of, sum_of
from trackway.loader.limits import FIRST_SET_BYTES_MAX, PROFILE_BYTES_MAX

Properties = Mapping[str, Raw]
"""Each property's value is its JSON text."""

NOT_A_NUMBER = "not a number"
NOT_A_LIST = "not a list"
NUMBER_TOO_LARGE = "number too large"
LIST_TOO_LONG = "list too long"
TOO_MANY_PROPERTIES = "too many properties"
PROFILE_TOO_LARGE = "profile too large"
"""Reasons to skip an operation. They are labels of a metric."""

_members = msgspec.json.Decoder(dict[str, Raw]).decode
_lists = msgspec.json.Decoder(dict[str, list[Raw]]).decode
_names = msgspec.json.Decoder(list[str]).decode
_ZERO = Raw(b"0")


class Folded(NamedTuple):
    """A profile after its updates, None where it does not exist. `skipped` counts skipped operations by reason."""

    properties: Properties | None
    skipped: Mapping[str, int]


def apply(properties: Properties | None, operations: bytes) -> Folded:
    """The profile after one update. Raises ValueError when `operations` is not what `domain.entry.Update` says."""
    return fold(properties, (operations,))


def fold(properties: Properties | None, updates: Iterable[bytes]) -> Folded:
    """The profile after several updates, in order. The input stays unchanged."""
    folding = _Folding(properties)
    for operations in updates:
        try:
            folding.apply(operations)
        except (msgspec.MsgspecError, KeyError, RecursionError) as error:
            raise ValueError(f"not the operations of a profile update: {error!r}") from error
    return Folded(folding.properties(), folding.skipped)


class _SetAlone(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The operations of an update that has one `$set`, and nothing else."""

    operand: Raw = msgspec.field(name="$set")


_set_alone = msgspec.json.Decoder(_SetAlone).decode
_SET_BEGIN, _SET_END = b'{"$set":', b"}"


def text_of_first(operations: bytes) -> bytes | None:
    """The text of a new profile whose only update is one `$set`: that of its operand, as the edge has written it. None
    for every other update, which `fold` takes, and for one so long that the profile's bounds have to be counted."""
    if len(operations) > FIRST_SET_BYTES_MAX or not operations.startswith(b'{"$set":{'):
        return None
    try:
        operand = _set_alone(operations).operand
    except msgspec.MsgspecError:
        return None
    # Equal but where there is white space, or a second `$set`.
    is_whole = len(operand) == len(operations) - len(_SET_BEGIN) - len(_SET_END)
    return operations[len(_SET_BEGIN) : -len(_SET_END)] if is_whole else None


def readable(operations: bytes) -> bool:
    """Whether `operations` can be applied. It does not depend on the profile."""
    try:
        apply(None, operations)
    except ValueError:
        return False
    return True


def read_properties(text: bytes) -> Properties:
    """The properties of a stored profile from its text."""
    return _members(text)


def properties_text(properties: Properties | None) -> bytes:
    """The text of a profile for the store."""
    return msgspec.json.encode(properties or {})


GROWTH_MAX = 8
"""Most bytes by which a profile grows for each byte of operations: `"a":1,` may turn a 0 into a sum of 25 digits."""


class _Folding:
    """A profile during a fold. A list is parsed once, and stays parsed until the end of the fold.

    The exact size is counted only near the limit. Before that an upper bound, which each update raises, is enough.
    """

    def __init__(self, properties: Properties | None):
        self.exists = properties is not None
        self.skipped: dict[str, int] = {}
        self._has_lists = False
        self._values: dict[str, Raw | ListValue] = dict(properties or {})
        self.size = 0
        """Bytes of the values' texts and characters of their names. Valid after `_near` is set."""
        self._near = False
        self._size_bound = PROFILE_BYTES_MAX

    def properties(self) -> Properties | None:
        if not self.exists:
            return None
        if not self._has_lists:
            return cast(Properties, self._values)
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
        if not self._has_lists:
            return sum(map(len, self._values)) + sum(map(len, cast(Properties, self._values).values()))
        return sum(len(name) + _size(value) for name, value in self._values.items())

    def _skip(self, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    def set(self, operand: Raw) -> None:
        self.exists = True
        members = _members(operand)
        if not self._near and len(self._values) + len(members) <= PROFILE_PROPERTIES_MAX:
            self._values.update(members)
            return
        for name, value in members.items():
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
            self._skip(NOT_A_NUMBER)
        elif (total := sum_of(number, added)) is None:
            self._skip(NUMBER_TOO_LARGE)
        else:
            self._put(name, total)

    def _list(self, name: str) -> ListValue | None:
        """A property as a list: empty where there is no property, None where the property is no list."""
        value = self._values.get(name)
        if value is None:
            self._has_lists = True
            made = ListValue()
            return made if self._put(name, made) else None
        if isinstance(value, ListValue):
            return value
        items = list_of(value)
        if items is None:
            self._skip(NOT_A_LIST)
            return None
        self._has_lists = True
        self._values[name] = items
        self.size += items.size - size_of(value)
        return items

    def _extend(self, items: ListValue, item: Raw) -> None:
        before, more = items.size, size_of(item) + 1  # with a comma, also for the first element
        if before + more > PROFILE_LIST_BYTES_MAX:
            self._skip(LIST_TOO_LONG)
        elif self._near and self.size + more > PROFILE_BYTES_MAX:
            self._skip(PROFILE_TOO_LARGE)
        else:
            items.append(item)
            self.size += items.size - before

    def _put(self, name: str, value: Raw | ListValue) -> bool:
        """Set a property, unless the profile would then exceed its bounds."""
        if len(self._values) >= PROFILE_PROPERTIES_MAX and name not in self._values:
            self._skip(TOO_MANY_PROPERTIES)
            return False
        if self._near and not self._fits(name, value):
            self._skip(PROFILE_TOO_LARGE)
            return False
        self._values[name] = value
        return True

    def _fits(self, name: str, value: Raw | ListValue) -> bool:
        """Count a new value, if there is room for it. A value that is no longer than the old one always fits."""
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
