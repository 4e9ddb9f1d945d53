"""`jql`: Mixpanel's query scripts, which the server does not run. A client learns that by a sentence."""

from typing import Final, NoReturn

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.report import Report
from trackway.edge.wire.parameter_tables import JQL
from trackway.edge.wire.parameters import Parameters
from trackway.projects.project import Project
from trackway.query.reports.run import Run


def _refuse(parameters: Parameters, project: Project) -> NoReturn:
    raise RequestError(404, "jql is not supported: ask the reports below /api/query/, or export events")


async def _answer(run: Run, wanted: NoReturn) -> NoReturn:
    raise AssertionError("no script is ever wanted")


JQL_REPORT: Final = Report("jql", JQL, _refuse, _answer)
