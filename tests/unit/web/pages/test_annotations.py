"""A chart is shown without its annotations while the projects database is away."""

import asyncio
from typing import Any

import pytest

from trackway.domain.errors import RequestError
from trackway.web.chart_notes import Span
from trackway.web.pages.annotations import notes_in

SPAN = Span("2026-03-01 00:00:00", "2026-03-31 23:59:59")


class Page:
    project = type("Project", (), {"project_id": 1})
    author = None


class Changes:
    """A thread of changes that refuses."""

    def __init__(self, status: int):
        self._status = status

    async def run(self, *_: object) -> object:
        raise RequestError(self._status, "refused")


def found(status: int) -> object:
    page: Any = Page()
    changes: Any = Changes(status)
    return asyncio.run(notes_in(page, changes, SPAN))


def test_there_are_none_while_the_database_is_away() -> None:
    assert found(503) is None


def test_other_refusals_are_those_of_the_page() -> None:
    with pytest.raises(RequestError, match="refused"):
        found(400)
