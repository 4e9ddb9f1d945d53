"""Events that are alike, quicker still: a batch whose events have mostly the same properties, as an SDK sends them.

From a sample of the batch comes a type with a field for each property seen. One call then reads a record into it, ids
and time already as values, all else as the JSON it was sent as, and one call writes what is to be stored: no dict is
made, and an event is done with before the next is read, while it is still in the processor's cache. An event takes
three quarters of the time that `ingest.usual` takes, by whose rules it goes. A record that does not fit the type
(another property, one that needs a look, an id that is no string) is left to the other ways. Keys that are repeated,
escaped or surrounded by white space mean the same to the decoder of a type as to the one that makes a dict.
"""

from collections.abc import Callable, Collection, Sequence, Set
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from trackway.ingest.entry import EntryOfProject, ProjectEntry
from trackway.ingest.events import Arrival, EventRecord
from trackway.ingest.location import with_ending
from trackway.ingest.outcome import Rejected
from trackway.ingest.properties import Members, changed_values, on_one_line, still_suspected
from trackway.ingest.records import UNREADABLE, decode_record
from trackway.ingest.suspicion import KINDS, SUSPECT_NOTHING, Suspicions
from trackway.ingest.usual import NEEDS_LOOK_WITH_PLACE, Usual
from trackway.limits import ALIKE_LEARNED_FROM, ALIKE_NAMES_CHARACTERS_MAX, ALIKE_NAMES_MAX, ALIKE_TYPES_MAX

Texts = Sequence[msgspec.Raw | bytes]
"""The JSON of each record of a request."""

Read = Callable[[msgspec.Raw | bytes], Any]

_ONE_IN = 16
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
_encode = msgspec.json.Encoder().encode
_readers: dict[frozenset[str], Read] = {}
"""By the names of the properties, in whichever order they came first: it differs from batch to batch."""


class SinglesReader:
    """Reads events that come one by one like those that came before, of which it learns the names of properties."""

    def __init__(self) -> None:
        self._names = dict.fromkeys(_ATTRIBUTES)
        self.read: Read = _reader(self._names)
        """Raises UNREADABLE for an event with a property that it does not know, and for those that are not usual."""
        self._unknown: dict[str, None] = {}
        self._unread = 0

    def learn(self, record: EventRecord) -> None:
        """Learn from an event that could not be read. Only once in a while: a new type takes half a millisecond."""
        members = record.properties
        if members is UNSET or not _is_usual(members, NEEDS_LOOK_WITH_PLACE) or not _are_few(members):
            return
        self._unread += 1
        if len(self._unknown) <= ALIKE_NAMES_MAX:
            self._unknown.update(dict.fromkeys(members))
        if self._unread == ALIKE_LEARNED_FROM:
            for names in (self._names | self._unknown, dict.fromkeys(_ATTRIBUTES) | self._unknown):
                if _are_few(names):
                    self._names, self.read = names, _reader(names)
                    break
            self._unknown, self._unread = {}, 0


def reader_for(texts: Texts, usual: Usual) -> Read | None:
    """Reads records like most of these; None when they are not much alike, or one of the sample cannot be read."""
    sample = texts[::_ONE_IN]
    names: dict[str, None] = dict.fromkeys(_ATTRIBUTES)
    fitting = 0
    for text in sample:
        try:
            members = decode_record(text).properties
        except UNREADABLE:
            return None
        if members is not UNSET and _is_usual(members, usual.needs_look):
            names.update(dict.fromkeys(members))
            fitting += 1
    return _reader(names) if 2 * fitting >= len(sample) and _are_few(names) else None


def _is_usual(members: Members, needs_look: Set[str]) -> bool:
    return members.keys() >= _REQUIRED.keys() and members.keys().isdisjoint(needs_look)


def _are_few(names: Collection[str]) -> bool:
    return len(names) <= ALIKE_NAMES_MAX and sum(map(len, names)) <= ALIKE_NAMES_CHARACTERS_MAX


def _reader(names: dict[str, None]) -> Read:
    """Reads records with these properties. Made once for the same names, since it takes half a millisecond."""
    key = frozenset(names)
    found = _readers.get(key)
    if found is None:
        if len(_readers) == ALIKE_TYPES_MAX:
            _readers.clear()
        found = _readers[key] = msgspec.json.Decoder(_record_type(names)).decode
    return found


def _record_type(names: dict[str, None]) -> type[msgspec.Struct]:
    """Fields stand in the order in which the properties were seen: the decoder looks for the next one first."""
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
    """Whether a name needs no escape in JSON; no field can be called by one that does."""
    return _encode(name) == b'"' + name.encode() + b'"'


def take_alike(
    texts: Texts, start: int, read: Read, usual: Usual, arrival: Arrival, entry_of: EntryOfProject, kinds: Sequence[int]
) -> int:
    """Add the events from `start` on to their projects' entries; the index of the first that does not fit or is not
    usual. `kinds`: of each text, its index into `suspicion.KINDS`."""
    entry: ProjectEntry | None = entry_of(arrival.project) if arrival.project else None
    mode = arrival.project.identity_mode if arrival.project else ""
    by_token, token_before = entry is None, None
    for at in range(start, len(texts)):
        try:
            record = read(texts[at])
        except UNREADABLE:
            return at
        name, own = record.event, record.properties
        if by_token and own.token != token_before:
            project = usual.project(own.token)
            if project is None:
                return at
            entry, mode, token_before = entry_of(project), project.identity_mode, own.token
        device_id, user_id = own.device_id, own.user_id
        plain = usual.plain(
            mode,
            name,
            own.time,
            own.distinct_id,
            own.insert_id,
            "" if device_id is UNSET else device_id,
            "" if user_id is UNSET else user_id,
        )
        if plain is None:
            return at
        own.time = own.distinct_id = own.insert_id = own.token = UNSET  # which is not encoded
        properties = _encode(own)
        if kinds[at] and (kept := still_suspected(properties, KINDS[kinds[at]])) is not SUSPECT_NOTHING:
            if not _check(own, kept):
                return at
            properties = on_one_line(_encode(own))
        if usual.ending:
            properties = with_ending(properties, usual.ending)
        assert entry is not None, "found by the token or there from the start"
        usual.add(entry, name, plain, properties)
    return len(texts)


def _check(own: Any, suspected: Suspicions) -> bool:
    """Look at every value, and cut or drop what must be; False when one is refused."""
    changed = changed_values(zip(type(own).__struct_fields__, msgspec.structs.astuple(own), strict=True), suspected)
    if isinstance(changed, Rejected):
        return False
    for attribute, raw in changed.items():
        setattr(own, attribute, UNSET if raw is None else raw)
    return True
