"""A card of a dashboard counts among the reports that run at once, and always ends."""

import asyncio
from typing import Any

import pytest

from trackway.domain.errors import RequestError
from trackway.projects.project import Project
from trackway.projects.saved import Bookmark, Made
from trackway.web import report_cards
from trackway.web.report_cards import card_view

PROJECT = Project(1, "Shop", "t" * 32, "s" * 32, "us", 0)


class Rates:
    """Counts what runs, and refuses where `full`."""

    def __init__(self, full: bool = False):
        self.full = full
        self.calls: list[Any] = []

    def begin(self, project: Project, kind: Any, *, counted: bool = True) -> None:
        if self.full:
            raise RequestError(429, "too many", retry_after_s=1)
        self.calls.append(("begin", counted))

    def end(self, project: Project, kind: Any) -> None:
        self.calls.append("end")


class Asking:
    project = PROJECT


def view_of(error: Exception | None, rates: Rates, monkeypatch: pytest.MonkeyPatch, type: str = "insights") -> Any:
    async def ask(asking: Any, report: Bookmark) -> str:
        if error:
            raise error
        return "view"

    monkeypatch.setattr(report_cards, "VIEWS", {"insights": ask})
    report = Bookmark(7, 1, "n", type, "", "{}", Made(0, 0, None, "admin"))
    asking: Any = Asking()
    limits: Any = rates
    return asyncio.run(card_view(asking, report, limits))


def test_a_card_runs_as_a_report_and_is_not_counted_by_the_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = Rates()
    assert view_of(None, rates, monkeypatch)[:2] == ("view", "")
    assert rates.calls == [("begin", False), "end"]


def test_a_report_that_cannot_be_answered_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = Rates()
    assert view_of(RequestError(400, "too long"), rates, monkeypatch)[:2] == (None, "too long")
    assert rates.calls == [("begin", False), "end"]


@pytest.mark.parametrize("error", [RequestError(503, "away"), ValueError()])
def test_a_failure_ends_the_card_too(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    rates = Rates()
    with pytest.raises(type(error)):
        view_of(error, rates, monkeypatch)
    assert rates.calls == [("begin", False), "end"]


def test_a_full_project_refuses_and_another_type_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestError, match="too many"):
        view_of(None, Rates(full=True), monkeypatch)
    rates = Rates()
    assert "reports of type flows" in view_of(None, rates, monkeypatch, "flows").fault
    assert rates.calls == []
