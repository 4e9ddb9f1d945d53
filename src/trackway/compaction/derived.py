"""Rows that are derived from the facts of a segment: how many facts have a name, lie in an hour and have a value, and
what the sums of their numbers are. What is derived by person is made in `compaction.persons`.

A report that reads nothing else of an event finds the answer in a few thousand rows. They are made of the segment that
was just written, before the version that names it, so they count with it or not at all. Only slots whose rows are far
fewer than the facts get any: of others a report reads the facts.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from trackway.compaction.derived_rows import at_once, grouping, written
from trackway.compaction.limits import (
    COUNTED_AT_ONCE,
    COUNTED_BYTES_MAX,
    COUNTED_FEW_ROWS,
    COUNTED_MEMORY_BYTES_MAX,
    COUNTED_SHARE,
    SURVEYED_ROWS,
)
from trackway.compaction.persons import derive_persons
from trackway.query.expressions import Kind, is_raw
from trackway.query.sql.facts import number_of, slot
from trackway.query.sql.segments import COUNTS, NO_SLOT, SUMS, Derived
from trackway.query.sql.tables import rows_from, rows_in
from trackway.store.client import Store

_HOUR_MS: Final = 3_600_000
_HOUR: Final = f"fromUnixTimestamp64Milli(intDiv(toUnixTimestamp64Milli(time), {_HOUR_MS}) * {_HOUR_MS}, 'UTC')"
_SEGMENT: Final = "segment = {segment:UInt64}"
_KEY: Final = "{project:UInt32}, {segment:UInt64}"
_OLD: Final = ("segment IN {old:Array(UInt64)}", "slot IN {slots:Array(UInt8)}")
_SETTINGS: Final = grouping(COUNTED_MEMORY_BYTES_MAX)


_COLUMNS: Final = {
    COUNTS: ("slot, event, day, time, raw", "events"),
    SUMS: ("slot, event, day, time", "events, total"),
}
"""The columns of each table: those of its key after project and segment, and those that are added up."""


def _added_up(table: str) -> str:
    """The statement that adds up the rows of some slots of the segments `old`."""
    key, added = _COLUMNS[table]
    insert = f"INSERT INTO {table} (project_id, segment, {key}, {added})"
    sums = ", ".join(f"sum({name})" for name in added.split(", "))
    return f"{insert} SELECT {_KEY}, {key}, {sums} {rows_in(table, *_OLD)} GROUP BY {key} {_SETTINGS}"


class _Slots(NamedTuple):
    """Slots of a segment that have few rows by value, NO_SLOT among them, and those with numbers."""

    counted: Sequence[int]
    summed: Sequence[int]


def derive(
    store: Store, project_id: int, segment: int, rows: int, slots: int, old: Sequence[Collection[Derived]] = ()
) -> tuple[Derived, ...]:
    """Write what is derived from a segment of so many rows, whose project has so many slots.

    `old`: what was derived from each of the segments whose facts are those of this one, if that is known. Their rows
    are added up, which takes a small part of the time of counting facts. Raises StorageError.
    """
    asked = {"project": project_id, "segment": segment}
    counted, summed = _in_all(COUNTS, old), _in_all(SUMS, old)
    others = [number for number in (NO_SLOT, *range(slots)) if number not in counted]
    found = _slots(store, asked | {"every": max(rows // SURVEYED_ROWS, 1)}, others)
    numbers: list[int] = []
    if NO_SLOT in (*counted, *found.counted):
        numbers = sorted({*found.summed, *_in_any(SUMS, old)}.difference(summed))
    made = []
    for table, shared, more, statements in (
        (COUNTS, counted, found.counted, _counts(found.counted)),
        (SUMS, summed, numbers, _sums(numbers)),
    ):
        if shared:
            segments = [each.segment for several in old for each in several if each.table == table]
            store.command(_added_up(table), asked | {"old": segments, "slots": shared})
        for statement in statements:
            store.command(statement, asked)
        made.append(written(store, table, asked, (*shared, *more)))
    return (*made, at_once(derive_persons(store, project_id, segment, [segment], rows)))


def _in_all(table: str, old: Sequence[Collection[Derived]]) -> list[int]:
    """The slots of which a table has rows for all segments."""
    each = [{slot for found in several if found.table == table for slot in found.slots} for several in old]
    return sorted(set.intersection(*each)) if each else []


def _in_any(table: str, old: Sequence[Collection[Derived]]) -> set[int]:
    return {slot for several in old for found in several if found.table == table for slot in found.slots}


def _slots(store: Store, asked: Mapping[str, int], numbers: Sequence[int]) -> _Slots:
    """Which of these slots have few rows. `asked` has `every`: of so many pairs of name and hour, the facts of one are
    looked at."""
    if not numbers:
        return _Slots((), ())
    columns = {number: "''" if number == NO_SLOT else slot(number) for number in numbers}
    place = f"cityHash64(event, {_HOUR}) AS place"
    some = rows_in("facts", _SEGMENT, "place % {every:UInt64} = 0")
    facts = f"SELECT {', '.join([place, *(raw for number, raw in columns.items() if number != NO_SLOT)])} {some}"
    each = [
        f"uniq(cityHash64(place, {raw})), max(length({raw})), max({is_raw(raw, Kind.NUMBER)})"
        for raw in columns.values()
    ]
    [(rows, *found)] = store.query(f"SELECT count(), {', '.join(each)} {rows_from(facts)} {_SETTINGS}", asked)
    most = max(int(rows) // COUNTED_SHARE, COUNTED_FEW_ROWS // asked["every"])
    sizes = list(zip(numbers, found[::3], found[1::3], found[2::3], strict=True))
    counted = [number for number, groups, bytes, _ in sizes if groups <= most and bytes <= COUNTED_BYTES_MAX]
    return _Slots(counted, [number for number, *_, is_number in sizes if is_number])


def _counts(slots: Sequence[int]) -> Iterator[str]:
    """The statements that count a segment's facts by these slots."""
    insert = f"INSERT INTO {COUNTS} (project_id, segment, slot, event, day, time, raw, events)"
    for begin in range(0, len(slots), COUNTED_AT_ONCE):
        yield f"{insert} {' UNION ALL '.join(map(_of_slot, slots[begin : begin + COUNTED_AT_ONCE]))} {_SETTINGS}"


def _of_slot(number: int) -> str:
    raw = "''" if number == NO_SLOT else slot(number)
    facts = f"SELECT event, day, {_HOUR} AS hour, {raw} AS raw {rows_in('facts', _SEGMENT)}"
    return f"SELECT {_KEY}, {number}, event, day, hour, raw, count() {rows_from(facts)} GROUP BY event, day, hour, raw"


def _sums(slots: Sequence[int]) -> Iterator[str]:
    """The statement that adds up the numbers of these slots, none without slots."""
    if not slots:
        return
    insert = f"INSERT INTO {SUMS} (project_id, segment, slot, event, day, time, events, total)"
    facts = f"SELECT event, day, {_HOUR} AS hour, {', '.join(map(slot, slots))} {rows_in('facts', _SEGMENT)}"
    pairs = ", ".join(f"(toUInt8({number}), sum({number_of(slot(number))}))" for number in slots)
    sums = (
        f"SELECT event, day, hour, count() AS events, [{pairs}] AS pairs {rows_from(facts)} GROUP BY event, day, hour"
    )
    each = f"SELECT event, day, hour, events, arrayJoin(pairs) AS pair {rows_from(sums)}"
    yield f"{insert} SELECT {_KEY}, pair.1, event, day, hour, events, pair.2 {rows_from(each)} {_SETTINGS}"
