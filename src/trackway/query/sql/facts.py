"""The facts of a project and its newer events as one source of rows (`store/migrations/0015_facts.sql`).

A project's facts hold its events before a position of the journal. Events from there on are its *tail*, and are read
from the table of events. An event can be superseded only by a copy that arrived 24 hours or more after it, since the
loader drops earlier ones (protocol §4), and no event is later than its arrival. So only a copy whose time is that long
before its own arrival may have an older one among the facts. The loader knows the keys of two days: a copy that it
loads a day after its arrival may have one, too. Such events are *late* here; an hour is left for clocks.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from trackway.query.expressions import Kind, of_raw, raw_in, raw_in_readable
from trackway.query.limits import IDS_LOOKED_UP_MAX, LATE_KNOWN_MAX
from trackway.query.sql.events import Events
from trackway.query.sql.person import JOIN_SETTINGS, KNOWN_LINKS
from trackway.query.sql.scope import Rows
from trackway.query.sql.segments import COUNTS, HOURS, NO_SLOT, SUMS, TABLES, Facts
from trackway.query.sql.tables import EVENTS_SINCE, rows_from, rows_in
from trackway.query.sql.value_hours import value_hours, value_totals

SLOTS: Final = 64
"""Properties of a project that have columns of their own."""
LATE: Final = "(time <= received - toIntervalHour(23) OR received <= loaded - toIntervalHour(23))"
KEY: Final = "cityHash64(event, distinct_id, insert_id)"
"""What differs between two events of one project and time."""
OWN: Final = "if(distinct_id = '', 0, cityHash64(distinct_id))"
"""The person of an event that no link concerns."""
WHO: Final = "if(user_id = '' AND distinct_id != '', cityHash64(distinct_id), 0)"
"""The id that links may give to another person; 0 for an event that names its user (protocol §6)."""
PERSON: Final = "if(own = 0, 0, if(link.person != 0, link.person, own))"
"""The person of a row with OWN as `own` that is joined with its `link`."""
_FROM: Final = "FROM facts WHERE"
_FROM_DERIVED: Final = {table: f"FROM {table} WHERE" for table in (COUNTS, SUMS)}
_LATE_KNOWN: Final = "cityHash64(position, toDate(time))"
"""Rows of one record and day are in one part of the store, so that either all or none of them are seen."""
_OF_LATE_DAYS: Final = "toString(day) IN {late_days:Array(String)}"
TAIL_SETTINGS: Final = "use_skip_indexes_if_final_exact_mode = 0"
"""FINAL looks at the granules with events of some positions, and no others. Copies that it does not see there were
superseded, or are late."""

_ACTIVE: Final = "FROM system.parts WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}"
PARTS: Final = f"SELECT table, name {_ACTIVE} AND partition_id IN {{partitions:Array(String)}}"
"""The parts of some partitions of some tables."""
DAMAGES: Final = "SELECT count() FROM damage FINAL WHERE place IN ('events', 'identity_links')"
"""How often events or links were found damaged."""
REBUILDS: Final = f"SELECT count() {rows_in('facts_rebuilds')}"
"""How often a rebuild of the facts was asked for."""


def partition_rows(partitions: str) -> str:
    """A query's text that gives how many rows some partitions of `tables` have; `partitions` is SQL of their names."""
    return f"SELECT sum(rows) {_ACTIVE} AND has({partitions}, partition_id)"


VERSION: Final = f"""
SELECT position, complete, damages, rebuilds, slots, segments, derived, rollups
{rows_in("facts_versions")} ORDER BY sequence DESC LIMIT 1"""
"""What the compactor made last of a project, if anything."""
VERSION_CHECK: Final = f"""
SELECT ({DAMAGES}), ({REBUILDS}), ({partition_rows("{partitions:Array(String)}")}),
    toUnixTimestamp64Milli({EVENTS_SINCE})"""
"""What must be as the version says before facts count: damages, rebuilds that were asked for, and the rows in their
partitions. With them the first instant that is kept, in milliseconds. It binds `tables`."""
LINKS_NOW: Final = f"""
SELECT {KNOWN_LINKS},
    (SELECT (count(), sum(cityHash64(sequence, id, canonical_id)))
        {rows_in("identity_links", "sequence >= {links:UInt64}")}),
    (SELECT (count(), sum(cityHash64(sequence, insert_id)))
        {rows_in("identity_refusals", "sequence >= {facts_end:UInt64}")})"""
