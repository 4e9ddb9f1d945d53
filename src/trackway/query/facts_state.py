"""What counts of a project's facts now: for one question, and for people."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from trackway.query.limits import LATE_KNOWN_MAX, PARTS_STILL_S
from trackway.query.sql.facts import (
    LINK_TABLES,
    LINKS_NOW,
    PARTS_NOW,
    REBUILDS,
    SUPERSEDED,
    TAIL,
    VERSION,
    VERSION_CHECK,
    VERSION_TABLES,
)
from trackway.query.sql.person import Known
from trackway.query.sql.segments import TABLES, Derived, Facts, values_of
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

_SEEN: Final = msgspec.msgpack.Decoder(tuple[dict[str, Any], float])
_ROW: Final = msgspec.msgpack.Decoder(list[Any])
_READ_WHOLE: Final = [each for each in (*VERSION_TABLES, *LINK_TABLES, "events") if each not in TABLES]
_NOWHERE: Final = (1 << 64) - 1
"""A position beyond that of every record."""
_Ask = Callable[..., Awaitable[list[Any]]]
Parts = Mapping[str, Any]
"""By table what PARTS_NOW says of its parts; nothing where no state is kept."""


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


class _State:
    """What a project has, in pieces. Each is asked once for the same parts of the tables that it reads, since a piece
    costs several times what a look at all parts does."""

    def __init__(self, reader: Reader, project_id: int, parts: Parts) -> None:
        self._reader = reader
        self._project_id = project_id
        self._parts = parts

    async def piece(self, tables: Sequence[str], ask: _Ask, *given: Any) -> list[Any]:
        """What `ask` gives for the project. It asks the store about these tables."""
        if (states := self._reader.states) is None:
            return await ask(self._reader, self._project_id, *given)
        seen = [self._parts.get(each) for each in tables]
        key = msgspec.msgpack.encode((ask.__name__, self._project_id, given, seen))
        if kept := states.get(key):
            return _ROW.decode(kept)
        row = await ask(self._reader, self._project_id, *given)
        states.put(key, msgspec.msgpack.encode(row))
        return row


async def known_of(reader: Reader, project_id: int, parts: Parts | None = None) -> Known:
    """What a report must know of a project: its links, and its facts. `parts`: those of the store, if it was looked at.
    Raises StoreError.

    There are no facts while they are not complete or do not hold what the events are: after damage, or when a rebuild
    was asked for. Then a report reads the events.
    """
    state = _State(reader, project_id, await parts_now(reader, project_id) if parts is None else parts)
    version = await state.piece(VERSION_TABLES, _version)
    position, since = (version[0], version[3]) if version else (_NOWHERE, _NOWHERE)
    links, plain, *linked = await state.piece(LINK_TABLES, _links, position, since)
    if not version:
        return Known(bool(links), bool(plain))
    _, segments, slots, _, made, since_ms, rollups, rows = version
    late_days, events, hashes, late_known = await state.piece(("events",), _tail, position, segments)
    facts = Facts(
        position,
        segments,
        slots,
        links=since if linked[0] else None,
        late_days=late_days,
        derived=[Derived(*each) for each in made],
        has_tail=events > 0,
        newer=[events, hashes, *linked],
        since_ms=since_ms,
        late_known=late_known,
        rollups=dict(rollups),
        rows=rows,
    )
    return Known(bool(links), bool(plain), facts=facts)


async def parts_now(reader: Reader, project_id: int) -> Parts:
    """The parts that the store has. They are looked at first, so that a kept piece is never older than they are. Raises
    StoreError."""
    if reader.states is None:
        return {}
    asked = {"tables": list(TABLES), "read": _READ_WHOLE}
    rows = await reader.look(project_id, PARTS_NOW, asked)
    parts = {table: found for table, *found in rows}
    seen = _last_seen(reader, project_id)
    if seen is None or seen[0] != parts:
        reader.states.put(_key_of_parts(project_id), msgspec.msgpack.encode([parts, time.monotonic()]))
    return parts


def parts_before(reader: Reader, project_id: int) -> Parts | None:
    """The parts that the last look gave, if each look of the last PARTS_STILL_S gave the same. While events are loaded
    that is never so."""
    seen = _last_seen(reader, project_id)
    return seen[0] if seen and time.monotonic() - seen[1] >= PARTS_STILL_S else None


def _last_seen(reader: Reader, project_id: int) -> tuple[Parts, float] | None:
    """The parts that the last look gave, and when a look gave them first."""
    kept = reader.states and reader.states.get(_key_of_parts(project_id))
    return _SEEN.decode(kept) if kept else None


def _key_of_parts(project_id: int) -> bytes:
    return msgspec.msgpack.encode(("parts", project_id))


async def _version(reader: Reader, project_id: int) -> list[Any]:
    """Position, segments, slots, position of links, derived, first instant that is kept, rollups, and rows of the
    segments of the newest version; nothing where its facts do not count."""
    rows = await reader.rows(project_id, VERSION)
    if not rows or not rows[0][1]:
        return []
    position, _, damages, rebuilds, slots, *lists = rows[0]
    segments, derived, rollups = ([list(values_of(each)) for each in some] for some in lists)
    numbers = [number for number, *_ in (*segments, *rollups)]
    asked = {"tables": list(TABLES), "partitions": [f"{project_id}-{number}" for number in numbers]}
    [(damages_now, rebuilds_now, rows_now, since_ms)] = await reader.rows(project_id, VERSION_CHECK, asked)
    stored = sum(count for _, count, _ in segments) + sum(count for _, _, count, _ in derived)
    if (damages_now, rebuilds_now, rows_now) != (damages, rebuilds, stored):
        return []
    links = min((each[2] for each in (*segments, *rollups)), default=position)
    own, facts = ([each[place] for each in segments] for place in (0, 1))
    return [position, own, slots, links, derived, int(since_ms), [each[:2] for each in rollups], facts]


async def _links(reader: Reader, project_id: int, position: int, since: int) -> list[Any]:
    """The values of LINKS_NOW."""
    [row] = await reader.rows(project_id, LINKS_NOW, {"facts_end": position, "links": since})
    links, plain, newer, refused = row
    return [links, plain, *newer, *refused]


async def _tail(reader: Reader, project_id: int, position: int, segments: Sequence[int]) -> list[Any]:
    """The values of TAIL, the days being those on which late events have copies among the facts. Where late events are
    too many to be named, or the facts cannot be read, these are all days of late events, and none is named."""
    [(late_days, events, hashes, late_known)] = await reader.rows(project_id, TAIL, {"facts_end": position})
    found = None
    if late_days and len(late_known) <= LATE_KNOWN_MAX:
        found = await _superseded(reader, project_id, position, segments)
    if found is None:
        return [late_days, events, hashes, []]
    return [found, events, hashes, late_known]


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
