"""Pieces of a result, which threads take while the store makes more."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

Piece = TypeVar("Piece")


async def share_out(pieces: AsyncIterator[Piece], takers: Sequence[Callable[[Piece], None]]) -> None:
    """Give each piece to a taker that is free. Each takes one at a time, in a thread. Raises what the pieces or
    a taker raise. No taker is at work when this ends."""
    turn = asyncio.Lock()

    async def keep_busy(take: Callable[[Piece], None]) -> None:
        while True:
            async with turn:
                try:
                    piece = await anext(pieces)
                except StopAsyncIteration:
                    return
            taking = asyncio.ensure_future(asyncio.to_thread(take, piece))
            try:
                await asyncio.shield(taking)
            finally:
                await asyncio.wait([taking])

    tasks = [asyncio.ensure_future(keep_busy(take)) for take in takers]
    try:
        await asyncio.gather(*tasks)
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.wait(tasks)
