"""The answer to a bookmark of insights, for a page: the API's own report, asked by a run of the page."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from trackway.edge.access.change_queue import Changes, Opened
from trackway.edge.api.mapped_columns import mapped_of, may_name_columns
from trackway.edge.api.reports.insights import INSIGHTS_REPORT
from trackway.edge.api.reports.report import Report
from trackway.projects.audit import Author
from trackway.projects.project import Project
from trackway.query.mapped_tables import Mapped
from trackway.query.reports.assured import answered
from trackway.query.reports.run import Run, Statement
from trackway.store.reader import Reader
from trackway.web.limits import TREND_VALUES_MAX
from trackway.web.report_run import SMALLER
from trackway.web.store_errors import answer_of
from trackway.web.users_of_values import without_few_users


class Asking(NamedTuple):
    """Who asks, of which project, and by which reader of the store. `author` is for the thread of changes, which reads
    what is saved. `with_notes`: whether pictures by time have the annotations of the project. `for_strangers`:
    whether values that few users have are left out."""

    reader: Reader
    project: Project
    changes: Changes
    author: Author
    with_notes: bool = False
    for_strangers: bool = False


class Answered(NamedTuple):
    """The API's answer, and the statements that were run for it."""

    answer: Mapping[str, Any]
    statements: Sequence[Statement]


async def answer_bookmark(asking: Asking, params: str, report: Report[Any] = INSIGHTS_REPORT) -> Answered:
    """The answer of a report to a bookmark as JSON text, with the most frequent values of a breakdown.

    Raises RequestError 400 for one that cannot be read or takes too long, and 503; StorageError.
    """
    limits = json.dumps({"limit": TREND_VALUES_MAX})
    wanted = report.parse({"bookmark": params, "queryLimits": limits}, asking.project)
    load = report.load(wanted) if report.load else None
    names_columns = may_name_columns({"bookmark": params})
    mapped: Sequence[Mapped] = ()
    if load or names_columns:

        def loaded(opened: Opened) -> tuple[Any, Sequence[Mapped]]:
            complete = load(opened.saved) if load else wanted
            return complete, mapped_of(opened.saved, asking.project.project_id) if names_columns else ()

        wanted, mapped = await asking.changes.run(loaded, asking.author)

    async def answer_of_run(run: Run) -> Answered:
        answer = await answer_of(report.answer(run, wanted), SMALLER)
        if asking.for_strangers and report is INSIGHTS_REPORT:
            answer = await answer_of(without_few_users(run, wanted, answer), SMALLER)
        return Answered(answer, run.statements)

    return await answered(asking.reader, asking.project.project_id, mapped, answer_of_run)
