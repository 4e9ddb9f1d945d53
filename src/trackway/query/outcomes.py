"""What became of a project's records, by time and by reason: received = stored + duplicate + ignored + rejected.

Read from the counts that each load leaves in the store, so a figure here is a record that was durably loaded, counted
in the minute it came in. What has come in but is not loaded yet is not among them.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from trackway.journal.entry import NO_PROJECT, Endpoint
from trackway.limits import REJECTED_REASONS_SHOWN_MAX
from trackway.query.reading import rows
from trackway.store.client import Store

OUTCOMES: Final = ("stored", "duplicate", "ignored", "rejected")

_SINCE = "project_id = {project:UInt32} AND minute >= toDateTime({since:UInt32}, 'UTC')"
_BUCKETS = f"""
SELECT intDiv(toUnixTimestamp(minute), {{step:UInt32}}) * {{step:UInt32}} AS at, outcome, sum(records)
FROM loads WHERE {_SINCE} GROUP BY at, outcome"""  # noqa: S608  parameters only
_REASONS = f"""
SELECT endpoint, reason, sum(records) AS number, toUnixTimestamp(max(minute))
FROM loads WHERE {_SINCE} AND outcome = 'rejected'
GROUP BY endpoint, reason ORDER BY number DESC, reason LIMIT {REJECTED_REASONS_SHOWN_MAX}"""  # noqa: S608
_LATEST = """
SELECT toUnixTimestamp(max(minute)), sum(records) FROM loads
WHERE project_id = {project:UInt32} AND records > 0"""


class Bucket(NamedTuple):
    """A stretch of time that begins at `begin_s`, seconds since the epoch, and the records that came in within it."""

    begin_s: int
    stored: int = 0
    duplicate: int = 0
    ignored: int = 0
    rejected: int = 0

    @property
    def received(self) -> int:
        return self.stored + self.duplicate + self.ignored + self.rejected


class RejectedFor(NamedTuple):
    """Records that an endpoint refused for one reason, and the last minute in which some came."""

    endpoint: Endpoint
    reason: str
    records: int
    latest_s: int


class Arrivals(NamedTuple):
    """The last minute in which any record came in, None when none ever did, and how many there were in all."""

    latest_s: int | None
    records: int


def buckets(store: Store, project_id: int, now_s: int, step_s: int, count: int) -> list[Bucket]:
    """The last `count` stretches of `step_s` seconds, whole minutes, oldest first; the last one holds `now_s`.

    Raises StoreError.
    """
    first_s = (now_s // step_s - count + 1) * step_s
    found: dict[int, dict[str, int]] = {}
    for at, outcome, records in rows(store, _BUCKETS, {"project": project_id, "since": first_s, "step": step_s}):
        found.setdefault(int(at), {})[str(outcome)] = int(records)
    starts = range(first_s, first_s + count * step_s, step_s)
    return [Bucket(at, **found.get(at, {})) for at in starts]


def total(buckets: Sequence[Bucket]) -> Bucket:
    """All of them as one."""
    return Bucket(buckets[0].begin_s, *(sum(getattr(each, outcome) for each in buckets) for outcome in OUTCOMES))


def rejected_for(store: Store, project_id: int, since_s: int) -> list[RejectedFor]:
    """The reasons of records refused since then, the most frequent first. Raises StoreError."""
    found = rows(store, _REASONS, {"project": project_id, "since": since_s})
    return [
        RejectedFor(Endpoint(endpoint), reason, int(number), int(latest)) for endpoint, reason, number, latest in found
    ]


def rejected_of_nobody(store: Store, since_s: int) -> list[RejectedFor]:
    """The same of records that name no known project; they are of all who send here, so for administrators only."""
    return rejected_for(store, NO_PROJECT, since_s)


def arrivals(store: Store, project_id: int) -> Arrivals:
    """Whether anything ever came in. Raises StoreError."""
    [(latest, records)] = rows(store, _LATEST, {"project": project_id})
    return Arrivals(int(latest) if records else None, int(records))
