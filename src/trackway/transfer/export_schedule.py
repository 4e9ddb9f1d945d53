"""The process that exports on a schedule (`export_every`), beside the server's others.

It writes what is new of each project to a folder of its own below `export_to`, one project after the other. It asks the
server as `trackway export --since-last` does, and keeps the same state at the destination. Of several machines the one
that has a project's lock exports it. The state says when the last export ended, so the others wait as long as it does.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

from trackway.domain.duration import seconds_of
from trackway.domain.errors import InvalidInput, StateError, StorageError
from trackway.domain.region import serves
from trackway.projects.drivers import open_reader
from trackway.projects.project import Project
from trackway.projects.project_lock import ProjectLock, export_lock
from trackway.runtime.background import pause, start_thread
from trackway.runtime.heartbeat import Heartbeat
from trackway.runtime.last_exports import LastExport, note_exports
from trackway.settings.table import Settings
from trackway.telemetry import logs, metrics
from trackway.transfer.connection import Address, Stopped
from trackway.transfer.destinations import destination_of
from trackway.transfer.event_columns import COLUMNS, FileFormat
from trackway.transfer.exporting import Export, Exporter, identity_of
from trackway.transfer.limits import EXPORT_NICENESS, EXPORT_POLL_S, EXPORT_RETRY_S

_log = logs.get("export")


class ServerItself(NamedTuple):
    """The server that this process belongs to: its URL, and headers by which it knows its own."""

    url: str
    headers: Mapping[str, str]

    def address(self, project: Project) -> Address:
        return Address(self.url, project.secret, "", self.headers, verified=False)


def run(settings: Settings, server: ServerItself, heartbeat: Heartbeat) -> None:
    """Export until the process ends. A thread does it, so that an export may take any time."""
    os.nice(EXPORT_NICENESS)
    schedule = Schedule(settings, server)
    start_thread(schedule.run, "export")
    while True:
        heartbeat.beat()
        schedule.show()
        pause(EXPORT_POLL_S)


class Schedule:
    """What is exported when. `show` is for another thread than the others."""

    def __init__(self, settings: Settings, server: ServerItself):
        every_s = seconds_of(settings.export_every)
        assert every_s, "the settings were checked"
        self._settings = settings
        self._server = server
        self._every_s = float(every_s)
        self._retry_s = min(self._every_s, EXPORT_RETRY_S)
        self._reader = open_reader(settings.projects_at, patient=True)
        self._next_s: dict[int, float] = {}
        """When a project is looked at next, by `time.monotonic`."""
        self._last: dict[int, LastExport] = {}
        self._unknown: set[str] = set()
        self._began_ms = _now_ms()

    def run(self) -> None:
        """Export what is due, again and again."""
        metrics.exports_scheduled()
        while True:
            try:
                self.turn(self._reader.all_projects())
            except StorageError as error:
                metrics.export("failed")
                _log.error("the projects to export cannot be read, will try again", error=str(error))
                pause(self._retry_s)
            pause(EXPORT_POLL_S)

    def turn(self, projects: Sequence[Project]) -> None:
        """Export those that are due."""
        chosen = self._chosen(projects)
        self._last = {each.project_id: self._last.get(each.project_id, LastExport()) for each in chosen}
        for project in chosen:
            if time.monotonic() >= self._next_s.get(project.project_id, 0.0):
                self._next_s[project.project_id] = time.monotonic() + self._tried(project)
                note_exports(self._settings.run_dir, self._last)

    def show(self) -> None:
        """Let the metrics say how long ago the export was that is the longest ago, and how many projects fail."""
        last = self._last.values()
        if last:
            oldest_ms = min(each.ended_ms or self._began_ms for each in last)
            metrics.exports_shown(max(_now_ms() - oldest_ms, 0) / 1000, sum(each.has_failed for each in last))

    def _chosen(self, projects: Iterable[Project]) -> list[Project]:
        """The projects that the settings name, all without such. A name that there is not is logged once."""
        here = [each for each in projects if serves(self._settings.region, each.region)]
        names = set(self._settings.export_projects)
        if not names:
            return here
        chosen = [each for each in here if names & {each.name, str(each.project_id)}]
        unknown = names - {name for each in chosen for name in (each.name, str(each.project_id))}
        for name in sorted(unknown - self._unknown):
            _log.error("there is no project of this name to export", name=name)
        self._unknown = unknown
        return chosen

    def _tried(self, project: Project) -> float:
        """Export a project if it is due; seconds until it is looked at again."""
        before = self._last[project.project_id]
        try:
            with closing(export_lock(self._settings.projects_at, self._settings.run_dir, project.project_id)) as lock:
                if not lock.try_take():  # another machine exports it
                    return self._retry_s
                ended_ms = self._exported(project, lock)
        except (StateError, StorageError, InvalidInput, Stopped) as error:
            metrics.export("failed")
            _log.error("a project was not exported, will try again", project=project.project_id, error=str(error))
            self._last[project.project_id] = LastExport(before.ended_ms, has_failed=True)
            return self._retry_s
        self._last[project.project_id] = LastExport(ended_ms)
        return max(self._every_s - max(_now_ms() - ended_ms, 0) / 1000, 0.0)

    def _exported(self, project: Project, lock: ProjectLock) -> int:
        """Export a project unless that was done lately; when the last export ended."""
        settings, format_ = self._settings, FileFormat(self._settings.export_format)
        destination = destination_of(f"{settings.export_to.rstrip('/')}/project={project.project_id}")
        identity = identity_of(project.token, format_, (), (), packed=False)
        address = self._server.address(project)
        export = Export(address, destination, format_, COLUMNS, (), False, since_last=True, identity=identity)
        guard = _guard(lock)
        exporter = Exporter(export, guard, guard)
        ended_ms = exporter.state().ended_ms
        # A clock that was set back does not keep the next export away for longer.
        if 0 <= _now_ms() - ended_ms < 1000 * self._every_s:
            return ended_ms
        written = exporter.run()
        metrics.export("made")
        if written.events:
            _log.info("exported", project=project.project_id, events=written.events, files=written.files)
        return _now_ms()


def _guard(lock: ProjectLock) -> Callable[[object], None]:
    """What stops an export, before a range and after each of its days, once another machine may have its lock."""

    def check(_: object) -> None:
        if not lock.is_held():
            raise StateError("the lock of the export was lost")

    return check


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
