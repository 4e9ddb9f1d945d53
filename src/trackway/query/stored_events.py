"""Whether a project has the events that were loaded: its events against the counts of its loads, less what was removed.

A load counts each event that it stored. An event that comes again more than a day later is stored again, and replaces
the earlier copy; nobody counts that. Such a copy arrived at least 23 hours after its event's own time, because no event
may lie more than an hour in the future. So only so many events can be fewer without a loss.
"""

from typing import Final, NamedTuple

from trackway.domain.endpoint import Endpoint
from trackway.query.limits import STORE_CHECK_TRIES
from trackway.query.sql.tables import CURSOR, rows_in
from trackway.store.reader import Reader

_OF_EVENTS: Final = f"endpoint IN ({Endpoint.TRACK:d}, {Endpoint.IMPORT:d})"
_STORED: Final = f"""
SELECT sum(records) {rows_in("loads", "outcome = 'stored'", _OF_EVENTS, "to_position <= {cursor:UInt64}")}"""
_THERE: Final = f"""
SELECT count(), countIf(received >= addHours(time, 23))
{rows_in("events", "position < {cursor:UInt64}", final=True)} SETTINGS use_skip_indexes_if_final = 0"""
# Rows of the horizon that is being applied were noted before they are deleted.
_AGED: Final = f"""
SELECT sum(`rows`), countIf(sequence >= (SELECT max(sequence) {rows_in("event_ages")}))
{rows_in("aged_rows", "place = 'events'", final=True)}"""


class Removed(NamedTuple):
    """How many events were deleted, and whether more are being deleted now, so that no number is sure."""

    events: int
    is_under_way: bool


class StoredEvents(NamedTuple):
    """How many events all loads stored, how many are there, and how many of these may have replaced an earlier copy."""

    stored: int
    there: int
    late: int

    def fault(self, removed: int) -> str:
        """What is wrong, '' for nothing. `removed`: so many were erased or deleted by their age."""
        missing = self.stored - removed - self.there
        if missing < 0:
            return f"{-missing} events are there that no load has counted"
        if missing <= self.late:
            return ""
        replaced = f", {self.late} of them at most because they came twice" if self.late else ""
        return f"{missing} events are missing{replaced}"


async def aged_events(reader: Reader, project_id: int) -> Removed:
    """The events that were deleted because of their age, none where nothing ages. Raises StoreError."""
    [(rows, under_way)] = await reader.rows(project_id, _AGED)
    return Removed(int(rows), bool(under_way))


async def stored_events(reader: Reader, project_id: int) -> StoredEvents:
    """The events before the cursor. Raises StoreError.

    Events that are replaced while they are counted look as if they were missing. So a difference counts only if it is
    found again.
    """
    counted = await _counted(reader, project_id)
    for _ in range(STORE_CHECK_TRIES - 1):
        if counted.stored == counted.there:
            break
        counted = await _counted(reader, project_id)
    return counted


async def _counted(reader: Reader, project_id: int) -> StoredEvents:
    [(cursor,)] = await reader.rows(project_id, CURSOR)
    asked = {"cursor": int(cursor)}
    [(stored,)] = await reader.rows(project_id, _STORED, asked)
    [(there, late)] = await reader.rows(project_id, _THERE, asked)
    return StoredEvents(int(stored), int(there), int(late))
