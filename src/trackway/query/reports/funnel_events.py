"""The events that a funnel is about, by person."""

from typing import Final, NamedTuple

from trackway.query.reports.funnel import GRACE_MS, FunnelQuestion
from trackway.query.reports.run import Statement
from trackway.query.sql.person import Known
from trackway.query.sql.projection import NOBODY, Projection
from trackway.query.sql.scope import TIME_MS
from trackway.query.sql.selector import Selector, named_by
from trackway.query.sql.tables import rows_from

BITS: Final = 20
"""How many choices have their bits in one number with a time of 43 bits."""
_PARTS: Final = 32
"""Parts of the persons of a plain funnel. Each is a list that must have room in an edge process, and each costs the
store the same again: 256 took a quarter more of its processor time than 64, and 64 a tenth more than 16."""


class Choice(NamedTuple):
    """Which events a step or an exclusion is about; those of steps meet the condition of the question, too."""

    selector: Selector
    is_step: bool


def choices_of(asked: FunnelQuestion) -> list[Choice]:
    """The different choices of a funnel, the first step's first."""
    steps = (Choice(step.selector, True) for step in asked.funnel.steps)
    return list(dict.fromkeys((*steps, *(Choice(each.selector, False) for each in asked.funnel.exclusions))))


def funnel_events(asked: FunnelQuestion, known: Known, *, with_who: bool = False) -> Statement:
    """Rows of persons who have a first step in the range: the list of the person's events, in the order of time; and
    with `with_who` the person's number.

    An event is a number, its time in milliseconds since the epoch, times 2**BITS, and the bits of the first
    BITS choices. Where there are more choices, held values or a breakdown it is a list of this number, the bits of
    further choices, the held values, and the breakdown's keys. Events before the range may be steps by the grace, and
    events after it may be steps or exclusions. Raises ExpressionError for expressions whose SQL is too large.
    """
    funnel = asked.funnel
    projection, chosen = _chosen(asked, known)
    projection.parameters |= dict(zip(("begin", "before"), asked.buckets.bounds_ms, strict=True))
    held = [f"held_{number}" for number in range(len(funnel.held))]
    for name, expression in zip(held, funnel.held, strict=True):
        projection.add_keys(name, expression)
    if asked.on is not None:
        projection.add_keys("keys", asked.on)
    rows = projection.rows()
    words = [_bits(chosen[begin : begin + BITS]) for begin in range(0, len(chosen), BITS)]
    event = [f"t * {1 << BITS} + {words[0]}", *words[1:]]
    event += [f"[{', '.join(held)}]"] * bool(held) + ["keys"] * (asked.on is not None)
    each = f"({', '.join(event)})" if len(event) > 1 else event[0]
    sql = f"SELECT who, {each} AS each, {chosen[0]} AND t >= {{begin:UInt64}} AND t < {{before:UInt64}} AS begins"
    sql += f" {rows.sql} WHERE who != {NOBODY} AND ({' OR '.join(chosen)})"
    columns = "arraySort(groupArray(each)) AS events" + ", who" * with_who
    sql = f"SELECT {columns} {rows_from(sql)} GROUP BY who HAVING countIf(begins) > 0"
    return Statement(f"{sql}{rows.settings}", rows.parameters)


def plain_events(asked: FunnelQuestion, known: Known) -> Statement:
    """Rows of two lists: of events the person's number, and the event. All events of a person are in one row, in any
    order. An event is a number: its time in milliseconds since the epoch, times 2**choices, and the bits of the
    choices.

    For a question with BITS choices at most, without held values and breakdown. Raises as `funnel_events`.
    """
    projection, chosen = _chosen(asked, known)
    rows = projection.rows()
    each = f"SELECT who, t * {1 << len(chosen)} + {_bits(chosen)} AS each {rows.sql} WHERE who != {NOBODY}"
    if asked.where is not None or any(choice.selector.where is not None for choice in choices_of(asked)):
        each += f" AND ({' OR '.join(chosen)})"  # of names alone, no other event is read
    # A few long lists cost half of what a list of each person does. numpy sorts them faster than the store.
    sql = f"SELECT groupArray(who), groupArray(each) {rows_from(each)} GROUP BY toUInt64(who % {_PARTS})"
    # In two levels, which a small number cannot have, parts go to the disk where there is no room, and come one by one.
    return Statement(f"{sql}{rows.settings}, group_by_two_level_threshold = 1", rows.parameters)


def _chosen(asked: FunnelQuestion, known: Known) -> tuple[Projection, list[str]]:
    """A projection with `who`, `t`, and what the SQL of each choice refers to, which is the other value."""
    choices = choices_of(asked)
    from_ms, before_ms = asked.buckets.bounds_ms
    read_ms = from_ms - GRACE_MS * len(asked.funnel.steps)
    events = named_by(asked.project_id, [each.selector for each in choices])
    projection = Projection(events.between(read_ms, before_ms + asked.funnel.window_ms + GRACE_MS), known)
    projection.add_who()
    projection.add("t", f"toUInt64({TIME_MS})")
    return projection, _add_choices(projection, asked, choices)


def _add_choices(projection: Projection, asked: FunnelQuestion, choices: list[Choice]) -> list[str]:
    """SQL over the projection's rows of whether each choice is about the event."""
    if asked.where is not None:
        projection.add_condition("meets", asked.where)
    chosen = []
    for number, choice in enumerate(choices):
        projection.add_choice(f"chosen_{number}", choice.selector)
        restricted = choice.is_step and asked.where is not None
        chosen.append(f"(chosen_{number} AND meets)" if restricted else f"chosen_{number}")
    return chosen


def _bits(chosen: list[str]) -> str:
    return f"({' + '.join(f'{sql} * {1 << number}' for number, sql in enumerate(chosen))})"
