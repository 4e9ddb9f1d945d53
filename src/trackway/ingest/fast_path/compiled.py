"""The fast path: events with mostly the same properties, as an SDK sends them.

One call reads an event into an object of a type made for it (`readers`), one call writes the JSON text to store.
No dict is made, and an event is complete before the next one is read, while it is in the processor's cache. The rules
for its fields are those of every event (`ingest.rules.fields`). An event that does not fit the type or breaks a rule is
left to the complete rules. An event takes half the time of the complete rules.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from trackway.domain.identity_mode import DEVICE_PREFIX
from trackway.ingest.arrival import Arrival, project_of_token
from trackway.ingest.entry_builder import EntryOfProject, ProjectEntry
from trackway.ingest.fast_path.readers import Read, Texts
from trackway.ingest.outcome import TOKEN_MISSING, Ignored, Rejected
from trackway.ingest.prefilter import KINDS, SUSPECT_NOTHING, Suspicions
from trackway.ingest.raw_fields import UNREADABLE
from trackway.ingest.rules.fields import IDENTITY_EVENTS, FieldRules, bare_device_id
from trackway.ingest.rules.location import event_ending, with_ending
from trackway.ingest.rules.properties import changed_values, on_one_line, still_suspected

_encode = msgspec.json.Encoder().encode


def take_alike(
    texts: Texts,
    start: int,
    read: Read,
    arrival: Arrival,
    rules: FieldRules,
    entry_of: EntryOfProject,
    kinds: Sequence[int],
) -> int:
    """Add the events from `start` on to the entries of their projects; the index of the first that is left to the
    complete rules. `kinds`: of each text, its index into `prefilter.KINDS`."""
    project, token = arrival.project, None
    by_token = project is None
    entry: ProjectEntry | None = entry_of(project) if project else None
    names: set[str] = set()  # that passed their rule
    ending = event_ending(arrival.place) if arrival.place else b""
    for at in range(start, len(texts)):
        try:
            record = read(texts[at])
        except UNREADABLE:
            return at
        own = record.properties
        if by_token and (own.token != token or entry is None):
            found = project_of_token(own.token, arrival, TOKEN_MISSING)
            if isinstance(found, (Rejected, Ignored)):
                return at
            project, token, entry = found, own.token, entry_of(found)
        assert project is not None and entry is not None, "of the credentials or of the token"
        name, device_id = record.event, own.device_id
        if name not in names:
            if name in IDENTITY_EVENTS or isinstance(rules.name(name), Rejected):
                return at
            names.add(name)
        fields = rules.fields(
            project, name, own.time, own.distinct_id, device_id or None, own.user_id or None, own.insert_id
        )
        if type(fields) is Rejected:
            return at
        if device_id and DEVICE_PREFIX in device_id:
            own.device_id = bare_device_id(device_id)
        own.time = own.distinct_id = own.insert_id = own.token = UNSET  # which is not encoded
        properties = _encode(own)
        if kinds[at] and (kept := still_suspected(properties, KINDS[kinds[at]])) is not SUSPECT_NOTHING:
            if not _check(own, kept):
                return at
            properties = on_one_line(_encode(own))
        entry.add(fields, with_ending(properties, ending) if ending else properties)
    return len(texts)


def _check(own: Any, suspected: Suspicions) -> bool:
    """Check every value, and cut or drop what must be; False when one is rejected."""
    changed = changed_values(zip(type(own).__struct_fields__, msgspec.structs.astuple(own), strict=True), suspected)
    if isinstance(changed, Rejected):
        return False
    for attribute, raw in changed.items():
        setattr(own, attribute, UNSET if raw is None else raw)
    return True
