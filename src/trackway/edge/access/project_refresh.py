"""An immediate refresh of the projects, shared by all that need one at the same time.

A refresh may take as long as the database does not answer, and holds a thread meanwhile. So however many need one (a
flood of sign-ins or of wrong credentials does), one runs and one more waits, which begins after all of them have asked,
and a moment after the one before. Nobody waits for the thread at the end of the process.
"""

import asyncio
import threading
import time
from contextlib import suppress

from trackway.edge.limits import PROJECTS_LOOK_INTERVAL_S
from trackway.projects.project_lookup import ProjectDirectory


class FreshProjects:
    """For one event loop at a time."""

    def __init__(self, directory: ProjectDirectory):
        self._directory = directory
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        self._began_s = float("-inf")

    async def look(self) -> None:
        """Return once the directory knows what was in the database when this was called, if it can be read."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running))
        await asyncio.shield(self._next)

    async def _after(self, running: "asyncio.Task[None] | None") -> None:
        if running is not None:
            await asyncio.wait([running])
        await asyncio.sleep(self._began_s + PROJECTS_LOOK_INTERVAL_S - time.monotonic())
        self._began_s = time.monotonic()
        self._running, self._next = self._next, None
        await self._refreshed()

    async def _refreshed(self) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def refresh() -> None:
            error: BaseException | None = None
            try:
                self._directory.refresh()
            except Exception as raised:  # the one who looks gets it
                error = raised
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(_settle, done, error)

        threading.Thread(target=refresh, name="projects look", daemon=True).start()
        await done


def _settle(done: "asyncio.Future[None]", error: BaseException | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
