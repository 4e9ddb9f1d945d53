"""Readers of events: decoders of types made at run time, each for one set of property names.

One call of a reader makes an object of an event's JSON text, without a dict. The ids and the time are values, every
other property is still JSON text. A reader raises UNREADABLE for an event with another property, with an id that is no
string or a time that is no number. Names that are repeated, escaped or surrounded by white space mean the same to it as
to the decoder that makes a dict.

A large batch names its own properties, by a sample. A small one is too small for that: an SDK sends the same names
again and again, so an edge process remembers a reader for each project. A project is known here by the place of its
token in the text; a wrong guess only costs the fast path.
"""

from collections.abc import Callable, Collection, Iterable, Sequence, Set
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from trackway.ingest.arrival import Arrival
from trackway.ingest.limits import (
    COMPILED_NAMES_CHARACTERS_MAX,
    COMPILED_NAMES_MAX,
    COMPILED_TYPES_MAX,
    LEARNED_FROM_EVENTS,
    LEARNED_PROJECTS_MAX,
)
from trackway.ingest.raw_fields import UNREADABLE, EventRecord, decode_event
from trackway.ingest.rules.location import EVENT_NAMES
from trackway.ingest.rules.properties import SERVERS_OWN

Texts = Sequence[msgspec.Raw | bytes]
"""The JSON text of each event of a request."""

Read = Callable[[msgspec.Raw | bytes], Any]
"""A reader: the JSON text of an event to an object with `event` and `properties`."""

_SPECIAL = SERVERS_OWN | {"$ignore", "$latitude"}
"""Properties that are more than text to pass on: an event with one of them takes the complete rules."""
_SPECIAL_WITH_PLACE = _SPECIAL.union(EVENT_NAMES)
"""The same for a request that has a place: its names must not be added a second time."""

_REQUIRED: dict[str, Any] = {"time": int | float, "distinct_id": str, "$insert_id": str}
_OPTIONAL = ("$device_id", "$user_id", "token")
_ATTRIBUTES = {
    "time": "time",
    "distinct_id": "distinct_id",
    "$insert_id": "insert_id",
    "$device_id": "device_id",
    "$user_id": "user_id",
    "token": "token",
}
_TOKEN = b'"token"'
_HINT_BYTES = len(_TOKEN) + len(':"') + 32
_ONE_IN = 16
Names = dict[str, None]
"""Names of properties, in the order of an event."""
_encode = msgspec.json.Encoder().encode
_readers: dict[frozenset[str], Read] = {}
"""By property names in any order: the order differs from batch to batch."""


def reader_for(texts: Texts, arrival: Arrival) -> Read | None:
    """A reader for events like most of these. None when they differ too much, or when a text is no event."""
    special = _SPECIAL_WITH_PLACE if arrival.place else _SPECIAL
    sample = texts[::_ONE_IN]
    names: dict[str, None] = {}
    fitting = 0
    for text in sample:
        try:
            record = decode_event(text)
        except UNREADABLE:
            return None
        if _fits(record, special):
            assert isinstance(record.properties, dict), "it fits"
            names.update(dict.fromkeys(record.properties))
            fitting += 1
    return _reader_of(names) if 2 * fitting >= len(sample) and _are_few(names) else None


