"""What a flow is: the events around its anchors, in columns (docs/reports.md).

Anchors are followed as the steps of a funnel are. The columns before an anchor have the last events before it, those
after it the first events after it.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from trackway.query.expressions import Expression
from trackway.query.reports.insights import InCohort
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.selector import Selector


class Count(StrEnum):
    """What is counted: persons by their first flow, all flows, or sessions by their first flow."""

    UNIQUE = "unique"
    TOTAL = "total"
    SESSION = "session"


class Side(StrEnum):
    """What a column is to its anchor."""

    BEFORE = "before"
    ANCHOR = "anchor"
    AFTER = "after"


class Anchor(NamedTuple):
    """An event that flows go through, and the numbers of columns beside it. `label` is shown."""

    selector: Selector
    label: str
    forward: int
    reverse: int


class FlowQuestion(NamedTuple):
    """What to follow. A flow begins with an event of the first anchor within `days`.

    `window_ms`: how long before and after its begin a flow goes; None is its session. `where` is a condition on all
    events. `hidden`: names of events that are passed over. `excluded`: names of events whose flows are left out.
    `collapses`: events of one name in a row are one.
    """

    project_id: int
    anchors: Sequence[Anchor]
    days: Buckets
    window_ms: int | None
    counted: Count = Count.UNIQUE
    where: Expression | None = None
    cohort: InCohort | None = None
    hidden: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    collapses: bool = False

    def columns(self) -> list[Side]:
        """The columns of the anchors, one anchor after the other."""
        return [
            side
            for anchor in self.anchors
            for side in (*[Side.BEFORE] * anchor.reverse, Side.ANCHOR, *[Side.AFTER] * anchor.forward)
        ]


Shown = tuple[tuple[int, str], ...]
"""What is shown of a flow: columns and names of events, in order. In the column of an anchor it is the label."""