"""Whether a project has links and plain links (`query.sql.person`), and how many links and refused links the facts do
not have, each with a number that is another for others."""
TAIL: Final = f"""
SELECT groupUniqArrayIf(toString(toDate(time)), {LATE}), count(), sum(cityHash64(position, loaded)),
    groupUniqArrayIf({LATE_KNOWN_MAX + 1})({_LATE_KNOWN}, {LATE})
{rows_in("events", "position >= {facts_end:UInt64}")}"""
"""The days of late events in the tail, how many events it has, a number that is another for others, and its late
events as `Facts.late_known` has them."""

_LATE_TAIL: Final = rows_in("events", "position >= {facts_end:UInt64}", LATE)
_LATE_KEYS: Final = f"key IN (SELECT {KEY} {_LATE_TAIL})"
_LATE_COPIES: Final = f"(time, key) IN (SELECT time, {KEY} {_LATE_TAIL})"
SUPERSEDED: Final = f"""
SELECT DISTINCT toString(day)
{rows_in("facts", "segment IN {segments:Array(UInt64)}", _LATE_KEYS, _LATE_COPIES)}"""
"""The days on which a late event of the tail has an older copy among the facts. It reads the keys of all facts, which
are not compressed, and little else: 35 ns of processor time each."""

VERSION_TABLES: Final = (*TABLES, "facts_versions", "damage", "facts_rebuilds", "event_ages")
"""The tables that VERSION and VERSION_CHECK read."""
LINK_TABLES: Final = ("identity_links", "identity_refusals")
PARTS_NOW: Final = """
SELECT table, count(), sum(cityHash64(name, modification_time))
FROM system.parts WHERE active AND database = currentDatabase() AND (table IN {read:Array(String)}
    OR table IN {tables:Array(String)} AND startsWith(partition_id, concat(toString({project:UInt32}), '-')))
GROUP BY table"""
"""How many parts each table has, and a number that is another whenever they are others: a part never changes, and only
a table that is made again has its names again. Of `tables` it looks at the project's own parts, of `read` at all."""


def slot(number: int) -> str:
    """The column of a slot."""
    return f"s{number:02}"


def persons_of(ids: str) -> str:
    """A query's text that gives `who` and `person` of those ids that have a link; `ids` is a query's text."""
    links = (
        f"SELECT id, argMax(canonical_id, rank) AS canonical {rows_in('identity_links', f'id IN ({ids})')} GROUP BY id"
    )
    person = "any(if(canonical = '', cityHash64(id), cityHash64(canonical))) AS person"
    return f"SELECT cityHash64(id) AS who, {person} {rows_from(links)} GROUP BY who"


def persons_of_many(hashes: str) -> str:
    """The same of ids whose hashes a query gives. It compares the hashes of all links: to look up each of many ids by
    the key takes longer."""
    person = "argMax(if(canonical_id = '', cityHash64(id), cityHash64(canonical_id)), rank) AS person"
    links = rows_in("identity_links", f"cityHash64(id) IN ({hashes})")
    return f"SELECT cityHash64(id) AS who, {person} {links} GROUP BY who"


def newer_links(since: str) -> str:
    """A query's text that gives the ids with a link at or after a position of the journal."""
    return f"SELECT id {rows_in('identity_links', f'sequence >= {since}')}"


