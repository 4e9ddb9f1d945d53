"""The compactor's statements: facts from events, facts from facts, and what must be known for both.

Statements name one project. Every name of a property is a bound value.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from trackway.query.expressions import readable
from trackway.query.sql.facts import KEY, LATE, OWN, SLOTS, TAIL_SETTINGS, WHO, newer_links, persons_of, slot
from trackway.query.sql.person import JOIN_SETTINGS
from trackway.query.sql.person_ranges import in_range, person_ranges
from trackway.query.sql.segments import PERSONS
from trackway.query.sql.tables import CURSOR, rows_from, rows_in
from trackway.store.client import Store

_COLUMNS: Final = ("event", "day", "person", "who", "time", "key", *map(slot, range(SLOTS)))
_INSERT: Final = f"INSERT INTO facts (project_id, segment, {', '.join(_COLUMNS)})"
_SETTINGS: Final = (
    f"{JOIN_SETTINGS}, {TAIL_SETTINGS}, max_block_size = 16384, min_insert_block_size_rows = 131072,"
    " min_insert_block_size_bytes = 67108864, max_insert_threads = 1, input_format_try_infer_dates = 0,"
    " input_format_try_infer_datetimes = 0, output_format_json_quote_64bit_integers = 0,"
    " output_format_json_escape_forward_slashes = 0"
)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_$ .:/-]+")
# A text without null and without an object within, and of its values those that are no lists and no long numbers: there
# the engine's types keep what JSONExtractRaw gives. A long whole number becomes a double where one came before it
# (findings/dynamic-depends-on-earlier-rows.sh).
_FLAT: Final = "position(document, 'null') = 0 AND position(document, '{', 2) = 0"
_KEPT: Final = "bitOr(startsWith({0}, '\"'), bitAnd(length({0}) <= 15, NOT startsWith({0}, '[')))"
"""Without AND and OR, since the engine would parse the text again for each operand that it leaves to the end."""


class Slice(NamedTuple):
    """Some events of a project: those that meet a condition on columns that all copies share, and then, of copies only
    one, another condition. Both bind `parameters`."""

    key: str
    row: str
    parameters: Mapping[str, Any]

    def sql(self, columns: str, *, final: bool = True) -> str:
        source = f"FROM events{' FINAL' if final else ''} PREWHERE project_id = {{project:UInt32}}"
        key = f" AND {self.key}" if self.key else ""
        return f"SELECT {columns} {source}{key} WHERE {self.row}"


def between_positions(begin: int, end: int) -> Slice:
    """The events of records from a position up to another."""
    row = "position >= {begin:UInt64} AND position < {end:UInt64}"
    return Slice("", row, {"begin": begin, "end": end})


def of_days(first: str, last: str, end: int, piece: int = 0, pieces: int = 1) -> Slice:
    """The events of some days before a position: of pieces by ranges of their ids' hashes, one. The table is sorted by
    them within a name, so that a piece reads little of the others where names have many events each."""
    key = "toDate(time) >= toDate({first:String}) AND toDate(time) <= toDate({last:String})"
    bound: dict[str, Any] = {"first": first, "last": last, "end": end}
    if pieces > 1:
        key += f" AND {in_range('cityHash64(distinct_id)')}"
        bound |= person_ranges(pieces)[piece]
    return Slice(key, "position < {end:UInt64}", bound)


def facts_of_events(some: Slice, slots: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The statement that makes a segment of events, and its parameters."""
    bound: dict[str, Any] = dict(some.parameters)
    values, raws = _slot_values(slots, bound)
    entries = some.sql(f"event, time, {OWN} AS own, {WHO} AS who, {KEY} AS key, {readable('properties')} AS document")
    ids = some.sql("distinct_id", final=False) + " AND user_id = ''"
    rows = f"""
SELECT event, time, who, key, document, if(own = 0, 0, if(link.person != 0, link.person, own)) AS person, {values}
{rows_from(entries, "entry")} LEFT ANY JOIN ({persons_of(ids)}) AS link ON entry.who = link.who"""
    chosen = f"event, toDate(time), person, who, time, key, {', '.join(raws)}"
    return f"{_INSERT} SELECT {{project:UInt32}}, {{segment:UInt64}}, {chosen} {rows_from(rows)}{_SETTINGS}", bound


