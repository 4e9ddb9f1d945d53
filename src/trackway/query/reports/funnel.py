"""What a funnel is: steps in their order, and the rules by which a person's events become a try (docs/reports.md)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from trackway.query.expressions import Expression
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.selector import Selector

GRACE_MS: Final = 2000
"""An event that is less than this before another counts as after it."""


class Count(StrEnum):
    """What is counted: persons, each once in a bucket, or all tries."""

    UNIQUE = "unique"
    GENERAL = "general"


class Order(StrEnum):
    """`loose`: each step after the one before, with anything between. `any`: all after the first in any order."""

    LOOSE = "loose"
    ANY = "any"


class Reentry(StrEnum):
    """`first`: a first step within a try is ignored. `optimized`: each first step begins a try."""

    FIRST = "first"
    OPTIMIZED = "optimized"


class Step(NamedTuple):
    """A step. `label` is shown."""

    selector: Selector
    label: str


class Exclusion(NamedTuple):
    """Events that end a try between the steps `begin` and `end`, which count from 1."""

    selector: Selector
    begin: int
    end: int


class Funnel(NamedTuple):
    """A funnel, saved or asked for. `window_ms`: the time from the first step to the last. `held`: expressions whose
    values must be the same in all steps of a try."""

    steps: Sequence[Step]
    window_ms: int
    counted: Count = Count.UNIQUE
    order: Order = Order.LOOSE
    reentry: Reentry = Reentry.FIRST
    exclusions: Sequence[Exclusion] = ()
    held: Sequence[Expression] = ()


class FunnelQuestion(NamedTuple):
    """What to count. A try is in the bucket of its first step. `where` is a condition on events of all steps. `on`: the
    breakdown by the value of the first step that has one, whose `limit` values with most tries are given."""

    project_id: int
    funnel: Funnel
    buckets: Buckets
    where: Expression | None = None
    on: Expression | None = None
    limit: int = 1


class StepNumbers(NamedTuple):
    """How many persons or tries came to a step, how many tries did, and the times of these tries from the step before
    and from the first step: the sums in milliseconds, and the medians in whole seconds."""

    reached: int
    tries: int = 0
    since_previous_ms: int = 0
    since_first_ms: int = 0
    median_since_previous_s: int = 0
    median_since_first_s: int = 0


FunnelNumbers = dict[str, list[StepNumbers]]
"""By bucket, the numbers of each step. Buckets without tries are left out."""
