"""The fast path: events with the same properties as others of their project, as an SDK sends them.

One call reads an event into an object of a type made for it (`record_types`), one call writes the JSON text to store.
No dict is made, and an event is complete before the next one is read, while it is in the processor's cache. The rules
are those of every event. An event that does not fit the type or breaks a rule takes the complete rules. An event takes
half the time of the complete rules.

A large batch names its own properties, by a sample. A small one is too small for that: an SDK sends the same names
again and again, so an edge process remembers a reader for each project. A project is known here by the place of its
token in the text; a wrong guess only costs the fast path.
"""

from collections.abc import Collection, Sequence, Set
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from trackway.domain.data_age import first_kept_ms
from trackway.domain.identity_mode import DEVICE_PREFIX
from trackway.ingest.arrival import Arrival, Project, project_of_token
from trackway.ingest.fast_path.record_types import REQUIRED, REQUIRED_BESIDE_MADE_IDS, Read, reader_of
from trackway.ingest.limits import (
    COMPILED_NAMES_CHARACTERS_MAX,
    COMPILED_NAMES_MAX,
    LEARNED_FROM_EVENTS,
    LEARNED_PROJECTS_MAX,
    SAMPLED_EVENTS_MIN,
)
from trackway.ingest.made_ids import MadeId, give_id
from trackway.ingest.outcome import TOKEN_MISSING, Ignored, Rejected
from trackway.ingest.prefilter import (
    KINDS,
    LONG,
    NESTED,
    NULL,
    SUSPECT_NOTHING,
    WORTH_BYTES,
    Suspicions,
    suspicions_of_each,
)
from trackway.ingest.raw_fields import UNREADABLE, EventRecord, decode_event
from trackway.ingest.rules.event import AcceptedEvent, check_name, judge
from trackway.ingest.rules.ids import bare_device_id, event_ids
from trackway.ingest.rules.link import IDENTITY_EVENTS
from trackway.ingest.rules.location import EVENT_NAMES, event_ending, with_ending
from trackway.ingest.rules.properties import SERVERS_OWN, changed_values, on_one_line, still_suspected
from trackway.ingest.rules.times import event_time

Texts = Sequence[msgspec.Raw | bytes]
"""The JSON text of each event of a request."""
Outcome = AcceptedEvent | Rejected | Ignored

_SPECIAL = SERVERS_OWN | {"$ignore", "$latitude"}
"""Properties that are more than text to pass on: an event with one of them takes the complete rules."""
_SPECIAL_WITH_PLACE = _SPECIAL.union(EVENT_NAMES)
"""The same for a request that has a place: its names must not be added a second time."""

_TOKEN = b'"token"'
_HINT_BYTES = len(_TOKEN) + len(':"') + 32
_ONE_IN = 16
Names = dict[str, None]
"""Names of properties, in the order of an event."""
_OTHERS_ONE_IN = 16
"""If more than one in so many events of a large batch leave the fast path, the rest of it takes the complete rules."""
_encode = msgspec.json.Encoder().encode
_RAW_NULL = msgspec.Raw(b"null")
_WITHOUT_NULL = [kind._replace(null=False) for kind in KINDS]
"""The suspicions of each kind that remain when its nulls are dropped."""


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
                    self._names, self.read = known, reader_of(known)
                    break
            self._unknown, self._unread = {}, 0


class Judged(NamedTuple):
    """The outcome of each event of a body, and how many the fast path accepted."""

    outcomes: list[Outcome]
    on_fast_path: int


def judge_batch(
    body: bytes, texts: Texts, arrival: Arrival, learned: LearnedReaders, made: MadeId | None = None
) -> Judged | None:
    """The outcomes of a body's events. None when a text is no event, or a large batch has too few events alike.

    `learned`: readers for small batches, which learn from the events that none of them could read. `made`: where events
    get the `$insert_id` that they lack.
    """
    is_small = len(texts) < SAMPLED_EVENTS_MIN
    required = REQUIRED if made is None else REQUIRED_BESIDE_MADE_IDS
    read = learned.reader(body) if is_small else _reader_for(texts, arrival, required)
    if read is None and not is_small:
        return None
    kinds = [kind_of_small(body)] * len(texts) if len(body) < WORTH_BYTES else suspicions_of_each(body, texts)
    outcomes: list[Outcome] = []
    others = 0
    while True:
        if read is not None:
            outcomes += judge_alike(texts, len(outcomes), read, arrival, kinds, made)
        if len(outcomes) == len(texts):
            return Judged(outcomes, len(texts) - others)
        index = len(outcomes)
        outcome = judge_other(texts[index], arrival, learned if is_small else None, body, made, index)
        if outcome is None:
            return None
        outcomes.append(outcome)
        others += 1
        if not is_small and others * _OTHERS_ONE_IN > len(texts):
            read = None


def judge_other(
    text: msgspec.Raw | bytes,
    arrival: Arrival,
    learned: LearnedReaders | None,
    seen_in: bytes,
    made: MadeId | None = None,
    index: int = 0,
) -> Outcome | None:
    """The outcome of one event by the complete rules; None for a text that is no event. `learned` learns from it, for
    texts like `seen_in`. `made`, `index`: where it gets the `$insert_id` that it lacks."""
    try:
        record = decode_event(text)
    except UNREADABLE:
        return None
    if made is not None:
        give_id(record, made, index)
    names = learned.names(record) if learned else None
    outcome = judge(record, arrival)
    if learned and isinstance(outcome, AcceptedEvent):
        learned.learn(seen_in, names)
    return outcome


