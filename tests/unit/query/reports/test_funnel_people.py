"""The persons of a funnel: as many as the funnel counts, whatever its rules."""

from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.query.expressions import Property
from trackway.query.reports.funnel import Count, Exclusion, Funnel, FunnelQuestion, Order, Reentry, Step
from trackway.query.reports.funnel_events import BITS
from trackway.query.reports.funnel_people import Chosen, PeopleChoice
from trackway.query.reports.funnel_totals import FunnelTotals
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import UTC_DAYS
from trackway.query.sql.selector import Selector

DAY = date(2025, 3, 1)
BEGIN_MS = UTC_DAYS.start_ms(DAY)
STEPS = [Step(Selector(name), name) for name in ("a", "b", "a")]
VALUES = ("x", "y")
EVENTS = st.tuples(st.integers(0, 40), st.sampled_from([1, 2, 1, 2, 4]), st.sampled_from(VALUES))
PERSONS = st.lists(st.lists(EVENTS, min_size=1, max_size=10), max_size=8)


def question(counted: Count, order: Order, reentry: Reentry) -> FunnelQuestion:
    exclusions = [Exclusion(Selector("c"), 1, 3)] if order is Order.LOOSE else []
    funnel = Funnel(STEPS, 20_000, counted, order, reentry, exclusions)
    return FunnelQuestion(1, funnel, Buckets(UTC_DAYS, DAY, DAY), on=Property(1, False, "plan"), limit=9)


def row(person: Sequence[tuple[int, int, str]]) -> list[list[object]]:
    return sorted([(BEGIN_MS + second * 1000) << BITS | bits, [value]] for second, bits, value in person)


@pytest.mark.parametrize("reentry", Reentry)
@pytest.mark.parametrize("order", Order)
@given(persons=PERSONS)
def test_there_are_as_many_as_the_funnel_counts(
    order: Order, reentry: Reentry, persons: list[list[tuple[int, int, str]]]
) -> None:
    asked = question(Count.UNIQUE, order, reentry)
    totals = FunnelTotals(asked)
    totals.add([[row(person)] for person in persons])
    for value, found in [(None, totals.all()), *totals.by_value().items()]:
        [steps] = found.values() or [[]]
        came = [each.reached for each in steps] or [0] * len(STEPS)
        for step, number in enumerate(came, 1):
            left = number - (came[step] if step < len(came) else 0)
            for gave_up, expected in ((False, number), (True, left)):
                people = PeopleChoice(asked, Chosen(step, gave_up, value), 3)
                people.add([[row(person), who] for who, person in enumerate(persons, 1)])
                listed = people.all()
                assert listed.number == expected
                assert len(listed.latest) == min(expected, 3)


def test_those_who_began_last_are_kept_with_the_times_of_their_tries() -> None:
    asked = question(Count.UNIQUE, Order.LOOSE, Reentry.FIRST)
    people = PeopleChoice(asked, Chosen(2, False), 2)
    seconds = {7: 5, 8: 20, 9: 12, 10: 30}
    people.add([[row([(begin, 1, "x"), (begin + 3, 2, "x")]), who] for who, begin in seconds.items()])
    found = people.all()
    assert found.number == 4
    assert [(each.who, each.began_ms - BEGIN_MS, each.last_ms - BEGIN_MS, each.reached) for each in found.latest] == [
        (10, 30_000, 33_000, 2),
        (8, 20_000, 23_000, 2),
    ]


def test_where_tries_are_counted_a_person_is_listed_once() -> None:
    asked = question(Count.GENERAL, Order.LOOSE, Reentry.FIRST)
    person = row([(0, 1, "x"), (30, 1, "x")])
    people = PeopleChoice(asked, Chosen(1, True), 5)
    people.add([[person, 7]])
    assert people.all().number == 1
