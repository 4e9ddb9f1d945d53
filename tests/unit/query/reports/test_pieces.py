"""Pieces are shared out between threads."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from trackway.query.reports.pieces import share_out

WAIT_S_MAX = 30


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
    began, ended = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        began.set()
        ended.wait(0.2)
        ended.set()

    def failing(_: int) -> None:
        assert began.wait(WAIT_S_MAX)
        raise ZeroDivisionError

    async def sharing() -> None:
        with pytest.raises(ZeroDivisionError):
            await share_out(numbers(*range(9)), [slow, failing])
        assert ended.is_set()

    asyncio.run(sharing())


def test_a_cancelled_caller_waits_for_its_takers() -> None:
    began, ended = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        began.set()
        ended.wait(0.2)
        ended.set()

    async def cancelled() -> None:
        sharing = asyncio.create_task(share_out(numbers(*range(9)), [slow]))
        await asyncio.to_thread(began.wait, WAIT_S_MAX)
        sharing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sharing
        assert ended.is_set()

    asyncio.run(cancelled())