def fact_rows(
    events: Events,
    facts: Facts,
    properties: Mapping[str, str],
    *,
    persons: bool = True,
    derived: str | None = None,
    by_hour: bool = True,
    readable: bool = False,
) -> Rows:
    """Events with `event`, `time`, `day`, `times`, and for each of these properties, which have slots, `raw_0` …

    `properties` has, by property, SQL of a parameter that binds its name.
    With `persons` also `person_number`, the hash of the person's canonical id, 0 for nobody. `day` is of UTC. The
    events must be narrow.

    `times` is 1, or with `derived`, which is COUNTS or SUMS, the number of events that the row is of: of one name and
    hour, and `time` is the begin of the hour. They have one value with COUNTS; with SUMS rows have `total`, the sum of
    the numbers of the one property, and no raws. Segments without COUNTS of the property are read by its values, if
    they have HOURS: then the events of a row have any hours, unless rows are `by_hour`. Segments without such rows, and
    days whose facts may have newer copies, are read as facts. Derived rows have no persons.

    `readable`: the raws of the tail are those of `raw_in_readable`.
    """
    events = events.since(facts.since_ms)
    assert events.is_narrow and facts.has(properties)
    bound = dict(events.parameters) | {"facts_end": facts.position}
    slots = [slot(facts.slot_of(name)) for name in properties]
    in_derived = _derived(events, facts, properties, derived) if derived and not persons else []
    in_hours: Mapping[int, Sequence[int]] = {}
    if derived == COUNTS and not persons:
        in_hours = _in_hours(events, facts, properties, in_derived)
    covered = [segment for segments in in_hours.values() for segment in segments]
    in_derived = [number for number in in_derived if number not in covered]
    branches = _branches(events, facts, [*in_derived, *covered], slots, bound, persons)
    if in_hours:
        read = value_hours if by_hour else value_totals
        branches.append(read(events, facts, list(in_hours), _slot_of(facts, properties), bound))
    if facts.has_tail or not (branches or in_derived):
        raw = raw_in_readable if readable else raw_in
        branches.append(_tail(events, facts, [raw("properties", name) for name in properties.values()], persons))
    if derived == SUMS:
        branches = [
            f"SELECT event, time, day, times, {number_of('raw_0')} AS total {rows_from(each)}" for each in branches
        ]
    if derived and in_derived:
        bound["derived"] = in_derived
        more = ", total" if derived == SUMS else ", raw AS raw_0" * len(slots)
        chosen = f"{_chosen(events, 'derived')} AND slot = {_slot_of(facts, properties)}{_early(facts)}"
        branches.insert(0, f"SELECT event, time, day, events AS times{more} {_FROM_DERIVED[derived]} {chosen}")
    return Rows(rows_from(" UNION ALL ".join(branches)), f"{JOIN_SETTINGS}, {TAIL_SETTINGS}", bound)


def rows_beside(events: Events, facts: Facts, segments: Sequence[int], moved: str, bound: dict[str, Any]) -> list[str]:
    """Queries that give `event`, `time` and `person_number` of the events that are not in what is derived by person of
    some segments: of other segments, of days whose facts may have newer copies, of the tail, and where `moved` is given
    the facts of these persons. What they bind goes to `bound`.

    `moved`: a query's text that gives the persons of ids with newer links (`moved_persons`)."""
    bound["facts_end"] = facts.position
    branches = _branches(events, facts, segments, [], bound, persons=True)
    if moved:
        bound["derived"] = list(segments)
        chosen = f"{_chosen(events, 'derived')}{_early(facts)} AND person IN ({moved})"
        branches.append(_facts(chosen, [], facts, bound, persons=True))
    if facts.has_tail:
        branches.append(_tail(events, facts, [], persons=True))
    return branches


def moved_persons(facts: Facts) -> str:
    """A query's text that gives all persons that facts of ids with newer links may have; '' where no link is newer. It
    binds `links`. One statement gets the same persons wherever it has this text.

    A fact has the person of its id by some link of that time, or none, and links stay.
    """
    if facts.links is None:
        return ""
    links = rows_in("identity_links", f"id IN ({newer_links('{links:UInt64}')})")
    found = f"SELECT groupUniqArrayArray([cityHash64(id), cityHash64(canonical_id)]) {links}"
    return f"SELECT arrayJoin(({found}))"


def _early(facts: Facts) -> str:
    """The condition that leaves out days whose facts may have newer copies, if there are any."""
    return f" AND NOT {_OF_LATE_DAYS}" if facts.late_days else ""


def _branches(
    events: Events, facts: Facts, but: Sequence[int], slots: Sequence[str], bound: dict[str, Any], persons: bool
) -> list[str]:
    """The facts of all segments but some, and of days whose facts may have newer copies those of all segments."""
    plain = [number for number in facts.segments if number not in but]
    branches = []
    if facts.late_days:
        bound["late_days"] = list(facts.late_days)
    if plain:
        bound["segments"] = plain
        branches.append(_facts(f"{_chosen(events, 'segments')}{_early(facts)}", slots, facts, bound, persons))
    if facts.late_days:
        bound["late_segments"] = list(facts.segments)
        chosen = f"{_chosen(events, 'late_segments')} AND {_OF_LATE_DAYS} AND NOT (time, key) IN ({_tail_keys(events)})"
        branches.append(_facts(chosen, slots, facts, bound, persons))
    if facts.late_known:
        bound["late_known"] = list(facts.late_known)
    return branches


