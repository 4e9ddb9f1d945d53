"""The process that makes backups on a schedule (`backup_every`), beside the server's others."""

import threading
import time

from trackway.backup.limits import SCHEDULE_POLL_S, SCHEDULE_RETRY_S
from trackway.backup.making import Made, make_backup
from trackway.backup.repository import Repository
from trackway.domain.duration import seconds_of
from trackway.domain.errors import InvalidInput, StateError, StorageError
from trackway.runtime.background import pause, start_thread
from trackway.runtime.heartbeat import Heartbeat
from trackway.runtime.last_backup import LastBackup, last_backup
from trackway.settings.table import Settings
from trackway.telemetry import logs, metrics
from trackway.transfer.destinations import destination_of

_log = logs.get("backup")


class _Silent:
    """Nobody watches the progress."""

    def waits(self, left_bytes: int) -> None: ...

    def begins(self, what: str, total_bytes: int) -> None: ...

    def advances(self, done_bytes: int) -> None: ...


def run(settings: Settings, heartbeat: Heartbeat) -> None:
    """Make backups until the process ends. A backup runs in a thread, so that it may take any time."""
    every_s = seconds_of(settings.backup_every)
    assert every_s, "the settings were checked"
    retry_s = min(float(every_s), SCHEDULE_RETRY_S)
    thread: threading.Thread | None = None
    tried_s = float("-inf")
    metrics.backups_scheduled()
    while True:
        heartbeat.beat()
        last = last_backup(settings.run_dir)
        _show(last)
        is_free = thread is None or not thread.is_alive()
        if is_free and _is_due(last, settings.backup_to, every_s) and time.monotonic() - tried_s >= retry_s:
            tried_s = time.monotonic()
            thread = start_thread(lambda: _make(settings), "backup")
        pause(SCHEDULE_POLL_S)


def _is_due(last: LastBackup | None, place: str, every_s: int) -> bool:
    """Whether the time has come. A clock that was set back does not keep the next backup away for longer."""
    if last is None or last.place != place:
        return True
    return not 0 <= time.time() - last.ended_ms / 1000 < every_s


def _show(last: LastBackup | None) -> None:
    if last is not None:
        made_at_s = last.ended_ms / 1000
        metrics.backup_age(made_at_s, max(time.time() - made_at_s, 0.0))


def _make(settings: Settings) -> None:
    place = settings.backup_to
    try:
        made = make_backup(settings, place, Repository(destination_of(place)), settings.backup_keep, _Silent())
    except (StateError, StorageError, InvalidInput) as error:
        metrics.backup("failed")
        _log.error("no backup was made, will try again", error=str(error))
        return
    metrics.backup("made")
    _tell(made)


def _tell(made: Made) -> None:
    manifest = made.manifest
    facts = {"id": manifest.id, "bytes": manifest.bytes, "new_bytes": manifest.new_bytes, "removed": len(made.removed)}
    _log.info("made a backup", **facts, took_s=round((manifest.ended_ms - manifest.began_ms) / 1000, 1))
