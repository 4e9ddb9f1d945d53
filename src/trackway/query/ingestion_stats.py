"""The outcomes of a project's records, by time and by reason: received = stored + duplicate + ignored + rejected.

The counts come from the rows that each load leaves in the store. So each counted record was durably loaded, and counts
in the minute in which it came in. Records that have come in and are not loaded yet are not counted.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import NO_PROJECT
from trackway.query.limits import REJECTED_REASONS_SHOWN_MAX
from trackway.query.sql.tables import rows_in
from trackway.store.reader import Reader

OUTCOMES: Final = ("stored", "duplicate", "ignored", "rejected")

_SINCE = "minute >= toDateTime({since:UInt32}, 'UTC')"
_BUCKETS = f"""
SELECT intDiv(toUnixTimestamp(minute), {{step:UInt32}}) * {{step:UInt32}} AS at, outcome, sum(records)
{rows_in("loads", _SINCE)} GROUP BY at, outcome"""
_REASONS = f"""
SELECT endpoint, reason, sum(records) AS number, toUnixTimestamp(max(minute))
{rows_in("loads", _SINCE, "outcome = 'rejected'")}
GROUP BY endpoint, reason ORDER BY number DESC, reason LIMIT {REJECTED_REASONS_SHOWN_MAX}"""
_LATEST = f"SELECT toUnixTimestamp(max(minute)), sum(records) {rows_in('loads', 'records > 0')}"
_EVENTS = f"endpoint IN ({Endpoint.TRACK:d}, {Endpoint.IMPORT:d})"
_TOTALS = f"""
SELECT outcome, sum(records)
{rows_in("loads", _SINCE, "minute <= toDateTime({until:UInt32}, 'UTC')")} GROUP BY outcome"""
_LATEST_EVENT = f"""
SELECT toUnixTimestamp(max(minute)), sum(records)
{rows_in("loads", _SINCE, "outcome = 'stored'", "records > 0", _EVENTS)}"""
_ACTIVITY = f"""
SELECT sumIf(records, {_SINCE}), toUnixTimestamp(max(minute)), sum(records)
{rows_in("loads", "outcome = 'stored'", "records > 0", _EVENTS)}"""


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
    """Records that an endpoint rejected for one reason, and the last minute in which one came in."""

    endpoint: Endpoint
    reason: str
    records: int
    latest_s: int


class Arrivals(NamedTuple):
    """The last minute in which a record came in, None before the first one, and the number of all records."""

    latest_s: int | None
    records: int


class Activity(NamedTuple):
    """The events that were stored since a time, and the last minute in which one came in, None before the first one."""

    events: int
    latest_s: int | None


async def activity(reader: Reader, project_id: int, since_s: int) -> Activity:
    """How lively a project is. Raises StoreError."""
    [(events, latest, all)] = await reader.rows(project_id, _ACTIVITY, {"since": since_s})
    return Activity(int(events), int(latest) if all else None)


async def latest_event(reader: Reader, project_id: int, since_s: int) -> int | None:
    """The begin of the last minute from `since_s` on in which an event came in that was stored, in seconds since the
    epoch. None when there is none. Raises StoreError."""
    [(latest, events)] = await reader.rows(project_id, _LATEST_EVENT, {"since": since_s})
    return int(latest) if int(events) else None


async def totals(reader: Reader, project_id: int, since_s: int, until_s: int) -> Bucket:
    """All records of the minutes that begin from `since_s` to `until_s`. Raises StoreError."""
    found = await reader.rows(project_id, _TOTALS, {"since": since_s, "until": until_s})
    return Bucket(since_s, **{str(outcome): int(records) for outcome, records in found})


async def buckets(reader: Reader, project_id: int, now_s: int, step_s: int, count: int) -> list[Bucket]:
    """The last `count` stretches of `step_s` seconds, whole minutes, oldest first; the last one holds `now_s`.

    Raises StoreError.
    """
    first_s = (now_s // step_s - count + 1) * step_s
    found: dict[int, dict[str, int]] = {}
    for at, outcome, records in await reader.rows(project_id, _BUCKETS, {"since": first_s, "step": step_s}):
        found.setdefault(int(at), {})[str(outcome)] = int(records)
    starts = range(first_s, first_s + count * step_s, step_s)
    return [Bucket(at, **found.get(at, {})) for at in starts]


def total(buckets: Sequence[Bucket]) -> Bucket:
    """The sum of consecutive buckets."""
    return Bucket(buckets[0].begin_s, *(sum(getattr(each, outcome) for each in buckets) for outcome in OUTCOMES))


async def rejected_for(reader: Reader, project_id: int, since_s: int) -> list[RejectedFor]:
    """The reasons of records rejected since then, the most frequent first. Raises StoreError."""
    found = await reader.rows(project_id, _REASONS, {"since": since_s})
    return [
        RejectedFor(Endpoint(endpoint), reason, int(number), int(latest)) for endpoint, reason, number, latest in found
    ]


async def rejected_of_nobody(reader: Reader, since_s: int) -> list[RejectedFor]:
    """The same for records that name no known project. They come from all senders, so only administrators see them."""
    return await rejected_for(reader, NO_PROJECT, since_s)


async def arrivals(reader: Reader, project_id: int) -> Arrivals:
    """Whether any record ever came in. Raises StoreError."""
    [(latest, records)] = await reader.rows(project_id, _LATEST)
    return Arrivals(int(latest) if records else None, int(records))
