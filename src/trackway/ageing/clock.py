"""Whether the machine's clock may say what is too old. Everything would be, by one that was set years ahead.

Two looks: while the process runs, the clock may not gain on the time that passes. And at the start it may not be far
ahead of the last time that is known, which the projects database keeps. A server that was off for longer cannot know,
so it waits until somebody has confirmed the clock.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trackway.ageing.limits import CLOCK_AHEAD_MS_MAX, CLOCK_GAP_MS_MAX, CLOCK_NOTED_MS
from trackway.projects.drivers import open_reader
from trackway.projects.read_statements import RetentionState
from trackway.runtime.ageing_holds import Hold, hold, release
from trackway.store.client import Store
from trackway.telemetry import logs

if TYPE_CHECKING:
    from trackway.projects.retention_states import RetentionStates

_log: Final = logs.get("ageing")
_DAY_MS: Final = 86_400_000
_NEWEST_LOAD: Final = "SELECT toUnixTimestamp64Milli(toDateTime64(max(loaded), 3)) FROM loads"


class Clock:
    """The clock of one process. `projects`: where the projects database is, `region`: of the server."""

    def __init__(self, projects: Path | str, region: str, store: Store, run_dir: Path):
        self._projects = projects
        self._region = region
        self._store = store
        self.run_dir = run_dir
        self._reader = open_reader(projects)
        self._opened: RetentionStates | None = None
        self._began_ms = now_ms() - _passed_ms()
        self._is_ahead = False
        self._is_known = False
        self._looked_revision = -1
        self._noted_ms = 0

    def is_right(self, at_ms: int, revision: int) -> bool:
        """Whether data may age at this time. `revision`: of the projects, which grows when somebody confirms the clock.
        Raises StorageError."""
        if self._is_set_ahead(at_ms):
            return False
        if not self._is_known and revision != self._looked_revision:
            self._is_known = self._is_near_the_last(at_ms)
            self._looked_revision = revision
        if self._is_known and not 0 <= at_ms - self._noted_ms < CLOCK_NOTED_MS:
            self._states().saw(at_ms)
            self._noted_ms = at_ms
        return self._is_known

    def _is_set_ahead(self, at_ms: int) -> bool:
        """Whether somebody has set the clock far ahead since the start. It is logged once."""
        ahead_ms = at_ms - _passed_ms() - self._began_ms
        was_ahead, self._is_ahead = self._is_ahead, ahead_ms > CLOCK_AHEAD_MS_MAX
        if self._is_ahead and not was_ahead:
            _log.error("the clock was set ahead, nothing ages until it is right", days=ahead_ms // _DAY_MS)
        if self._is_ahead != was_ahead:
            self._show(ahead_ms if self._is_ahead else 0)
        return self._is_ahead

    def _is_near_the_last(self, at_ms: int) -> bool:
        """Whether the clock is not far ahead of the last time that is known."""
        state = self._reader.retention_state(self._region)
        if state is None or not state.clock_ms:
            state = self._first(state)
        gap_ms = at_ms - state.clock_ms if state.clock_ms else 0
        is_near = gap_ms <= CLOCK_GAP_MS_MAX
        if not is_near:
            _log.error("the clock is far ahead of the last known time, nothing ages", days=gap_ms // _DAY_MS)
        self._show(0 if is_near else gap_ms)
        return is_near

    def _first(self, state: RetentionState | None) -> RetentionState:
        """The state of a server that has noted no time yet: that of its newest load."""
        [(loaded_ms,)] = self._store.query(_NEWEST_LOAD)
        if state is None:
            self._states().begin(RetentionState(clock_ms=int(loaded_ms)))
        else:
            self._states().saw(int(loaded_ms))
        return RetentionState(clock_ms=int(loaded_ms))

    def _show(self, ahead_ms: int) -> None:
        if not ahead_ms:
            release(self.run_dir, Hold.CLOCK)
            return
        days = ahead_ms // _DAY_MS
        hold(self.run_dir, Hold.CLOCK, f"the clock is {days} days ahead, so nothing ages: see `trackway retention`")

    def _states(self) -> "RetentionStates":
        if self._opened is None:
            # Half a second of imports, which the loader's process does without at its start.
            from trackway.projects.database import ProjectsDatabase  # noqa: PLC0415
            from trackway.projects.retention_states import RetentionStates  # noqa: PLC0415

            self._opened = RetentionStates(ProjectsDatabase(self._projects), self._region)
        return self._opened


def now_ms() -> int:
    """The machine's clock, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def _passed_ms() -> int:
    """Time that passes whatever the clock is set to, also while the machine is suspended where the system counts it."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return int(time.clock_gettime(clock) * 1000)
