"""Which values of a breakdown a link may show: those that several users have.

A property that names people has one user for each of its values, whatever it is called and in whatever language. So a
link asks how many users have each value in the range of the report, and leaves out those with fewer than
SHARED_VALUE_USERS_MIN. The same rule holds for an id, an address, a name, a number of an order.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.funnels import FunnelAsked
from trackway.edge.api.reports.bookmarks.insights import Question
from trackway.edge.api.reports.bookmarks.retention import RetentionQuestion
from trackway.edge.api.reports.retention import OVERALL
from trackway.query.expressions import Expression
from trackway.query.reports.axis import ALL, Axis, Joined
from trackway.query.reports.insights import Insights, Level, Metric, Path, count_metric
from trackway.query.reports.measures import Measure, Subject
from trackway.query.reports.run import Run
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.selector import Selector
from trackway.web.limits import SHARED_VALUE_USERS_MIN, SHARED_VALUES_COUNTED_MAX

Asked = Question | FunnelAsked | RetentionQuestion
_USERS: Final = Measure(Subject.PERSONS)


async def without_few_users(run: Run, asked: Asked, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer without values that too few users have, and `left_out`, whether there were some.

    Raises RequestError 400 where no value is left, StoreError and ExpressionError.
    """
    question = _by_value(asked)
    if question is None:
        return answer
    levels, (insights, metric) = len(question[0].levels), question
    users = {
        path: values.get(ALL) or 0
        for path, values in (await count_metric(run, insights, metric)).segments.items()
        if (values.get(ALL) or 0) >= SHARED_VALUE_USERS_MIN
    }
    series = {name: _kept(found, (), levels, users) for name, found in answer["series"].items()}
    if not any(value != OVERALL for found in series.values() for value in found) and any(
        value != OVERALL for found in answer["series"].values() for value in found
    ):
        raise RequestError(
            400, f"a link shows no people, and each value of this report has fewer than {SHARED_VALUE_USERS_MIN} users"
        )
    kept = {**answer, "series": series, "left_out": series != answer["series"]}
    if earlier := answer.get("time_comparison"):
        before = {name: _kept(found, (), levels, users) for name, found in earlier["series"].items()}
        kept["time_comparison"] = {**earlier, "series": before}
    return kept


def _kept(found: Mapping[str, Any], above: Path, levels: int, users: Mapping[Path, float]) -> Mapping[str, Any]:
    if levels == len(above):
        return found
    return {
        value: each if value == OVERALL else _kept(each, (*above, value), levels, users)
        for value, each in found.items()
        if value == OVERALL or (*above, value) in users
    }


def _by_value(asked: Asked) -> tuple[Insights, Metric] | None:
    """The question for the users by value, in the range of a report. None for a report without a breakdown."""
    if isinstance(asked, Question):
        selectors = [each for measured in asked.metrics for each in measured.metric.selectors]
        if not asked.insights.levels:
            return None
        whole = Axis(asked.insights.axis.buckets, Joined.ALL)
        insights = asked.insights._replace(axis=whole, limit=SHARED_VALUES_COUNTED_MAX)
        return insights, Metric(selectors, _USERS)
    if isinstance(asked, FunnelAsked):
        funnel = asked.question
        selectors = [step.selector for step in funnel.funnel.steps]
        return _of(funnel.project_id, funnel.buckets, selectors, funnel.where, funnel.on)
    born = asked.retention.born
    return _of(born.project_id, born.read, [born.returning], None, born.on)


def _of(
    project_id: int,
    buckets: Buckets,
    selectors: Sequence[Selector],
    where: Expression | None,
    on: Expression | None,
) -> tuple[Insights, Metric] | None:
    if on is None:
        return None
    axis = Axis(buckets, Joined.ALL)
    return Insights(project_id, axis, where, [Level(on)], SHARED_VALUES_COUNTED_MAX), Metric(selectors, _USERS)
