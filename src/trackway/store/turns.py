"""A few slots for much work, shared fairly between projects.

A project takes a free slot at once, up to its maximum. Without a free slot it waits, and waiting projects are served in
turn. So a project with many queries waits for its own work, and others do not wait for it.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Hashable

Turn = asyncio.Future[None]


class TooManyWait(Exception):
    """The project has as many waiting queries as it may."""


class Turns:
    """`places` slots in total, of which a project holds at most `project_max`; at most `waiting_max` of a project wait.

    For one event loop at a time.
    """

    def __init__(self, places: int, project_max: int, waiting_max: int) -> None:
        assert 1 <= project_max <= places, "a project may hold a place"
        self._free = places
        self._project_max = project_max
        self._waiting_max = waiting_max
        self._held: Counter[Hashable] = Counter()
        self._waiting: dict[Hashable, deque[Turn]] = {}
        """The projects in the order in which they are served next."""

    async def take(self, project: Hashable) -> None:
        """Return with a slot, which `give` releases. Raises TooManyWait."""
        if project not in self._waiting and self._may_hold(project):
            return self._hold(project)
        turns = self._waiting.setdefault(project, deque())
        if len(turns) >= self._waiting_max:
            raise TooManyWait
        turn: Turn = asyncio.get_running_loop().create_future()
        turns.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give(project)
            else:
                self._forget(project, turn)
            raise

    def give(self, project: Hashable) -> None:
        """Release a slot: to the next waiting project that may have it."""
        self._free += 1
        self._held[project] -= 1
        if not self._held[project]:
            del self._held[project]
        self._serve()

    def refuse(self) -> None:
        """Refuse all that wait: they get TooManyWait."""
        for turns in self._waiting.values():
            for turn in turns:
                if not turn.done():
                    turn.set_exception(TooManyWait())
        self._waiting.clear()

    def _serve(self) -> None:
        for project in list(self._waiting):
            turns = self._waiting[project]
            while turns and turns[0].done():  # its caller was just cancelled
                turns.popleft()
            if turns and self._may_hold(project):
                self._hold(project)
                turns.popleft().set_result(None)
                self._waiting[project] = self._waiting.pop(project)  # behind all others
            if not turns:
                del self._waiting[project]

    def _may_hold(self, project: Hashable) -> bool:
        return self._free > 0 and self._held[project] < self._project_max

    def _hold(self, project: Hashable) -> None:
        self._free -= 1
        self._held[project] += 1

    def _forget(self, project: Hashable, turn: Turn) -> None:
        turns = self._waiting.get(project, deque())
        if turn in turns:
            turns.remove(turn)
        if not turns:
            self._waiting.pop(project, None)
