"""The events that flows are about: all events of the persons who have the first anchor.

Where each person has one flow, this is its anchors and few events beside them. Then the store finds these itself
(`flow_neighbors`), and Python gets a handful of events a person instead of all.
"""

from trackway.query.expressions import Expression
from trackway.query.expressions.tree import Junction
from trackway.query.reports.flow import Count, FlowQuestion
from trackway.query.reports.flow_neighbors import neighbors
from trackway.query.reports.funnel import GRACE_MS
from trackway.query.reports.run import Statement
from trackway.query.reports.sessions import IN_SESSIONS
from trackway.query.sql import cohort
from trackway.query.sql.person import Known
from trackway.query.sql.projection import NOBODY, Projection
from trackway.query.sql.scope import TIME_MS
from trackway.query.sql.selector import ACTIVITY, Selector, named_by


def is_short(asked: FlowQuestion) -> bool:
    """Whether a person has one flow, and its events beside the anchors follow from their order alone."""
    return asked.counted is Count.UNIQUE and asked.window_ms is not None


def flow_events(asked: FlowQuestion, known: Known) -> Statement:
    """Rows of a person's number, a time in milliseconds since the epoch, the event's name, the bits of the anchors that
    it is, and whether it meets the condition, in the order of persons and of time.

    Events that do not meet the condition are left out, but for flows of sessions, whose bounds they may be; and where
    `is_short`, those that no flow shows. Raises ExpressionError for expressions whose SQL is too large.
    """
    selectors = [each.selector for each in asked.anchors]
    projection = Projection(named_by(asked.project_id, [Selector(), *selectors]).between(*_read_ms(asked)), known)
    projection.add_who()
    projection.add("t", f"toUInt64({TIME_MS})")
    projection.add("name", "event")
    projection.add("active", ACTIVITY)
    for number, each in enumerate(selectors):
        projection.add_choice(f"chosen_{number}", each)
    if asked.where is None:
        projection.add("meets", "1")
    else:
        projection.add_condition("meets", asked.where)
    chosen = cohort.members(asked.project_id, _persons(asked), known, "who", "flow")
    projection.parameters |= chosen.parameters
    if asked.window_ms is None:
        projection.only_sql(IN_SESSIONS)
    rows = projection.rows()
    anchors = [f"chosen_{number}" for number in range(len(selectors))]
    bits = " + ".join(f"toUInt64({each} AND meets) * {1 << number}" for number, each in enumerate(anchors))
    sql = f"SELECT who, t, name, {bits} AS bits, meets {rows.sql} WHERE who != {NOBODY} AND who IN ({chosen.sql})"
    sql += f" AND ({' OR '.join(('active', *anchors))})"
    sql += " AND meets" if asked.window_ms is not None else ""
    settings = max(rows.settings, chosen.settings, key=len)  # those of facts begin as the others do
    if is_short(asked):
        return Statement(
            f"{neighbors(asked, sql, rows.parameters)} ORDER BY who, t, bits, name{settings}", rows.parameters
        )
    return Statement(f"{sql} ORDER BY who, t, bits, name{settings}", rows.parameters)


def _read_ms(asked: FlowQuestion) -> tuple[int, int]:
    """Sessions end at midnight, so those of the days have no event beside them."""
    from_ms, before_ms = asked.days.bounds_ms
    if asked.window_ms is None:
        return from_ms, before_ms
    before = asked.window_ms if asked.anchors[0].reverse else 0
    return from_ms - max(before, GRACE_MS * len(asked.anchors)), before_ms + asked.window_ms + GRACE_MS


def _persons(asked: FlowQuestion) -> cohort.Condition:
    """What persons meet who may have a flow."""
    first, (from_ms, before_ms) = asked.anchors[0].selector, asked.days.bounds_ms
    where = _both(first.where, asked.where)
    begins: cohort.Condition = cohort.Did(first.event, from_ms, before_ms, where, ">=", 1)
    if asked.cohort is None:
        return begins
    belongs = asked.cohort.condition
    return cohort.Junction("and", (begins, cohort.Not(belongs) if asked.cohort.is_out else belongs))


def _both(one: Expression | None, other: Expression | None) -> Expression | None:
    return (one and other and Junction(1, "and", (one, other))) or one or other
