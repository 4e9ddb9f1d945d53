"""Answers for links are asked once in their time, and once for all who wait."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from trackway.domain.errors import RequestError, StorageError
from trackway.web import shared_views
from trackway.web.chart import Chart
from trackway.web.limits import SHARED_FAULT_KEPT_S, SHARED_VIEW_KEPT_S, SHARED_VIEW_OVERHEAD_BYTES
from trackway.web.report_cards import CardView
from trackway.web.report_table import Trend
from trackway.web.report_view import View
from trackway.web.shared_views import SharedViews


class Asked:
    """Counts how often it is asked, and answers when `go` is set."""

    def __init__(self, error: Exception | None = None):
        self.error = error
        self.times = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> CardView:
        self.times += 1
        await self.go.wait()
        if self.error:
            raise self.error
        return CardView(None, str(self.times), 0)


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def run(test: Callable[[SharedViews, Clock], Awaitable[None]]) -> None:
    async def begin() -> None:
        clock = Clock()
        await test(SharedViews(clock), clock)

    asyncio.run(begin())


def test_an_answer_is_kept_for_its_time() -> None:
    async def test(views: SharedViews, clock: Clock) -> None:
        asked = Asked()
        for _ in range(3):
            assert (await views.view("a", asked)).fault == "1"
            clock.now_s += SHARED_VIEW_KEPT_S / 3 - 0.01
        clock.now_s += 1
        assert (await views.view("a", asked)).fault == "2"
        assert (await views.view("b", asked)).fault == "3"

    run(test)


def test_all_who_wait_share_one_question_and_who_leaves_ends_it_for_nobody() -> None:
    async def test(views: SharedViews, clock: Clock) -> None:
        asked = Asked()
        asked.go.clear()
        waiting = [asyncio.create_task(views.view("a", asked)) for _ in range(5)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        asked.go.set()
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(done[0], asyncio.CancelledError)
        assert [each.fault for each in done[1:] if isinstance(each, CardView)] == ["1"] * 4

    run(test)


@pytest.mark.parametrize("error", [RequestError(429, "full"), StorageError("away")])
def test_a_failure_is_kept_for_some_seconds(error: Exception) -> None:
    async def test(views: SharedViews, clock: Clock) -> None:
        asked = Asked(error)
        for _ in range(3):
            assert "cannot be answered now" in (await views.view("a", asked)).fault
        assert asked.times == 1
        clock.now_s += SHARED_FAULT_KEPT_S
        asked.error = None
        assert (await views.view("a", asked)).fault == "2"

    run(test)


def test_a_failure_after_a_long_time_is_kept_from_its_end() -> None:
    async def test(views: SharedViews, clock: Clock) -> None:
        asked = Asked(StorageError("away"))

        async def slow() -> CardView:
            clock.now_s += SHARED_FAULT_KEPT_S * 3
            return await asked()

        for _ in range(3):
            await views.view("a", slow)
        assert asked.times == 1

    run(test)


def test_a_fault_of_ours_is_not_kept() -> None:
    async def test(views: SharedViews, clock: Clock) -> None:
        asked = Asked(ValueError("ours"))
        for times in (1, 2):
            with pytest.raises(ValueError, match="ours"):
                await views.view("a", asked)
            assert asked.times == times

    run(test)


def test_no_more_bytes_of_answers_are_kept_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_views, "SHARED_VIEWS_BYTES_MAX", 3 * (SHARED_VIEW_OVERHEAD_BYTES + 10))

    async def test(views: SharedViews, clock: Clock) -> None:
        asked = Asked()
        for number in range(4):
            await views.view(number, asked)
        await views.view(3, asked)
        await views.view(1, asked)
        assert asked.times == 4
        await views.view(0, asked)
        assert asked.times == 5

    run(test)


def test_a_large_answer_takes_the_place_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_views, "SHARED_VIEWS_BYTES_MAX", 60_000)
    picture = Chart("t", "x" * 50_000, 320, [])
    large = CardView(View("h", "line", Trend([], {}), [], picture, 0, False), "", 0)

    async def answer_large() -> CardView:
        return large

    async def test(views: SharedViews, clock: Clock) -> None:
        asked = Asked()
        for number in range(5):
            await views.view(number, asked)
        assert await views.view("large", answer_large) is large
        assert await views.view("large", asked) is large
        await views.view(0, asked)
        assert asked.times == 6, "the oldest went"
        await views.view("large", answer_large)
        clock.now_s += SHARED_VIEW_KEPT_S
        for _ in range(20):  # what is replaced is counted once
            await views.view("large", answer_large)
            clock.now_s += SHARED_VIEW_KEPT_S
        await views.view("small", asked)
        assert await views.view("small", asked)
        assert asked.times == 7

    run(test)
