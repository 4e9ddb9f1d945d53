"""What is derived from facts, held against the facts: counts, sums, hours and times of the segments that count.

A statement compares some days. The facts are grouped again, by segment, name, hour, slot and, for counts and hours,
value. So any row that is missing, strange, or of another number is found, and nothing is hashed. Only rows that reports
read are compared. Whole numbers are added up without an error. Other sums depend on the order of their numbers. So two
sums of n numbers are equal if they differ by at most 2n × 2^-53 of the sum of the magnitudes: rounding can do no more.

Times that are kept by person are held against the facts event by event, by their hashes: those of each segment, and
those of several segments together.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from trackway.query.limits import FACTS_CHECK_MEMORY_BYTES_MAX
from trackway.query.sql.facts import SLOTS, moved_persons, number_of, slot
from trackway.query.sql.facts_check import PIECE, WITHIN, Step
from trackway.query.sql.projection import NOBODY
from trackway.query.sql.segments import (
    COUNTS,
    HOURS,
    HOURS_PERIOD_DAYS,
    NO_SLOT,
    PERIOD_DAYS,
    PERSONS,
    SUMS,
    Derived,
    Facts,
)
from trackway.query.sql.selector import ACTIVITY
from trackway.query.sql.tables import rows_from, rows_in

_DAY_MS: Final = 86_400_000
_HOUR_OF_MS: Final = "intDiv(ms, 3600000) * 3600000"
_HOUR_MS: Final = "toUnixTimestamp64Milli(time)"
_HOUR_OF_FACT_MS: Final = f"intDiv({_HOUR_MS}, 3600000) * 3600000"
_LISTED: Final = "arrayElement({derived_slots:Array(Array(UInt8))}, indexOf({derived_segments:Array(UInt64)}, number))"
"""The slots of which there are derived rows under a `number`."""
_IS_LISTED: Final = f"has({_LISTED.replace('number', 'segment')}, slot)"
"""Whether a derived row is of such a slot."""
_SEGMENTS: Final = "segment IN {derived_segments:Array(UInt64)}"
_COVERED: Final = "segment IN {covered:Array(UInt64)}"
_NUMBER: Final = "transform(segment, {covered:Array(UInt64)}, {covered_by:Array(UInt64)}) AS number"
"""The number under which rows are derived from a fact: that of its segment, or of the rollup of it."""
_SETTINGS: Final = (
    f" SETTINGS max_block_size = 4096, max_bytes_before_external_group_by = {FACTS_CHECK_MEMORY_BYTES_MAX}"
)
_ROUNDED: Final = "if(whole AND magnitude <= exp2(53), 0, 2 * facts_of * magnitude / exp2(53))"
_SUM_DIFFERS: Final = f"isFinite(magnitude) AND NOT (total = kept OR abs(total - kept) <= {_ROUNDED})"
"""Of numbers whose sum overflows, rounding alone decides what is kept. NaN is never equal."""


class Question(NamedTuple):
    """A statement about one table of derived rows. Its one row: how many names, days and slots differ, and of these the
    first: (name, day, slot, facts, events)."""

    table: str
    sql: str
    parameters: Mapping[str, Any]


def derived_differences(facts: Facts, step: Step, shown_max: int) -> Iterator[Question]:
    """The statements that compare, of tables that have rows of the facts that count."""
    asked = {**step._asdict(), "shown": shown_max}
    moved = moved_persons(facts)
    if moved:
        asked["links"] = facts.links
    for table, of_segments, of_rollups in (
        (COUNTS, _counts(), ""),
        (SUMS, _sums(), ""),
        (HOURS, "", _hours()),
        (PERSONS, _persons(""), _persons(moved)),
    ):
        found = [each for each in facts.derived if each.table == table and each.slots]
        alone = [each for each in found if each.segment not in facts.rollups]
        together = [each for each in found if each.segment in facts.rollups]
        for compared, some in ((of_segments, alone), (of_rollups, together)):
            if some:
                yield Question(table, f"{_first(compared)}{_SETTINGS}", {**asked, **_bound(some, facts.rollups)})


def _bound(found: Sequence[Derived], rollups: Mapping[int, Sequence[int]]) -> dict[str, Any]:
    covered = {each.segment: rollups.get(each.segment, [each.segment]) for each in found}
    return {
        "derived_segments": list(covered),
        "derived_slots": [list(each.slots) for each in found],
        "covered": [segment for segments in covered.values() for segment in segments],
        "covered_by": [number for number, segments in covered.items() for _ in segments],
    }


def _facts(pair: str) -> str:
    """One row for each fact and slot: `pair` is SQL of a value of the slot `n`, whose raw is `raws[n + 1]`."""
    raws = f"[{', '.join(slot(number) for number in range(SLOTS))}]"
    pairs = f"arrayJoin(arrayMap(n -> (n, {pair}), {_LISTED})) AS pair"
    rows = f"SELECT {_NUMBER}, event, day, {_HOUR_OF_FACT_MS} AS hour, {raws} AS raws"
    chosen = rows_in("facts", _COVERED, WITHIN.replace("{day}", "day"), _piece(_HOUR_OF_FACT_MS))
    return f"SELECT number, event, day, hour, {pairs} {rows_from(f'{rows} {chosen}')}"


def _held(table: str) -> str:
    return rows_in(table, _SEGMENTS, WITHIN.replace("{day}", "day"), _piece(_HOUR_MS), _IS_LISTED)


def _piece(hour: str) -> str:
    """Facts that are counted in one row are in one piece."""
    return f"({PIECE.replace('{key}', f'cityHash64(event, {hour})')})"


def _counts() -> str:
    """Rows with event, day, slot, facts, events, differs."""
    row = f"segment AS number, event, day, {_HOUR_MS} AS hour, slot, raw, 0 AS facts, events AS held"
    return _by_value(f"SELECT {row} {_held(COUNTS)}")


def _hours() -> str:
    """The same. An hour of another period than its row is held under no slot, where no fact is."""
    rows = "SELECT segment, event, period, slot AS own, raw, arrayJoin(hours) AS each"
    rows += f" {rows_in(HOURS, _SEGMENTS, _IS_LISTED)}"
    slot_of_period = f"if(intDiv(each, {HOURS_PERIOD_DAYS * 24}) = period, own, {NO_SLOT}) AS slot"
    time = "toDate(toUInt16(intDiv(each, 24))) AS day, toInt64(each) * 3600000 AS hour"
    held = f"SELECT segment AS number, event, {time}, {slot_of_period}, raw, 0 AS facts, 1 AS held {rows_from(rows)}"
    return _by_value(f"{held} WHERE {WITHIN.replace('{day}', 'day')} AND {_piece('hour')}")


def _by_value(held: str) -> str:
    """The same of facts and of numbers that are `held` of them by name, hour, slot and value."""
    key = "number, event, day, hour"
    raw = f"if(n = {NO_SLOT}, '', raws[n + 1])"
    of_facts = f"SELECT {key}, pair.1 AS slot, pair.2 AS raw, 1 AS facts, 0 AS held {rows_from(_facts(raw))}"
    both = f"{of_facts} UNION ALL {held}"
    sums = f"SELECT event, day, slot, sum(facts) AS made, sum(held) AS events {rows_from(both)}"
    rows = f"{sums} GROUP BY {key}, slot, raw"
    return f"SELECT event, day, slot, made AS facts, events, made != events AS differs {rows_from(rows)}"


def _sums() -> str:
    """The same. A sum that is missing is of 0 events."""
    key = "number, event, day, hour"
    number = number_of("raws[n + 1]")
    of_facts = f"""
