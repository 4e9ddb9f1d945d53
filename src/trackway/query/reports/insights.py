"""Insights: metrics by time and by the values of properties (docs/reports.md).

A metric is counted once for the whole and once for each level of its breakdown, because persons, averages and
percentiles of the whole do not follow from those of its parts.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from trackway.query.expressions import Expression
from trackway.query.expressions.tree import Equality, EventName, Junction, Literal
from trackway.query.reports.axis import Axis
from trackway.query.reports.measures import Measure, Subject, counted_sql, persons_sql
from trackway.query.reports.parts import in_one
from trackway.query.reports.run import Plain, Run, Statement
from trackway.query.reports.sessions import IN_SESSIONS
from trackway.query.sql.cohort import Condition, members
from trackway.query.sql.events import project_events
from trackway.query.sql.person import Known
from trackway.query.sql.projection import Projection, Top
from trackway.query.sql.scope import Rows
from trackway.query.sql.selector import Selector, named_by
from trackway.query.sql.tables import rows_from

Path = tuple[str, ...]
"""The values of a segment, one for each level of the breakdown that it has."""
Segments = dict[Path, dict[str, float | None]]
"""Values by the key of the axis, by segment; () is the whole. Segments come in the order of falling totals, then by
name. A value of nothing is left out."""


class Level(NamedTuple):
    """One level of a breakdown: the keys of an expression, or with `width` the ranges of numbers that its numbers lie
    in. Numbers below `low` and from `high` on are in ranges without an end."""

    on: Expression
    width: float | None = None
    low: float | None = None
    high: float | None = None


class InCohort(NamedTuple):
    """Persons who are members of a cohort now, or with `is_out` everybody else."""

    condition: Condition
    is_out: bool


class CohortLevel(NamedTuple):
    """A level of a breakdown: an event counts under the name of each part that its person belongs to."""

    parts: Sequence[tuple[str, InCohort]]


class Metric(NamedTuple):
    """What to count: events that one of the selectors chooses, each once."""

    selectors: Sequence[Selector]
    measure: Measure


class Insights(NamedTuple):
    """A question for metrics. `where` and `cohorts` hold for all of them. `limit` bounds the segments of each level."""

    project_id: int
    axis: Axis
    where: Expression | None
    levels: Sequence[Level | CohortLevel]
    limit: int
    cohorts: Sequence[InCohort] = ()


class Counted(NamedTuple):
    """The segments of a metric. `is_cut`: there are more than the limit."""

    segments: Segments
    is_cut: bool


async def count_metric(run: Run, wanted: Insights, metric: Metric) -> Counted:
    """The values of a metric. Raises StoreError, and ExpressionError for expressions whose SQL is too large."""
    known = await run.known()
    segments: Segments = {}
    is_cut = False
    for depth in range(len(wanted.levels) + 1):
        levels = wanted.levels[:depth]
        smaller = [_statement(wanted, metric, levels, known, spilling=True)] if metric.measure.may_spill else []
        plain = _plain(wanted, metric, levels, known)
        rows = in_one(await run.rows(_statement(wanted, metric, levels, known), *smaller, plain=plain))
        is_cut = is_cut or len(rows) > wanted.limit
        for row in rows[: wanted.limit]:
            path = tuple(_label(level, str(key)) for level, key in zip(levels, row, strict=False))
            if not path or path[:-1] in segments:
                segments[path] = dict(row[-1])
    return Counted(segments, is_cut)


def _statement(
    wanted: Insights, metric: Metric, levels: Sequence[Level | CohortLevel], known: Known, *, spilling: bool = False
) -> Statement:
    """The rows are the keys of a segment, its total, and pairs of the axis' key and value."""
    projection, belongs = _projection(wanted, metric, levels, known)
    by_person = (
        projection.rows_by_person("place") if metric.measure.subject is Subject.PERSONS and not spilling else None
    )
    if by_person is not None:
        return _segments(wanted, metric.measure, len(levels), by_person, belongs.settings, each_once=True)
    is_counted = metric.measure.subject is Subject.EVENTS
    rows = projection.counted_rows(_top(wanted, levels)) if is_counted else projection.rows()
    return _segments(wanted, metric.measure, len(levels), rows, belongs.settings, spilling=spilling)


def _plain(wanted: Insights, metric: Metric, levels: Sequence[Level | CohortLevel], known: Known) -> Plain | None:
    """The same as a shorter form, if there is one."""
    if metric.measure.subject is not Subject.EVENTS or not levels:
        return None
    projection, belongs = _projection(wanted, metric, levels, known)
    if not projection.plain:
        return None
    rows = projection.counted_rows(_top(wanted, levels), plain=True)
    return Plain(_segments(wanted, metric.measure, len(levels), rows, belongs.settings), projection.plain)


