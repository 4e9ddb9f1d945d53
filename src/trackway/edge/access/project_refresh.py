"""An immediate refresh of the projects, shared by all that need one at the same time.

A refresh may take as long as the database does not answer, and holds a thread meanwhile. So however many need one (a
flood of sign-ins does), one runs and one more waits, which begins after all of them have asked.
"""

import asyncio

from trackway.projects.project_lookup import ProjectDirectory


class FreshProjects:
    """For one event loop at a time."""

    def __init__(self, directory: ProjectDirectory):
        self._directory = directory
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """Return once the directory knows what was in the database when this was called, if it can be read."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running))
        await asyncio.shield(self._next)

    async def _after(self, running: "asyncio.Task[None] | None") -> None:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._next = self._next, None
        await asyncio.to_thread(self._directory.refresh)