def judge_alike(
    texts: Texts, start: int, read: Read, arrival: Arrival, kinds: Sequence[int], made: MadeId | None = None
) -> list[AcceptedEvent]:
    """The events from `start` on, up to the first that is left to the complete rules. `kinds`: of each text, its index
    into `prefilter.KINDS`. `made`: where `read` reads events without an `$insert_id`, which they get."""
    accepted: list[AcceptedEvent] = []
    project, token, strict = arrival.project, None, arrival.strict
    by_token = project is None
    kept_ms = 0 if project is None else _kept_from_ms(project, arrival)
    names: set[str] = set()  # that passed their rule
    ending = event_ending(arrival.place) if arrival.place else b""
    for text, kind in zip(texts[start:], kinds[start:], strict=True):
        try:
            record = read(text)
        except UNREADABLE:
            break
        own = record.properties
        if by_token and (own.token != token or project is None):
            found = project_of_token(own.token, arrival, TOKEN_MISSING)
            if isinstance(found, (Rejected, Ignored)):
                break
            project, token, kept_ms = found, own.token, _kept_from_ms(found, arrival)
        assert project is not None, "of the credentials or of the token"
        name, device_id = record.event, own.device_id
        if name not in names:
            if name in IDENTITY_EVENTS or isinstance(check_name(name, arrival), Rejected):
                break
            names.add(name)
        time_ms = event_time(own.time, arrival, strict)
        if type(time_ms) is Rejected or time_ms < kept_ms:
            break
        insert_id = own.insert_id
        if insert_id is UNSET and made is not None:
            insert_id = made(start + len(accepted))
        ids = event_ids(project, own.distinct_id, device_id or None, own.user_id or None, insert_id, arrival, strict)
        if type(ids) is Rejected:
            break
        if device_id and DEVICE_PREFIX in device_id:
            own.device_id = bare_device_id(device_id)
        own.time = own.distinct_id = own.insert_id = own.token = UNSET  # which is not encoded
        properties = _checked(own, kind) if kind else _encode(own)
        if properties is None:
            break
        if ending:
            properties = with_ending(properties, ending)
        accepted.append(AcceptedEvent(project.project_id, name, time_ms, ids, properties))
    return accepted


def _kept_from_ms(project: Project, arrival: Arrival) -> int:
    return first_kept_ms(project.kept_event_days(arrival.event_retention), project.time_zone, arrival.now_ms)


def kind_of_small(text: bytes) -> int:
    """The kind of events whose text is too small to look at each. Only that no value is null is worth knowing."""
    return NESTED | LONG if text.rfind(_RAW_NULL) < 0 else NULL | NESTED | LONG


def _drop_nulls(own: Any) -> None:
    """Drop the properties that are null. The look at all of them is one call, in a quarter of the time of a loop."""
    values = msgspec.structs.astuple(own)
    if _RAW_NULL in values:
        for attribute, value in zip(type(own).__struct_fields__, values, strict=True):
            if value == _RAW_NULL:
                setattr(own, attribute, UNSET)


def _checked(own: Any, kind: int) -> bytes | None:
    """The JSON text of the properties of an event of this kind; None when a value is rejected."""
    if kind & NULL:
        _drop_nulls(own)
    properties = _encode(own)
    if kind > NULL and (kept := still_suspected(properties, _WITHOUT_NULL[kind])) is not SUSPECT_NOTHING:
        return on_one_line(_encode(own)) if _check(own, kept) else None
    return properties


def _check(own: Any, suspected: Suspicions) -> bool:
    """Check every value, and cut or drop what must be; False when one is rejected."""
    changed = changed_values(zip(type(own).__struct_fields__, msgspec.structs.astuple(own), strict=True), suspected)
    if isinstance(changed, Rejected):
        return False
    for attribute, raw in changed.items():
        setattr(own, attribute, UNSET if raw is None else raw)
    return True


def _reader_for(texts: Texts, arrival: Arrival, required: dict[str, Any]) -> Read | None:
    """A reader for events like most of these, with the required names. None when they differ too much, or when a text
    is no event."""
    special = _SPECIAL_WITH_PLACE if arrival.place else _SPECIAL
    sample = texts[::_ONE_IN]
    names: Names = {}
    fitting = 0
    for text in sample:
        try:
            record = decode_event(text)
        except UNREADABLE:
            return None
        if _fits(record, special, required):
            assert isinstance(record.properties, dict), "it fits"
            names.update(dict.fromkeys(record.properties))
            fitting += 1
    return reader_of(names, required) if 2 * fitting >= len(sample) and _are_few(names) else None


def _hint(text: bytes) -> bytes:
    """The text of the last token, which is the same for all events of a project from one SDK."""
    at = text.rfind(_TOKEN)  # in a short text three times as fast as `find`
    return text[at : at + _HINT_BYTES]


def _fits(record: EventRecord, special: Set[str], required: dict[str, Any] = REQUIRED) -> bool:
    """Whether some type can have an event like this one."""
    members = record.properties
    return members is not UNSET and members.keys() >= required.keys() and members.keys().isdisjoint(special)


def _are_few(names: Collection[str]) -> bool:
    """Whether a type may have so many and such long names."""
    return len(names) <= COMPILED_NAMES_MAX and sum(map(len, names)) <= COMPILED_NAMES_CHARACTERS_MAX
