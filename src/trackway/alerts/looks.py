"""One look at an alert: what the store says, judged by the rules. What cannot be asked is unknown, never an alert."""

from collections.abc import Callable
from typing import NamedTuple

from trackway.alerts.report_value import Figures, funnel_figures, retention_figures, trend_figures
from trackway.alerts.rules import Found, quiet, rejected, report_value
from trackway.domain.errors import InvalidInput, RequestError, StorageError
from trackway.edge.access.change_queue import Changes
from trackway.projects.alert import Alert
from trackway.projects.alert_condition import Quiet, Rejected, ReportValue, check_compares
from trackway.projects.audit import SERVER
from trackway.projects.project import Project
from trackway.projects.saved import Bookmark
from trackway.query import ingestion_stats
from trackway.query.broken_facts import may_ask_again
from trackway.query.sql.days import Days
from trackway.store.errors import StoreError
from trackway.store.reader import Reader
from trackway.telemetry import logs
from trackway.web.bookmark_answer import Asking, answer_bookmark
from trackway.web.kind_views import answered_retention, check_asks, whole_funnel
from trackway.web.report_view import shape_of

_MINUTE_S = 60
_log = logs.get("alerts")


class Parts(NamedTuple):
    """What a look needs. `known_until`: the moment up to which the store holds everything, None while unknown."""

    reader: Reader
    changes: Changes
    project_of: Callable[[int], Project | None]
    known_until: Callable[[], int | None]


async def look_at(parts: Parts, alert: Alert, now_ms: int) -> Found:
    """Whether the condition of an alert holds now. It raises only programming errors."""
    project = parts.project_of(alert.project_id)
    if project is None:
        return Found(None, "the project is not known here yet")
    try:
        return await _found(parts, alert, project, now_ms)
    except RequestError as error:
        return Found(None, error.message)
    except InvalidInput as error:
        return Found(None, str(error))
    except StorageError as error:
        _log.warning("an alert cannot be looked at now", alert=alert.alert_id, error=str(error))
        return Found(None, "the store could not be asked")


async def _found(parts: Parts, alert: Alert, project: Project, now_ms: int) -> Found:
    known_ms = parts.known_until()
    if known_ms is None:
        return Found(None, "the store is behind what came in")
    match alert.condition:
        case Quiet() as condition:
            since_s = known_ms // 1000 - (condition.minutes + 1) * _MINUTE_S
            latest_s = await ingestion_stats.latest_event(parts.reader, project.project_id, since_s)
            return quiet(condition, alert.watched_from_ms, latest_s, known_ms)
        case Rejected() as condition:
            until_s = known_ms // 1000
            since_s = until_s - until_s % _MINUTE_S - (condition.minutes - 1) * _MINUTE_S
            total = await ingestion_stats.totals(parts.reader, project.project_id, since_s, until_s)
            return rejected(condition, total.received, total.rejected)
        case ReportValue() as condition:
            figures = await _figures(parts, project, condition, now_ms)
            return report_value(condition, figures.by_series, figures.of)


async def _figures(parts: Parts, project: Project, condition: ReportValue, now_ms: int) -> Figures:
    """The figures of the saved report. Raises RequestError for one that is gone or cannot be answered, InvalidInput for
    one of another type than before, StorageError."""
    number = project.project_id
    report = await parts.changes.run(lambda opened: opened.saved.one(Bookmark, number, condition.report_id), SERVER)
    check_compares(condition, report.type)
    asking = Asking(parts.reader, project, parts.changes, SERVER)
    try:
        return await _answered(asking, report, condition, now_ms)
    except StoreError as error:
        if not await may_ask_again(parts.reader, number, error):
            raise
        return await _answered(asking, report, condition, now_ms)


async def _answered(asking: Asking, report: Bookmark, condition: ReportValue, now_ms: int) -> Figures:
    if report.type == "funnels":
        check_asks("funnel", report.params)
        answered = await answer_bookmark(asking, report.params)
        return funnel_figures(whole_funnel(answered.answer))
    if condition.period is not None:
        check_asks("retention", report.params)
        answered = await answer_bookmark(asking, report.params)
        return retention_figures(*answered_retention(answered.answer, report.params), condition.period)
    days = Days.of(asking.project.time_zone, asking.project.week_start)
    unit = shape_of(report.params).unit
    answered = await answer_bookmark(asking, report.params)
    try:
        return trend_figures(answered.answer, unit, days, now_ms)
    except TypeError as error:
        raise RequestError(400, "the report is no table of figures by time") from error
