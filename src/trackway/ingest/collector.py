"""The outcomes of one request's records, collected by project; then the journal payload.

The payload holds everything that must be durable before the reply: accepted events as columns, accepted updates as
operations, and rejected records with their bytes.
"""

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from msgspec import UNSET

from trackway.domain.entry import NO_PROJECT, Rejection, encode_entries
from trackway.domain.limits import REJECTED_ORIGINAL_BYTES_MAX
from trackway.ingest import redact
from trackway.ingest.arrival import Arrival, Project
from trackway.ingest.entry_builder import ProjectEntry
from trackway.ingest.limits import REQUEST_ORIGINALS_BYTES_MAX
from trackway.ingest.outcome import Failure, Ignored, Rejected
from trackway.ingest.raw_fields import UNREADABLE, decode_event, decode_update, look
from trackway.ingest.rules.event import Accepted
from trackway.ingest.rules.profile import AcceptedUpdate


class Ingested(NamedTuple):
    """The outcomes of a request's records: `accepted` + `ignored` + len(`failures`) = `received`.

    - `payload`: must be durable before the reply; empty when nothing is kept.
    - `rejected`: numbers of rejected records by reason.
    - `kept`: numbers of kept records by project, accepted or rejected.
    - `rejected_kept`: kept original bytes by project; for NO_PROJECT, rows of counts.
    - `originals_dropped`: rejected records whose bytes exceed what may be kept.
    - `on_fast_path`: events that the fast path accepted.
    """

    received: int
    accepted: int
    ignored: int
    failures: list[Failure]
    rejected: Counter[str]
    payload: bytes
    kept: Mapping[int, int] = MappingProxyType({})
    rejected_kept: Mapping[int, int] = MappingProxyType({})
    originals_dropped: int = 0
    on_fast_path: int = 0

    @property
    def imported(self) -> int:
        """Records the client need not send again."""
        return self.accepted + self.ignored


_NONE: Counter[str] = Counter()
Claims = Callable[[bytes, Arrival], tuple[int, str]]
"""The project and the `$insert_id` that the bytes of a refused or ignored record name, as far as they can be read."""


class Collector:
    """The outcomes of one request so far. `original` returns the bytes of a record by its index."""

    def __init__(self, original: Callable[[int], bytes], arrival: Arrival, claims: Claims):
        self._original = original
        self._arrival = arrival
        self._claims = claims
        self._entries: dict[int, ProjectEntry] = {}
        self._failures: list[Failure] = []
        self._ignored = 0
        self._originals_left = REQUEST_ORIGINALS_BYTES_MAX if arrival.project is None else sys.maxsize
        self._originals: Counter[int] = Counter()
        self._originals_dropped = 0

    def entry_of(self, project: Project) -> ProjectEntry:
        """The project's entry, new or already begun."""
        return self._entry(project.project_id)

    def _entry(self, project_id: int) -> ProjectEntry:
        found = self._entries.get(project_id)
        if found is None:
            found = self._entries[project_id] = ProjectEntry(project_id, self._arrival)
        return found

    def take(self, index: int, outcome: Accepted | AcceptedUpdate | Rejected | Ignored) -> None:
        """Add the outcome of one record."""
        if isinstance(outcome, Accepted):
            self._entry(outcome.project.project_id).add(outcome.fields, outcome.properties, outcome.links)
        elif isinstance(outcome, AcceptedUpdate):
            self._entry(outcome.project.project_id).updates.append(outcome.update)
        else:
            self._refuse(index, outcome)

    def _refuse(self, index: int, outcome: Rejected | Ignored) -> None:
        original = self._original(index)
        project_id, insert_id = self._claims(original, self._arrival)
        entry = self._entry(project_id)
        if isinstance(outcome, Ignored):
            entry.ignored += 1
            self._ignored += 1
            return
        self._failures.append(Failure(index, insert_id, outcome.field, outcome.reason))
        if project_id == NO_PROJECT:
            entry.counted[outcome.reason] += 1
            return
        kept = (insert_id, self._kept(project_id, original)) if outcome.keep else ("", b"")
        entry.rejections.append(Rejection(index, outcome.reason, outcome.field, *kept))

    def _kept(self, project_id: int, original: bytes) -> bytes:
        """The kept bytes of a record; none once its request or its project has no room left for them."""
        left = min(self._originals_left, self._arrival.rejected_left(project_id) - self._originals[project_id])
        if min(len(original), REJECTED_ORIGINAL_BYTES_MAX) > left:
            self._originals_dropped += 1
            return b""
        kept = redact.kept(original)
        self._originals[project_id] += len(kept)
        self._originals_left -= len(kept)
        return kept

    def _cut_rows(self) -> None:
        """Keep no more rows of counts without a project than may be kept now."""
        nobody = self._entries.get(NO_PROJECT)
        if nobody is None:
            return
        nobody.cut(self._arrival.rejected_left(NO_PROJECT))
        if nobody.rows:
            self._originals[NO_PROJECT] = nobody.rows
        else:
            del self._entries[NO_PROJECT]

    def finished(self, received: int, on_fast_path: int = 0) -> Ingested:
        """The outcomes of all records, and the payload."""
        self._cut_rows()
        entries = [entry.finished() for entry in self._entries.values()]
        return Ingested(
            received,
            received - self._ignored - len(self._failures),
            self._ignored,
            self._failures,
            Counter(failure.message for failure in self._failures) if self._failures else _NONE,
            encode_entries(entries) if entries else b"",
            {entry.project_id: entry.events.number + len(entry.updates) + len(entry.rejections) for entry in entries},
            self._originals,
            self._originals_dropped,
            on_fast_path,
        )


def event_claims(original: bytes, arrival: Arrival) -> tuple[int, str]:
    """The claims of an event; its project is that of the credentials, if there are any."""
    project_id = arrival.project.project_id if arrival.project else NO_PROJECT
    try:
        members = decode_event(original).properties
    except UNREADABLE:
        return project_id, ""
    if members is UNSET:
        return project_id, ""
    insert_id = look(members, "$insert_id")
    if arrival.project is None:
        project_id = _named_project(look(members, "token"), arrival)
    return project_id, insert_id if type(insert_id) is str else ""


def update_claims(original: bytes, arrival: Arrival) -> tuple[int, str]:
    """The claims of a profile update, which has no `$insert_id`."""
    try:
        return _named_project(look(decode_update(original), "$token"), arrival), ""
    except UNREADABLE:
        return NO_PROJECT, ""


def _named_project(token: Any, arrival: Arrival) -> int:
    project = arrival.find_project(token) if type(token) is str else None
    return project.project_id if project else NO_PROJECT
