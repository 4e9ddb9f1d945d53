"""Facts held against the events that they are made of, for some days.

Both sides are the events before the position of the facts. The side of the events computes everything from their JSON
text and all links, and shares no statement with the compactor. Rows of a side are counted, and their hashes are added
up, so that the order does not matter and nothing is kept but a row for each day and name.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from trackway.query.expressions import readable
from trackway.query.sql.events import project_events
from trackway.query.sql.facts import KEY, LATE, OWN, PERSON, SLOTS, WHO, newer_links, persons_of, slot
from trackway.query.sql.person import JOIN_SETTINGS
from trackway.query.sql.segments import Facts
from trackway.query.sql.tables import KEPT, rows_from, rows_in

_SETTINGS: Final = f"{JOIN_SETTINGS}, use_skip_indexes_if_final = 0, max_block_size = 16384"
PIECE: Final = "{pieces:UInt32} = 1 OR {key} % {pieces:UInt32} = {piece:UInt32}"
"""SQL of whether a row is of a step's piece, by a hash `{key}`."""
WITHIN: Final = "{day} >= toDate({from_date:String}) AND {day} <= toDate({to_date:String})"
"""SQL of whether a row's `{day}` is one of a step's."""
_ENDED: Final = "position < {facts_end:UInt64}"
_OF_EVENTS: Final = f"SELECT toDate(time) AS day, count() AS number {rows_in('events', KEPT, _ENDED)} GROUP BY day"
_LIVE: Final = rows_in("facts", KEPT, "segment IN {segments:Array(UInt64)}")
_BOTH: Final = f"{_OF_EVENTS} UNION ALL SELECT day, count() AS number {_LIVE} GROUP BY day"
DAYS: Final = f"SELECT toString(day) AS name, max(number) {rows_from(_BOTH)} GROUP BY day ORDER BY day"
"""The days with events or facts, and how many at most either has."""


class Step(NamedTuple):
    """Events of some days, both included, and of equal pieces of these by their keys one."""

    from_date: str
    to_date: str
    piece: int
    pieces: int


def difference(project_id: int, facts: Facts, step: Step, shown_max: int) -> tuple[str, Mapping[str, Any]]:
    """The statement that compares, and what it binds. Its one row: the numbers of facts and of events, how many names
    and days differ, and of these the first: (name, day, facts, events)."""
    within = [WITHIN.replace("{day}", "toDate(time)"), f"({PIECE.replace('{key}', KEY)})"]
    events = project_events(project_id).having(key=within)
    bound = {
        **events.parameters,
        **step._asdict(),
        "facts_end": facts.position,
        "segments": list(facts.segments),
        "slots": list(facts.slots),
        "shown": shown_max,
    }
    if facts.links is not None:
        bound["links"] = facts.links
    late = events.having(row=["position >= {facts_end:UInt64}", LATE]).select(f"time, {KEY} AS key", deduplicated=False)
    documents = events.having(row=[_ENDED]).select(
        f"event, time, {OWN} AS own, {WHO} AS id, {KEY} AS key, {readable('properties')} AS document", deduplicated=True
    )
    ids = events.having(row=[_ENDED, "user_id = ''"]).select("distinct_id", deduplicated=False)
    sides = f"{_of_facts(facts, late)} UNION ALL {_of_events(documents, ids)}"
    return f"{_compared(sides)}{_SETTINGS}", bound


def _of_facts(facts: Facts, late: str) -> str:
    """One row for each fact that counts: the name, the day, the side, and the hash of the rest."""
    used = ", ".join(slot(number) for number in range(min(len(facts.slots), SLOTS)))
    raws = f"[{used}]" if used else "emptyArrayString()"
    conditions = ["segment IN {segments:Array(UInt64)}", KEPT, WITHIN.replace("{day}", "day")]
    conditions += [f"({PIECE.replace('{key}', 'key')})", f"(time, key) NOT IN ({late})"]
    rows = f"SELECT event, day, time, key, person AS stored, who AS id, {raws} AS raws {rows_in('facts', *conditions)}"
    if facts.links is None:
        return f"SELECT event, day, 0 AS side, {_hash('stored')} {rows_from(rows)}"
    person = "if(link.person != 0, link.person, stored)"
    joined = f"LEFT ANY JOIN ({persons_of(newer_links('{links:UInt64}'))}) AS link ON entry.id = link.who"
    return f"SELECT event, day, 0 AS side, {_hash(person)} {rows_from(rows, 'entry')} {joined}"


def _of_events(documents: str, ids: str) -> str:
    """The same for events. Each property is searched in the text, which is slow, and what a slot promises."""
    found = "arrayMap(name -> JSONExtractRaw(document, name), {slots:Array(String)}) AS raws"
    rows = f"SELECT event, toDate(time) AS day, time, own, id, key, {found} {rows_from(documents)}"
    joined = f"LEFT ANY JOIN ({persons_of(ids)}) AS link ON entry.id = link.who"
    return f"SELECT event, day, 1 AS side, {_hash(PERSON)} {rows_from(rows, 'entry')} {joined}"


def _hash(person: str) -> str:
    return f"cityHash64(toUnixTimestamp64Milli(time), key, {person}, raws) AS hash"


def _compared(sides: str) -> str:
    sums = "countIf(side = 0) AS facts, countIf(side = 1) AS events, sumIf(hash, side = 0) != sumIf(hash, side = 1)"
    groups = f"SELECT event, day, {sums} AS differs {rows_from(sides)} GROUP BY event, day"
    shown = "(event, toString(day), facts, events)"
    first = f"arraySlice(arraySort(groupArrayIf({shown}, differs OR facts != events)), 1, {{shown:UInt32}})"
    return f"SELECT sum(facts), sum(events), countIf(differs OR facts != events), {first} {rows_from(groups)}"


def steps_of(days: Sequence[tuple[str, int]], events_max: int) -> list[tuple[Step, int]]:
    """Steps over all these days, and about how many events each has: at most so many, or those of one piece."""
    made: list[tuple[Step, int]] = []
    for day, number in days:
        pieces = -(-number // events_max)
        if pieces > 1:
            made += [(Step(day, day, piece, pieces), number // pieces) for piece in range(pieces)]
        elif made and made[-1][0].pieces == 1 and made[-1][1] + number <= events_max:
            made[-1] = Step(made[-1][0].from_date, day, 0, 1), made[-1][1] + number
        else:
            made.append((Step(day, day, 0, 1), number))
    return made