SELECT {key}, pair.1 AS slot, 1 AS facts, 0 AS events, pair.2 AS made, 0. AS held_total {rows_from(_facts(number))}"""
    held = f"""
SELECT segment AS number, event, day, {_HOUR_MS} AS hour, slot, 0 AS facts, events, 0. AS made, total AS held_total
{_held(SUMS)}"""
    both = f"{of_facts} UNION ALL {held}"
    sums = """
SELECT event, day, slot, sum(facts) AS facts_of, sum(events) AS events_of, sum(made) AS total, sum(held_total) AS kept,
    sum(abs(made)) AS magnitude, min(made = trunc(made)) AS whole"""
    rows = f"{sums} {rows_from(both)} GROUP BY {key}, slot"
    differs = f"facts_of != events_of OR {_SUM_DIFFERS} AS differs"
    return f"SELECT event, day, slot, facts_of AS facts, events_of AS events, {differs} {rows_from(rows)}"


def _persons(moved: str) -> str:
    """The same. Facts and times are counted by name and day, and their hashes are added up.

    `moved`: a query's text that gives persons who are left out, '' for none. The segments of a rollup may have been
    written again, with newer links, since their times were put together."""
    but = f" AND person NOT IN ({moved})" if moved else ""
    ms = "toUnixTimestamp64Milli(time)"
    hash = f"cityHash64(number, person, {ACTIVITY}, ms) AS hash"
    within, piece = WITHIN.replace("{day}", "day"), f"({PIECE.replace('{key}', f'cityHash64(event, {_HOUR_OF_MS})')})"
    facts = rows_in("facts", f"{_COVERED}{but}", within, f"person != {NOBODY}")
    made = f"SELECT toString(event) AS event, day, {ms} AS ms, 1 AS side, {_NUMBER}, {hash} {facts} AND {piece}"
    days = "first_day <= toDate({to_date:String}) AND last_day >= toDate({from_date:String})"
    pairs = "arrayJoin(arrayZip(times, events)) AS pair"
    first, last = (f"period * {PERIOD_DAYS} + intDiv(times[{place}], {_DAY_MS})" for place in (1, -1))
    is_right = f"(first_day = toDate(toUInt16({first})) AND last_day = toDate(toUInt16({last}))) AS is_right"
    kept = f"SELECT segment AS number, person, active, period, {is_right}, {pairs}"
    kept += f" {rows_in(PERSONS, f'{_SEGMENTS}{but}', days)}"
    each = f"SELECT *, toString(pair.2) AS event, toInt64(period) * {PERIOD_DAYS * _DAY_MS} + pair.1 AS ms"
    each += f", toDate(toUInt16(intDiv(ms, {_DAY_MS}))) AS day {rows_from(kept)}"
    hash = "cityHash64(number, person, if(is_right, active, 2), ms) AS hash"
    held = f"SELECT event, day, ms, 2 AS side, number, {hash} {rows_from(each)} WHERE {within} AND {piece}"
    sums = "countIf(side = 1) AS facts, countIf(side = 2) AS events, sumIf(hash, side = 1) != sumIf(hash, side = 2)"
    rows = f"{made} UNION ALL {held}"
    return f"SELECT event, day, {NO_SLOT} AS slot, {sums} AS differs {rows_from(rows)} GROUP BY event, day"


def _first(rows: str) -> str:
    sums = "sum(facts) AS made, sum(events) AS counted, max(differs) AS differing"
    groups = f"SELECT event, day, slot, {sums} {rows_from(rows)} GROUP BY event, day, slot HAVING differing"
    shown = "(event, toString(day), slot, made, counted)"
    return f"SELECT count(), arraySlice(arraySort(groupArray({shown})), 1, {{shown:UInt32}}) {rows_from(groups)}"
