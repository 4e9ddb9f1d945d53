"""What counts of a project's facts now: for one question, and for people."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from trackway.query.limits import LATE_KNOWN_MAX
from trackway.query.sql.facts import PARTS_NOW, REBUILDS, STATE, STATE_TABLES, SUPERSEDED
from trackway.query.sql.person import Known
from trackway.query.sql.segments import TABLES, Derived, Facts
from trackway.query.sql.tables import KEPT, rows_in
from trackway.store.errors import UNREADABLE_CODES, StoreError
from trackway.store.reader import Reader

_HELD: Final = f"""
SELECT if(complete OR rebuilds != ({REBUILDS}), 0, arraySum(s -> s.rows, segments)), toUnixTimestamp(changed)
{rows_in("facts_versions")} ORDER BY sequence DESC LIMIT 1"""
"""Of a project whose facts do not count yet: how many are made, and when the last were."""
_EVENTS: Final = f"SELECT count() {rows_in('events', KEPT)}"
_NEWER: Final = f"""
SELECT sum(records) {rows_in("loads", "outcome = 'stored'", "to_position > {position:UInt64}")}"""
_REBUILD_ASKED: Final = f"""
SELECT ({REBUILDS}) > (SELECT max(rebuilds) {rows_in("facts_versions")})"""

_ROW: Final = msgspec.msgpack.Decoder(list[Any])


class FactsState(NamedTuple):
    """How far a project's facts are: `is_complete` where reports read them.

    `behind`: about how many events, of `events` in all, they do not hold. `changed_s`: when the compactor last changed
    them, in seconds since the epoch, None where it has not begun.
    """

    is_complete: bool
    events: int
    behind: int
    changed_s: int | None

    @property
    def percent(self) -> int:
        """The part of the events that is held, rounded down."""
        return 100 * (self.events - self.behind) // self.events if self.events else 100


async def known_of(reader: Reader, project_id: int) -> Known:
    """What a report must know of a project: its links, and its facts. Raises StoreError.

    There are no facts while they are not complete or do not hold what the events are: after damage, or when a rebuild
    was asked for. Then a report reads the events.
    """
    links, plain, counts, *found = await _state(reader, project_id)
    if not counts:
        return Known(bool(links), bool(plain))
    *first, made, has_tail, newer, since_ms, late_known, rollups = found
    derived = [Derived(*each) if isinstance(each, list) else Derived(**each) for each in made]
    facts = Facts(*first)._replace(
        derived=derived,
        has_tail=bool(has_tail),
        newer=newer,
        since_ms=int(since_ms),
        late_known=late_known,
        rollups=dict(rollups),
    )
    return Known(bool(links), bool(plain), facts=facts)


async def _state(reader: Reader, project_id: int) -> Sequence[Any]:
    """The row that `_asked` gives. It is asked once for the same parts of the store: its many small questions cost ten
    times what a look at the parts does. The parts are looked at first, so a kept row is never older than they are."""
    if (states := reader.states) is None:
        return await _asked(reader, project_id)
    looked = await reader.rows(project_id, PARTS_NOW, {"tables": list(TABLES), "read": list(STATE_TABLES)})
    key = msgspec.msgpack.encode((project_id, looked))
    if kept := states.get(key):
        return _ROW.decode(kept)
    row = await _asked(reader, project_id)
    states.put(key, msgspec.msgpack.encode(row))
    return row


async def _asked(reader: Reader, project_id: int) -> Sequence[Any]:
    """The row of STATE with the days on which late events have copies among the facts. Where late events are too many
    to be named, or the facts cannot be read, these are all days of late events, and none is named."""
    [row] = await reader.rows(project_id, STATE, {"tables": list(TABLES)})
    links, plain, counts, position, segments, slots, since, late_days, *others, late_known, rollups = row
    found = None
    if counts and late_days and len(late_known) <= LATE_KNOWN_MAX:
        found = await _superseded(reader, project_id, position, segments)
    if found is None:
        late_known = []
    else:
        late_days = found
    return links, plain, counts, position, segments, slots, since, late_days, *others, late_known, rollups


async def _superseded(reader: Reader, project_id: int, position: int, segments: Sequence[int]) -> list[str] | None:
    """The days that SUPERSEDED gives; None if a file of the facts cannot be read, which a report finds out."""
    try:
        rows = await reader.rows(project_id, SUPERSEDED, {"facts_end": position, "segments": list(segments)})
    except StoreError as error:
        if error.code in UNREADABLE_CODES:
            return None
        raise
    return [day for (day,) in rows]


async def facts_of(reader: Reader, project_id: int) -> Facts | None:
    """The facts of a project, if they count. Raises StoreError."""
    return (await known_of(reader, project_id)).facts


async def state_of(reader: Reader, project_id: int) -> FactsState:
    """How far the facts of a project are. Raises StoreError."""
    facts = await facts_of(reader, project_id)
    held = await reader.rows(project_id, _HELD)
    made, changed_s = held[0] if held else (0, None)
    [(events,)] = await reader.rows(project_id, _EVENTS)
    if facts is None:
        return FactsState(not events, events, max(events - made, 0), changed_s)
    [(newer,)] = await reader.rows(project_id, _NEWER, {"position": facts.position})
    return FactsState(True, events, min(newer, events), changed_s)


async def ask_for_rebuild(reader: Reader, project_id: int) -> None:
    """Let the compactor build the facts of a project anew. Reports read the events from now on. Where it was asked for
    already and has not begun, nothing changes. Raises StoreError."""
    [(is_asked,)] = await reader.rows(project_id, _REBUILD_ASKED)
    if not is_asked:
        row = f"[{project_id}]\n".encode()
        await reader.insert(project_id, "facts_rebuilds", ("project_id",), [row], "JSONCompactEachRow")
