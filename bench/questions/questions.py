"""The questions: what each is called, about which days it asks, and what an answer looks like.

An answer is a mapping from a key, a tuple of texts and numbers, to a number. What counted nothing is left out: a reply
of the API has zeros where a statement has no row.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from bench.questions.data import DAYS, FIRST_DAY

Answer = Mapping[tuple[Any, ...], float]

FUNNEL_DAYS: Final = 30
WINDOW_DAYS: Final = 7
RETURN_BUCKETS: Final = 31
"""Day 0 to day 30 after the first event."""
VALUES_MAX: Final = 60
"""What a breakdown of the API shows when nobody says more."""
_CLOSE: Final = 1e-9
"""Sums of doubles in another order differ in their last digits."""


class Days(NamedTuple):
    """The days asked about, both included."""

    from_date: date
    to_date: date


class Question(NamedTuple):
    """`name` is that of its statements. `days`: of how many it asks; None is as many as there are."""

    name: str
    label: str
    days: int | None = None

    def asked(self, number: int, rounds: int) -> Days:
        """The days of a round, other ones in each. `number` counts from 0."""
        begin = FIRST_DAY + timedelta(number)
        return Days(begin, begin + timedelta((self.days or DAYS - rounds + 1) - 1))


QUESTIONS: Final = (
    Question("names", "events by name and day"),
    Question("persons", "unique persons a day"),
    Question("few_values", "events by a property of 5 values and day"),
    Question("many_values", "events by a property of 50,000 values and day"),
    Question("funnel", "funnel of three steps, 30 days", FUNNEL_DAYS),
    Question("retention", "retention over 30 days, born within 30 days", FUNNEL_DAYS),
    Question("sum", "sum of a property by day"),
)


def answer(rows: Iterable[tuple[Any, ...]]) -> Answer:
    """The answer in rows of key and number."""
    return {tuple(key): float(number) for *key, number in rows if number}


def check_equal(name: str, expected: Answer, found: Answer) -> None:
    """Raises RuntimeError that shows a difference between two answers to one question."""
    for key in sorted(expected.keys() | found.keys(), key=repr):
        there, here = expected.get(key, 0.0), found.get(key, 0.0)
        if not math.isclose(there, here, rel_tol=_CLOSE):
            raise RuntimeError(f"{name}: DuckDB says {there:,} at {key}, trackway {here:,}")
    if not expected:
        raise RuntimeError(f"{name}: nothing was counted")
