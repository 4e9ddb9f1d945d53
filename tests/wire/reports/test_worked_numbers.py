"""The server gives the numbers of the worked examples."""

import pytest

from tests.conftest import MakeProjects
from tests.support.report_model import worked_funnels, worked_numbers
from tests.support.report_model.reports_by_path import wire
from tests.support.report_model.sent_events import load
from tests.support.report_model.worked_examples import Example, all_events
from tests.support.reports import report
from tests.support.server import Project, Server
from trackway.edge.api.reports.table import REPORTS

EXAMPLES = (*worked_numbers.EXAMPLES, *worked_funnels.EXAMPLES)
PATHS = {each.path for each in REPORTS}


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    """All examples; none has an event of a name that another has on the same days."""
    [project] = make_projects(1)
    load(server, project, all_events(EXAMPLES))
    return project


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_numbers_of_an_example(server: Server, project: Project, example: Example) -> None:
    for question in example.questions:
        if question.path in PATHS:
            found = report(server, project, question.path, **wire(question.parameters))
            assert question.numbers(found) == question.expected, question
