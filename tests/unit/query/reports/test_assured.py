"""A report counts only if the store has what it was made of."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from trackway.query import facts_state
from trackway.query.facts_state import Parts, parts_before, parts_now
from trackway.query.reports.assured import assured
from trackway.store.errors import StoreError
from trackway.store.reader import Reader
from trackway.store.result_cache import ResultCache

PROJECT = 7
OLD, NEW = {"events": [1, 2**63]}, {"events": [2, 5]}


class Looked:
    """A reader whose looks give what `parts` has then, or its error, after some turns of the loop."""

    def __init__(self, parts: dict[str, list[int]] | StoreError, *, keeps: bool = True) -> None:
        self.states = ResultCache(1 << 20) if keeps else None
        self.parts = parts
        self.looks = 0

    async def look(self, project_id: int, sql: str, *given: Any) -> list[tuple[Any, ...]]:
        assert project_id == PROJECT and "system.parts" in sql
        self.looks += 1
        for _ in range(3):
            await asyncio.sleep(0)
        if isinstance(self.parts, StoreError):
            raise self.parts
        return [(table, *found) for table, found in self.parts.items()]


class Reports:
    """Reports that are made of parts, after so many turns of the loop."""

    def __init__(self, turns: int = 0) -> None:
        self.began: list[Parts | None] = []
        self.ended: list[Parts | None] = []
        self._turns = turns

    async def make(self, parts: Parts | None) -> str:
        self.began.append(parts)
        for _ in range(self._turns):
            await asyncio.sleep(0)
        self.ended.append(parts)
        return f"of {parts}"


def ask(looked: Looked, make: Callable[[Parts | None], Awaitable[str]], *before: dict[str, list[int]]) -> str:
    """The report after looks that gave other parts before."""

    async def asked() -> str:
        now, reader = looked.parts, cast(Reader, looked)
        for each in before:
            looked.parts = each
            await parts_now(reader, PROJECT)
        looked.parts, looked.looks = now, 0
        return await assured(reader, PROJECT, make)

    return asyncio.run(asked())


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts_state, "PARTS_STILL_S", 0.0)


@pytest.mark.parametrize("turns", [0, 9])
def test_it_is_made_once_where_nothing_has_changed(turns: int) -> None:
    looked, reports = Looked(OLD), Reports(turns)
    assert ask(looked, reports.make, OLD) == f"of {OLD}"
    assert reports.began == reports.ended == [OLD] and looked.looks == 1


@pytest.mark.parametrize("turns", [0, 9])
def test_it_is_made_anew_where_something_has_changed(turns: int) -> None:
    """One that is still being made is cancelled."""
    looked, reports = Looked(NEW), Reports(turns)
    assert ask(looked, reports.make, OLD) == f"of {NEW}"
    assert reports.began == [OLD, NEW] and looked.looks == 1
    assert reports.ended == ([NEW] if turns else [OLD, NEW])


def test_it_looks_itself_where_nothing_is_known_or_kept() -> None:
    for looked in (Looked(OLD), Looked(OLD, keeps=False)):
        reports = Reports()
        assert ask(looked, reports.make) == "of None"
        assert reports.began == [None] and looked.looks == 0


def test_an_error_counts_only_where_nothing_has_changed() -> None:
    async def make(parts: Parts | None) -> str:
        if parts == OLD:
            raise StoreError("store: a part is gone")
        return "made"

    assert ask(Looked(NEW), make, OLD) == "made"
    with pytest.raises(StoreError, match="a part is gone"):
        ask(Looked(OLD), make, OLD)


def test_nothing_goes_on_where_the_look_fails() -> None:
    reports = Reports(99)
    with pytest.raises(StoreError, match="does not answer"):
        ask(Looked(StoreError("store: does not answer")), reports.make, OLD)
    assert reports.began == [OLD] and not reports.ended


def test_nothing_goes_on_where_the_caller_is_cancelled() -> None:
    looked, reports = Looked(OLD), Reports(9)

    async def cancelled() -> None:
        reader = cast(Reader, looked)
        await parts_now(reader, PROJECT)
        asking = asyncio.ensure_future(assured(reader, PROJECT, reports.make))
        for _ in range(6):
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(cancelled())
    assert reports.began == [OLD] and not reports.ended


def test_parts_are_taken_as_they_were_only_after_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    monkeypatch.setattr(facts_state, "PARTS_STILL_S", 2.0)
    looked = Looked(OLD)
    reader = cast(Reader, looked)

    def look_at(parts: dict[str, list[int]], at_s: float) -> Parts | None:
        nonlocal now_s
        looked.parts, now_s = parts, at_s
        asyncio.run(parts_now(reader, PROJECT))
        return parts_before(reader, PROJECT)

    assert parts_before(reader, PROJECT) is None
    assert [look_at(OLD, at_s) for at_s in (100.0, 101.9)] == [None, None]
    assert look_at(OLD, 102.0) == OLD
    assert parts_before(reader, PROJECT + 1) is None
    assert [look_at(NEW, at_s) for at_s in (103.0, 104.9)] == [None, None]
    assert [look_at(OLD, 105.0), look_at(OLD, 107.0)] == [None, OLD]
