"""`cohorts/list`: the saved cohorts, each with the number of its members now (openapi/query cohorts-list)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from trackway.edge.api.reports.bookmarks.cohorts import conditions
from trackway.edge.api.reports.report import Report
from trackway.edge.wire.parameter_tables import COHORTS_LIST
from trackway.edge.wire.parameters import Parameters
from trackway.projects.project import Project
from trackway.projects.saved import Cohort
from trackway.query.reports.run import Run, Statement
from trackway.query.sql.cohort import Condition, members
from trackway.query.sql.tables import rows_from

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved


class Wanted(NamedTuple):
    """The cohorts of a project, each with what its members meet."""

    project: Project
    cohorts: tuple[tuple[Cohort, Condition], ...] = ()


def _read(parameters: Parameters, project: Project) -> Wanted:
    return Wanted(project)


def _load(wanted: Wanted) -> Callable[["Saved"], Wanted]:
    def load(saved: "Saved") -> Wanted:
        found = saved.all(Cohort, wanted.project.project_id)
        return wanted._replace(cohorts=tuple(zip(found, conditions(wanted.project, found), strict=True)))

    return load


async def _answer(run: Run, wanted: Wanted) -> list[dict[str, Any]]:
    known = await run.known() if wanted.cohorts else None
    answer = []
    for cohort, condition in wanted.cohorts:
        assert known is not None, "there is a cohort"
        found = members(run.project_id, condition, known, "who")
        counted = Statement(f"SELECT count() {rows_from(found.sql)}{found.settings}", found.parameters)
        [(count,)] = await run.rows(counted)
        answer.append(_shown(cohort, int(count)))
    return answer


def _shown(cohort: Cohort, count: int) -> dict[str, Any]:
    created = datetime.fromtimestamp(cohort.made.created_at_ms / 1000, UTC)
    return {
        "id": cohort.cohort_id,
        "name": cohort.name,
        "description": cohort.description,
        "created": f"{created:%Y-%m-%d %H:%M:%S}",
        "count": count,
        "is_visible": int(cohort.is_visible),
        "project_id": cohort.project_id,
        "data_group_id": None,
    }


COHORTS_LIST_REPORT: Final = Report("cohorts/list", COHORTS_LIST, _read, _answer, load=_load)
