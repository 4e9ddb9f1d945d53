"""Pieces are shared out between threads."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from trackway.query.reports.pieces import share_out

WAIT_S_MAX = 30


class Slow:
    """A taker that has begun for a while before it has ended."""

    def __init__(self) -> None:
        self.began, self.ended = threading.Event(), threading.Event()

    def take(self, _: int) -> None:
        self.began.set()
        self.ended.wait(0.2)
        self.ended.set()


async def numbers(*given: int | Exception) -> AsyncIterator[int]:
    for each in given:
        if isinstance(each, Exception):
            raise each
        yield each


def test_each_piece_is_taken_once() -> None:
    taken: tuple[list[int], list[int]] = ([], [])
    asyncio.run(share_out(numbers(*range(1000)), [each.append for each in taken]))
    assert sorted(taken[0] + taken[1]) == [*range(1000)]


def test_takers_work_beside_each_other() -> None:
    both = threading.Barrier(2, timeout=WAIT_S_MAX)

    def take(_: int) -> None:
        both.wait()

    asyncio.run(share_out(numbers(1, 2), [take, take]))


def test_an_error_of_the_pieces_is_raised_after_what_came_before_it() -> None:
    taken: list[int] = []
    with pytest.raises(ZeroDivisionError):
        asyncio.run(share_out(numbers(1, 2, ZeroDivisionError()), [taken.append] * 2))
    assert sorted(taken) == [1, 2]


def test_no_taker_is_at_work_after_an_error_of_another() -> None:
    slow = Slow()

    def failing(_: int) -> None:
        assert slow.began.wait(WAIT_S_MAX)
        raise ZeroDivisionError

    async def sharing() -> None:
        with pytest.raises(ZeroDivisionError):
            await share_out(numbers(*range(9)), [slow.take, failing])
        assert slow.ended.is_set()

    asyncio.run(sharing())


def test_a_cancelled_caller_waits_for_its_takers() -> None:
    slow = Slow()

    async def cancelled() -> None:
        sharing = asyncio.create_task(share_out(numbers(*range(9)), [slow.take]))
        await asyncio.to_thread(slow.began.wait, WAIT_S_MAX)
        sharing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sharing
        assert slow.ended.is_set()

    asyncio.run(cancelled())