def _projection(
    wanted: Insights, metric: Metric, levels: Sequence[Level | CohortLevel], known: Known
) -> tuple[Projection, "_Belonging"]:
    measure = metric.measure
    read = measure.read(wanted.axis)
    projection = _chosen(wanted, metric, read, known)
    belongs = _Belonging(projection, known)
    for cohort in wanted.cohorts:
        projection.only_sql(belongs.sql(cohort))
    for number, level in enumerate(levels):
        if isinstance(level, Level):
            _add_keys(projection, number, level)
        else:
            projection.add(f"keys_{number}", belongs.keys(level))
    measure.add_columns(projection, read)
    return projection, belongs


def _segments(
    wanted: Insights,
    measure: Measure,
    depth: int,
    rows: Rows,
    settings: str,
    *,
    spilling: bool = False,
    each_once: bool = False,
) -> Statement:
    """The statement that counts the rows, whose keys have so many levels. `settings`: those of cohorts. `each_once`: a
    row is of a person."""
    names = [f"key_{number}" for number in range(depth)]
    counted = persons_sql(rows.sql) if each_once else counted_sql(measure, rows.sql, names, spilling=spilling)
    keys = "".join(f"{name}, " for name in names)
    values = f"SELECT {keys}place, value {rows_from(counted)} WHERE isNotNull(value)"
    # A key is written at last: to group by texts takes twice as long.
    total = f"sum(value) AS total, groupArray((toString(place), assumeNotNull(value))) {rows_from(values)}"
    grouped = f" GROUP BY {', '.join(names)}" if names else " HAVING count() > 0"
    order = "".join(f", {name}" for name in names)
    sql = f"SELECT {keys}{total}{grouped} ORDER BY total DESC{order} LIMIT {{limit:UInt32}}"
    sql += max(rows.settings, settings, key=len)  # those of facts begin as the others do
    parameters = rows.parameters | measure.bound(wanted.axis) | {"limit": wanted.limit + 1}
    return Statement(sql, parameters, parts=rows.parts)


def _top(wanted: Insights, levels: Sequence[Level | CohortLevel]) -> Top | None:
    """The segments that are given, where there is one level."""
    return Top("arrayJoin(keys_0)", wanted.limit + 1, "place") if len(levels) == 1 else None


def _chosen(wanted: Insights, metric: Metric, read: Axis, known: Known) -> Projection:
    """The metric's events; for sessions all that are part of one, and `hit` for those that the metric chooses."""
    bounds_ms = read.buckets.bounds_ms
    if metric.measure.subject is not Subject.SESSIONS:
        projection = Projection(named_by(wanted.project_id, metric.selectors).between(*bounds_ms), known)
        projection.only(wanted.where)
        projection.only(chosen_by(metric.selectors))
        return projection
    projection = Projection(project_events(wanted.project_id).between(*bounds_ms), known)
    projection.only_sql(IN_SESSIONS)
    conditions = [each for each in (wanted.where, _named(metric.selectors)) if each is not None]
    projection.add_condition("hit", Junction(1, "and", tuple(conditions)))
    return projection


class _Belonging:
    """SQL of whether an event's person belongs to cohorts. The members are bound in the projection."""

    def __init__(self, projection: Projection, known: Known) -> None:
        self._projection = projection
        self._known = known
        self._count = 0
        self.settings = ""
        """The end of a statement with members."""

    def sql(self, cohort: InCohort) -> str:
        project_id = self._projection.parameters["project"]
        found = members(project_id, cohort.condition, self._known, "who", f"cohort_{self._count}")
        self._count += 1
        self.settings = max(self.settings, found.settings, key=len)
        self._projection.parameters |= found.parameters
        self._projection.add_who()
        return f"(who {'NOT ' * cohort.is_out}IN ({found.sql}))"

    def keys(self, level: CohortLevel) -> str:
        """The names of the parts that the person belongs to, an Array(String)."""
        names = []
        for name, cohort in level.parts:
            bound = f"part_{self._count}"
            self._projection.parameters[bound] = name
            names.append(f"if({self.sql(cohort)}, [{{{bound}:String}}], [])")
        return f"arrayConcat({', '.join(names)})"