class LearnedReaders:
    """One reader for each project that sent enough events.

    It holds names of properties alone. Threads may share it: a race loses at most a name, which comes again.
    """

    def __init__(self) -> None:
        self._learners: dict[bytes, _Learner] = {}

    def reader(self, text: bytes) -> Read | None:
        """The reader for the events of the text's project, if there is one."""
        learner = self._learners.get(_hint(text))
        return None if learner is None else learner.read

    def read(self, text: bytes) -> Any:
        """Read one event with the reader of its project. Raises UNREADABLE, also where there is no reader yet."""
        at = text.rfind(_TOKEN)  # as `_hint`, without a call
        learner = self._learners.get(text[at : at + _HINT_BYTES])
        if learner is None or learner.read is None:
            raise msgspec.ValidationError("no reader for this project yet")
        return learner.read(text)

    def names(self, record: EventRecord) -> Names | None:
        """The names to learn of an event, before the rules consume it; None where no type can have an event like it."""
        if not _fits(record, _SPECIAL_WITH_PLACE):
            return None
        assert isinstance(record.properties, dict), "it fits"
        return dict.fromkeys(record.properties)

    def learn(self, text: bytes, names: Names | None) -> None:
        """Learn the names of an accepted event that no reader could read. `text`: as for `reader`."""
        if names is None:
            return
        hint = _hint(text)
        learner = self._learners.get(hint)
        if learner is None:
            if len(self._learners) >= LEARNED_PROJECTS_MAX:
                self._learners.pop(next(iter(self._learners)), None)
            learner = self._learners[hint] = _Learner()
        learner.learn(names)


class _Learner:
    """The property names of one project's events."""

    def __init__(self) -> None:
        self.read: Read | None = None
        self._names: Names = {}
        self._unknown: Names = {}
        self._unread = 0

    def learn(self, names: Names) -> None:
        """Add the names of an unread event. Only every LEARNED_FROM_EVENTS events there is a new reader."""
        self._unread += 1
        if not names.keys() <= self._unknown.keys() and len(self._unknown) <= COMPILED_NAMES_MAX and _are_few(names):
            self._unknown.update(names)
        if self._unread >= LEARNED_FROM_EVENTS:
            for known in (self._names | self._unknown, self._unknown):
                if self._unknown and _are_few(known):
                    self._names, self.read = known, _reader_of(known)
                    break
            self._unknown, self._unread = {}, 0


def _hint(text: bytes) -> bytes:
    """The text of the last token, which is the same for all events of a project from one SDK."""
    at = text.rfind(_TOKEN)  # in a short text three times as fast as `find`
    return text[at : at + _HINT_BYTES]


def _fits(record: EventRecord, special: Set[str]) -> bool:
    """Whether some type can have an event like this one."""
    members = record.properties
    return members is not UNSET and members.keys() >= _REQUIRED.keys() and members.keys().isdisjoint(special)


def _are_few(names: Collection[str]) -> bool:
    """Whether a type may have so many and such long names."""
    return len(names) <= COMPILED_NAMES_MAX and sum(map(len, names)) <= COMPILED_NAMES_CHARACTERS_MAX


def _reader_of(names: Iterable[str]) -> Read:
    """The reader of events with these properties besides those of every type. A new one takes half a millisecond."""
    all_names = dict.fromkeys(names) | dict.fromkeys(_ATTRIBUTES)
    key = frozenset(all_names)
    found = _readers.get(key)
    if found is None:
        if len(_readers) == COMPILED_TYPES_MAX:
            _readers.clear()
        found = _readers[key] = msgspec.json.Decoder(_record_type(all_names)).decode
    return found


def _record_type(names: Iterable[str]) -> type[msgspec.Struct]:
    """Fields are in the order in which the properties were seen: the decoder first tries the next field."""
    fields: list[Any] = []
    attributes: dict[str, str] = {}
    for name in filter(_is_plain, names):
        attribute = _ATTRIBUTES.get(name, f"property_{len(fields)}")
        attributes[attribute] = name
        if name in _REQUIRED:
            fields.append((attribute, _REQUIRED[name]))
        else:
            fields.append((attribute, (str if name in _OPTIONAL else msgspec.Raw) | UnsetType, UNSET))
    properties = msgspec.defstruct(
        "Properties", fields, rename=attributes, forbid_unknown_fields=True, kw_only=True, gc=False
    )
    return msgspec.defstruct("Record", [("event", str), ("properties", properties)], gc=False)


def _is_plain(name: str) -> bool:
    """Whether a name needs no escape in JSON; a field cannot be renamed to one that does."""
    return _encode(name) == b'"' + name.encode() + b'"'