def _slot_values(slots: Sequence[str], bound: dict[str, Any]) -> tuple[str, list[str]]:
    """SQL of a tuple of typed values that one parsing of the document gives, and for each slot SQL of its raw.

    To parse once is several times as fast as to search for each name. Where types would not keep the JSON, and for
    names that are no plain words, the text is searched.
    """
    plain = [name for name in slots if _PLAIN_NAME.fullmatch(name)]
    raws = ["''"] * SLOTS
    for number, name in enumerate(slots):
        bound[f"slot_{number}"] = name
        raws[number] = f"JSONExtractRaw(document, {{slot_{number}:String}})"
        if name in plain:
            typed = f"ifNull(toJSONString(tupleElement(parsed, {plain.index(name) + 1})), '')"
            raws[number] = f"if(bitAnd(flat, {_KEPT.format(typed)}), {typed}, {raws[number]})"
    if not plain:
        return "0 AS flat", raws
    bound["slot_types"] = f"Tuple({', '.join(f'`{name}` Dynamic' for name in plain)})"
    return f"({_FLAT}) AS flat, JSONExtract(document, {{slot_types:String}}) AS parsed", raws


def facts_of_facts(but: Slice | None, where: str = "") -> tuple[str, dict[str, Any]]:
    """The statement that makes a segment of others, and its parameters. Persons are those of now.

    It binds `old`, the numbers of the others, and `links`, their `links`. `but` are late events: facts of older copies
    of them are left out. `where`: a condition on the facts that stay.
    """
    columns = ", ".join("if(link.person != 0, link.person, entry.person)" if c == "person" else c for c in _COLUMNS)
    conditions = [] if but is None else [f"(time, key) NOT IN ({_late_keys(but)})"]
    conditions += [where] if where else []
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = f"SELECT {', '.join(_COLUMNS)} {rows_in('facts', 'segment IN {old:Array(UInt64)}')}"
    persons = persons_of(newer_links("{links:UInt64}"))
    joined = f"{rows_from(rows, 'entry')} LEFT ANY JOIN ({persons}) AS link ON entry.who = link.who{where}"
    sql = f"{_INSERT} SELECT {{project:UInt32}}, {{segment:UInt64}}, {columns} {joined}{_SETTINGS}"
    return sql, dict(but.parameters) if but else {}


_ERASED: Final = f"SELECT cityHash64(id) {rows_in('erasure_ids')}"
OF_ERASED: Final = f"(person IN ({_ERASED}) OR who IN ({_ERASED}))"
"""Whether a fact is of an id that is being erased."""
ERASED_FACTS: Final = f"""
SELECT (SELECT count() {rows_in("facts", OF_ERASED)}) + (SELECT count() {rows_in(PERSONS, f"person IN ({_ERASED})")})"""
"""How many facts, and rows of times by person, are of such ids: of what counts, and of what is dropped soon."""
SEGMENTS_OF_ERASED: Final = f"SELECT DISTINCT segment {rows_in('facts', OF_ERASED, 'segment IN {live:Array(UInt64)}')}"

_SINCE: Final = "fromUnixTimestamp64Milli({since:Int64}, 'UTC')"
_STILL_THERE: Final = (
    f"SELECT time, {KEY} AS key {rows_in('events', f'toDate(time) <= toDate({_SINCE})', f'time < {_SINCE}')}"
)
OF_AGED: Final = f"(time < {_SINCE} AND (time, key) NOT IN ({_STILL_THERE}))"
"""Whether a fact is of an event before `since` that is gone. One that came under a longer retention is there."""
_AGED_DAYS: Final = f"day <= toDate({_SINCE})"
SEGMENTS_OF_AGED: Final = f"""
SELECT DISTINCT segment {rows_in("facts", "segment IN {live:Array(UInt64)}", _AGED_DAYS, OF_AGED)}"""


def segments_with_older_copies(some: Slice) -> str:
    """A query that gives the numbers of segments, of those in `live`, with facts of older copies of late events."""
    days = some.sql("toDate(time)", final=False) + f" AND {LATE}"
    conditions = (f"day IN ({days})", f"(time, key) IN ({_late_keys(some)})", "segment IN {live:Array(UInt64)}")
    return f"SELECT DISTINCT segment {rows_in('facts', *conditions)}"


def _late_keys(some: Slice) -> str:
    return some.sql(f"time, {KEY} AS key", final=False) + f" AND {LATE}"