def chosen_by(selectors: Sequence[Selector]) -> Expression | None:
    """An expression that is true for events that one of the selectors chooses; None where their names decide."""
    return None if all(each.where is None for each in selectors) else _named(selectors)


def _named(selectors: Sequence[Selector]) -> Expression:
    parts: list[Expression] = []
    for each in selectors:
        named = [] if each.is_any else [Equality(1, EventName(1), Literal(1, each.event), False)]
        met = [] if each.where is None else [each.where]
        parts.append(Junction(1, "and", (*named, *met)) if named or met else Literal(1, True))
    return parts[0] if len(parts) == 1 else Junction(1, "or", tuple(parts))


def _add_keys(projection: Projection, number: int, level: Level) -> None:
    """A column `keys_<number>`, an Array(String) of at least one."""
    if level.width is None:
        projection.add_keys(f"keys_{number}", level.on)
        return
    index, bounds = _range_index(number, level.width)
    if level.high is not None:
        bounds[f"high_{number}"] = level.high
        index = f"if(range_{number} >= {{high_{number}:Float64}}, '{_FROM_HIGH}', {index})"
    if level.low is not None:
        bounds[f"low_{number}"] = level.low
        index = f"if(range_{number} < {{low_{number}:Float64}}, '{_BELOW_LOW}', {index})"
    projection.parameters |= bounds
    projection.add_number(f"range_{number}", level.on)
    projection.add(f"keys_{number}", f"[ifNull({index}, '{_NO_NUMBER}')]")


def _range_index(number: int, width: float) -> tuple[str, dict[str, Any]]:
    """SQL of the number of the range that a level's number lies in, as a text, and what it binds.

    Ranges begin at decimals, such as 0.3 with a width of 0.1. A quotient of two whole numbers is what is nearest to
    such a decimal, and so is a number that was written as it; a product with the width is not.
    """
    parts = Decimal(repr(width)).as_tuple()
    exponent = int(parts.exponent)
    units = int("".join(map(str, parts.digits))) * 10 ** max(exponent, 0)
    bounds: dict[str, Any] = {f"units_{number}": float(units), f"scale_{number}": float(10 ** max(-exponent, 0))}
    value, units_sql, scale_sql = f"range_{number}", f"{{units_{number}:Float64}}", f"{{scale_{number}:Float64}}"
    about = f"floor({value} / ({units_sql} / {scale_sql}))"
    index = (
        f"{about} + ({value} >= ({about} + 1) * {units_sql} / {scale_sql})"
        f" - ({value} < {about} * {units_sql} / {scale_sql})"
    )
    return f"toString(toInt64({index}))", bounds


_BELOW_LOW, _FROM_HIGH, _NO_NUMBER = "<", ">=", "undefined"


def _label(level: Level | CohortLevel, key: str) -> str:
    """What a segment is called: a range as `2,000 - 2,100`, anything else as it is."""
    if isinstance(level, CohortLevel) or level.width is None or key == _NO_NUMBER:
        return key
    if key in (_BELOW_LOW, _FROM_HIGH):
        return f"{key} {_number((level.low if key == _BELOW_LOW else level.high) or 0)}"
    return f"{_number(int(key) * level.width)} - {_number((int(key) + 1) * level.width)}"


def _number(value: float) -> str:
    return f"{value:,.10g}"


def rolled(values: Mapping[str, float | None], keys: Sequence[str], every: Sequence[str], window: int) -> Any:
    """The means of the last `window` values, by key; `every` has the keys before the first one, too."""
    numbers = [values.get(key) or 0 for key in every]
    ends = {key: number for number, key in enumerate(every, 1)}
    return {key: sum(numbers[max(ends[key] - window, 0) : ends[key]]) / window for key in keys}


def accumulated(values: Mapping[str, float | None], keys: Sequence[str]) -> dict[str, float | None]:
    """The sums of all values up to each key."""
    total: float = 0
    found: dict[str, float | None] = {}
    for key in keys:
        total += values.get(key) or 0
        found[key] = total
    return found


_ALL_LEVELS: Final = "$overall"


def nested(segments: Mapping[Path, Any], depth: int) -> Any:
    """Segments as a tree: under each value its parts, and the whole of them under `$overall`."""
    if depth == 0:
        return segments.get((), {})
    tree: dict[str, Any] = {_ALL_LEVELS: segments.get((), {})}
    parts: dict[str, dict[Path, Any]] = {}
    for path, values in segments.items():
        if path:
            parts.setdefault(path[0], {})[path[1:]] = values
    return tree | {key: nested(inner, depth - 1) for key, inner in parts.items()}