def number_of(raw: str) -> str:
    """SQL of the number in a raw, 0 for what is no finite number."""
    number = of_raw(raw, Kind.NUMBER)
    return f"ifNull(if(isFinite({number}), {number}, 0), 0)"


def _derived(events: Events, facts: Facts, properties: Mapping[str, str], table: str) -> list[int]:
    """The segments of which a table of DERIVED has these properties, for events that are chosen by the hour."""
    if len(properties) > 1 or not events.is_by_hour:
        return []
    return facts.derived_in(table, _slot_of(facts, properties))


def _in_hours(
    events: Events, facts: Facts, properties: Mapping[str, str], counted: Sequence[int]
) -> Mapping[int, Sequence[int]]:
    """The rollups of which HOURS has the only property, with their segments; none where all segments have counts."""
    if len(properties) != 1 or not events.is_by_hour or len(counted) == len(facts.segments):
        return {}
    return facts.rolled_up(HOURS, _slot_of(facts, properties))


def _slot_of(facts: Facts, properties: Mapping[str, str]) -> int:
    """The slot of the only property, or NO_SLOT."""
    return next(map(facts.slot_of, properties), NO_SLOT)


def _chosen(events: Events, segments: str) -> str:
    return " AND ".join([*events.narrow_key, f"segment IN {{{segments}:Array(UInt64)}}"])


def _facts(chosen: str, slots: Sequence[str], facts: Facts, bound: dict[str, Any], persons: bool) -> str:
    raws = "".join(f", {column} AS raw_{number}" for number, column in enumerate(slots))
    if not persons:
        return f"SELECT event, time, day, 1 AS times{raws} {_FROM} {chosen}"
    if facts.links is None:
        return f"SELECT event, time, day, 1 AS times, person AS person_number{raws} {_FROM} {chosen}"
    bound["links"] = facts.links
    rows = f"SELECT event, time, day, person AS stored, who AS id{raws} {_FROM} {chosen}"
    person = "if(link.person != 0, link.person, stored) AS person_number"
    columns = f"event, time, day, 1 AS times, {person}{_numbered(len(slots))}"
    links = persons_of(newer_links("{links:UInt64}"))
    return f"SELECT {columns} {rows_from(rows, 'entry')} LEFT ANY JOIN ({links}) AS link ON entry.id = link.who"


def _tail(events: Events, facts: Facts, raws: Sequence[str], persons: bool) -> str:
    within = f"position >= {{facts_end:UInt64}} AND ({_shown_late(facts)})"
    read = "event, time"
    read += f", {OWN} AS own, {WHO} AS id" if persons else ""
    read += "".join(f", {raw} AS raw_{number}" for number, raw in enumerate(raws))
    rows = events.having(row=[within]).select(read, deduplicated=True)
    person = f", {PERSON} AS person_number" if persons else ""
    text = (
        f"SELECT event, time, toDate(time) AS day, 1 AS times{person}{_numbered(len(raws))} {rows_from(rows, 'entry')}"
    )
    if not persons:
        return text
    linked = events.having(row=["position >= {facts_end:UInt64}", "user_id = ''"])
    if facts.tail_events <= IDS_LOOKED_UP_MAX:
        links = persons_of(linked.select("distinct_id", deduplicated=False))
    else:
        links = persons_of_many(linked.select("cityHash64(distinct_id)", deduplicated=False))
    return f"{text} LEFT ANY JOIN ({links}) AS link ON entry.id = link.who"


def _shown_late(facts: Facts) -> str:
    """Late events that came after the question began are left out on days whose facts are not held against them: older
    copies of them are not."""
    shown = [f"NOT {LATE}"]
    if facts.late_days:
        shown.append("toString(toDate(time)) IN {late_days:Array(String)}")
    if facts.late_known:
        shown.append(f"{_LATE_KNOWN} IN {{late_known:Array(UInt64)}}")
    return " OR ".join(shown)


def _tail_keys(events: Events) -> str:
    return events.having(row=["position >= {facts_end:UInt64}", LATE]).select(f"time, {KEY} AS key", deduplicated=False)


def _numbered(number: int) -> str:
    return "".join(f", raw_{n}" for n in range(number))