STALE: Final = f"""
SELECT count() {rows_from(f"SELECT who, person {rows_in('facts', 'segment = {segment:UInt64}')}", "entry")}
ANY INNER JOIN ({persons_of(newer_links("{links:UInt64}"))}) AS link ON entry.who = link.who
WHERE entry.person != link.person"""
"""The number of a segment's facts whose person has changed by newer links."""
NEWER_LINKS: Final = f"SELECT count() {rows_from(newer_links('{links:UInt64}'))}"
SEGMENT_ROWS: Final = f"SELECT count() {rows_in('facts', 'segment = {segment:UInt64}')}"
DAYS: Final = f"""
SELECT toString(toDate(time)) AS day, count()
{rows_in("events", "toDate(time) >= toDate({built:String})", "position < {end:UInt64}")}
GROUP BY day ORDER BY day LIMIT 400"""
"""The next days with events, and how many rows each has."""
_BUSY_DAYS: Final = f"SELECT toDate(time) AS day {rows_in('events')} GROUP BY day ORDER BY count() DESC LIMIT 10"
_BUSY: Final = f"toDate(time) IN ({_BUSY_DAYS})"
_EACH: Final = f"(SELECT greatest(1, intDiv(count(), {{sample:UInt32}})) {rows_in('events', _BUSY)})"
_CHOSEN: Final = rows_in("events", _BUSY, f"cityHash64(insert_id) % {_EACH} = 0")
_DOCUMENTS: Final = f"SELECT {readable('properties')} AS document {_CHOSEN}"
_NAMES: Final = (
    f"SELECT arrayJoin(mapKeys(JSONExtract(document, 'Map(String, String)'))) AS name {rows_from(_DOCUMENTS)}"
)
FREQUENT: Final = f"SELECT name {rows_from(_NAMES)} GROUP BY name ORDER BY count() DESC, name LIMIT {SLOTS}"
"""The most frequent properties of about `sample` events of the days with most events."""
EVENTS: Final = f"SELECT count() {rows_in('events')}"
WORK: Final = """
SELECT project_id, sum(records), max(to_position), max(asked != rebuilds) FROM
(
    SELECT project_id, to_position, records FROM loads WHERE outcome = 'stored' AND project_id != 0
) AS load
LEFT ANY JOIN
(
    SELECT project_id, tupleElement(newest, 1) AS position, tupleElement(newest, 2) AS rebuilds FROM
    (
        SELECT project_id, argMax((if(complete, position, 0), rebuilds), sequence) AS newest FROM facts_versions
        GROUP BY project_id
    )
) AS version
USING (project_id)
LEFT ANY JOIN (SELECT project_id, count() AS asked FROM facts_rebuilds GROUP BY project_id) AS rebuild
USING (project_id)
WHERE to_position > if(asked = rebuilds, position, 0)
GROUP BY project_id ORDER BY project_id"""
"""Projects with events that are not compacted or that are to be compacted anew, about how many, the position before
which they are all loaded, and whether a rebuild was asked for."""
BATCHES: Final = """
SELECT to_position, sum(records) FROM loads
WHERE project_id = {project:UInt32} AND outcome = 'stored'
  AND to_position > {begin:UInt64} AND to_position <= {end:UInt64}
GROUP BY to_position ORDER BY to_position LIMIT 1000"""
PARTITIONS: Final = """
SELECT DISTINCT table, partition_id
FROM system.parts WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}
  AND startsWith(partition_id, {prefix:String})"""
DAMAGES: Final = "SELECT count(), countIf(state = 0) FROM damage FINAL WHERE place IN ('events', 'identity_links')"
STATES: Final = """
SELECT project_id, newest, loaded, asked FROM
(SELECT project_id, max(sequence) AS newest FROM facts_versions GROUP BY project_id) AS version
LEFT ANY JOIN (SELECT project_id, max(to_position) AS loaded FROM loads GROUP BY project_id) AS load USING (project_id)
LEFT ANY JOIN (SELECT project_id, count() AS asked FROM facts_rebuilds GROUP BY project_id) AS rebuild
USING (project_id)
ORDER BY project_id"""
"""Of each project with facts what must have changed before there is anything to tidy: its version, what is loaded, also
of links, and the rebuilds that were asked for."""
STORED: Final = """
SELECT toUInt32(splitByChar('-', partition_id)[1]) AS project, sum(cityHash64(table, name, rows, modification_time))
FROM system.parts WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}
GROUP BY project"""
"""The same of the parts that are stored of its facts, as one number."""


def read_cursor(store: Store, project_id: int) -> int:
    """The position before which all events of the project are in the store, verified and counted."""
    return int(store.query(CURSOR, {"project": project_id})[0][0])


def partition_id(project_id: int, segment: int) -> str:
    """The engine's name of a segment's partition."""
    return f"{project_id}-{segment}"


def project_of(partition: str) -> int:
    """The project of a segment's partition, or of a part of it, by its name."""
    return int(partition.partition("-")[0])
