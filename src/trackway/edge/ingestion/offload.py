"""Work that would block the event loop for more than some milliseconds, in one thread of the process.

One piece of work at a time: two threads of Python would only alternate, and hold twice the memory. The bytes in flight
bound the work that waits. The loop goes on meanwhile, so that small requests do not wait behind a large one.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class HeavyWork:
    """Make it within the event loop that uses it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "heavy")

    def run(self, work: Callable[[], Result], then: "Callable[[Future[Result]], None]") -> None:
        """Do the work in the thread, and call `then` with its result in the loop."""
        future = self._thread.submit(work)
        future.add_done_callback(lambda done: self._loop.call_soon_threadsafe(then, done))

    def close(self) -> None:
        """Drop what waits."""
        self._thread.shutdown(wait=False, cancel_futures=True)
