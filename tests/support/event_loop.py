"""How long an event loop stands still."""

import asyncio
import time
from collections.abc import Awaitable


async def longest_gap_s(work: Awaitable[object]) -> float:
    """How long the loop stood still at most until the work was done."""
    task, longest_s, last_s = asyncio.ensure_future(work), 0.0, time.monotonic()
    while not task.done():
        await asyncio.sleep(0.005)
        now_s = time.monotonic()
        longest_s, last_s = max(longest_s, now_s - last_s), now_s
    await task
    return longest_s
