"""The model of the reports gives the numbers of the worked examples."""

from typing import Any

import pytest

from tests.support.report_model import worked_funnels, worked_numbers
from tests.support.report_model.project_events import Event, ProjectEvents
from tests.support.report_model.reports_by_path import answer
from tests.support.report_model.sent_events import seen
from tests.support.report_model.worked_examples import Example
from tests.support.reports import at

EXAMPLES = (*worked_numbers.EXAMPLES, *worked_funnels.EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_numbers_of_an_example(example: Example) -> None:
    project = seen(example.sent, now_ms=at("2026-01-01"))
    for question in example.questions:
        found = question.numbers(answer(question.path, project, question.parameters))
        assert found == question.expected, question


def test_top_events_compare_with_the_same_share_of_yesterday() -> None:
    now_ms = at("2026-03-10T18:38:38")
    amounts = {"funnel": (4, 2), "pages": (121, 75), "projects": (0, 2)}
    events = [
        Event(name, now_ms - (1 - day) * 86_400_000 - place, f"{name} {place}")
        for name, numbers in amounts.items()
        for day, number in enumerate(numbers)
        for place in range(number)
    ]
    found: Any = answer("events/top", ProjectEvents(events, now_ms=now_ms), {"type": "unique"})
    changes = {each["event"]: (each["amount"], each["percent_change"]) for each in found["events"]}
    assert changes == {"funnel": (2, -0.35635745999582824), "pages": (75, -0.20209602478821687), "projects": (2, 1)}
