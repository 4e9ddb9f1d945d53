"""The snapshot of a running store, which the loader's process takes.

A backup connects to a socket in the data directory. The server lets the erasure rest, waits for the moment at which the
loader has everything that was acknowledged before, and lets the engine freeze all tables: hard links to their parts. It
clones those of a store elsewhere, by hard links, too. Parts that a merge wrote and nobody has read since are read
before the backup copies them: a copy would be as damaged as they are. Answers are lines of JSON. The connection keeps
the erasure at rest, so that the backup can read the projects of the same moment. Its end, also by a kill, sets the
erasure free. The frozen parts stay until the backup removes them.
"""

import re
import select
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path, PurePath
from typing import Final

import msgspec

from trackway.backup.clones import CLONE, clone
from trackway.backup.limits import SNAPSHOT_HELD_S_MAX, SNAPSHOT_POLL_S, SNAPSHOT_RETRY_S, SNAPSHOT_TELL_S
from trackway.backup.snapshot_words import SOCKET, Frozen, Line, place_digest, short_path
from trackway.domain.errors import StorageError
from trackway.journal.log import Progress
from trackway.loader.moments import Moments
from trackway.loader.part_verification import DERIVED
from trackway.loader.statements import read_cursor
from trackway.runtime.background import pause
from trackway.settings.table import Settings
from trackway.store.client import Store
from trackway.telemetry import logs

_NAME: Final = re.compile(r"trackway_[0-9a-zA-Z]{1,64}")
_TABLES: Final = """
SELECT name, data_paths[1] FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND NOT startsWith(name, {clones:String})
ORDER BY name"""
_MIGRATION: Final = "SELECT max(number) FROM schema_migrations"
_log = logs.get("snapshot")


class SnapshotServer:
    """Takes snapshots for one backup after another. `erasure`: the lock that is held while tasks are worked on.

    Tables of a store whose files are not in the data directory are cloned and not frozen. `read_unread` reads all parts
    that were not read since they were written, and raises StorageError where one is not whole.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        moments: Moments,
        progress: Progress,
        erasure: threading.Lock,
        read_unread: Callable[[], None],
    ):
        self._settings = settings
        self._store = store
        self._moments = moments
        self._progress = progress
        self._erasure = erasure
        self._read_unread = read_unread

    def run(self) -> None:
        """Serve until the process ends. Raises only programming errors."""
        while True:
            try:
                with closing(_listening(self._settings.run_dir)) as sock:
                    while True:
                        self._serve(sock.accept()[0])
            except OSError as error:  # a full disk has no room for the socket's name
                _log.warning("no backup can be made now, will try again", error=error.strerror)
                pause(SNAPSHOT_RETRY_S)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(SNAPSHOT_HELD_S_MAX)
            with suppress(OSError):  # the backup is gone
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        try:
            name = _name_in(connection)
            with self._erasure_at_rest(connection):
                frozen = self._frozen(connection, name)
                if not self._settings.store_url:  # the rows of clones are read, and so verified, by the engine
                    self._verify(connection)
                _send(connection, Line(frozen=frozen))
                connection.recv(1)  # the end of the connection
        except StorageError as error:
            _log.warning("no snapshot", error=str(error))
            _send(connection, Line(failure=str(error)))

    @contextmanager
    def _erasure_at_rest(self, connection: socket.socket) -> Iterator[None]:
        waited_s = 0.0
        while not self._erasure.acquire(blocking=False):
            waited_s = self._wait(connection, waited_s)
        try:
            yield
        finally:
            self._erasure.release()

    def _frozen(self, connection: socket.socket, name: str) -> Frozen:
        found: list[Frozen] = []
        done = self._moments.ask(self._progress.ends(), lambda: found.append(self._freeze(name)))
        try:
            self._await(connection, done)
        except OSError:
            done.cancel()
            raise
        return found[0]

    def _verify(self, connection: socket.socket) -> None:
        """Read what was frozen unread. A part that was merged meanwhile was read by that merge."""
        with ThreadPoolExecutor(1, "snapshot-verification") as thread:
            self._await(connection, thread.submit(self._read_unread))

    def _await(self, connection: socket.socket, done: "Future[None]") -> None:
        waited_s = 0.0
        while not done.done():
            waited_s = self._wait(connection, waited_s)
        done.result()

    def _wait(self, connection: socket.socket, waited_s: float) -> float:
        """Wait a little, and answer to the backup from time to time. Raises OSError when it is gone."""
        if _is_gone(connection):
            raise BrokenPipeError
        if waited_s >= SNAPSHOT_TELL_S:
            _send(connection, Line(left_bytes=sum(self._progress.lags())))
            waited_s = 0.0
        pause(SNAPSHOT_POLL_S)
        return waited_s + SNAPSHOT_POLL_S

    def _freeze(self, name: str) -> Frozen:
        """Freeze all tables but those that are made anew. In the loader's thread, between two batches."""
        # The embedded engine shows the id of a table in its path alone: `uuid` is all zeros.
        found = {str(table): PurePath(path).name for table, path in self._store.query(_TABLES, {"clones": CLONE})}
        kept = {table: uuid for table, uuid in found.items() if table not in DERIVED}
        for table in kept:
            if self._settings.store_url:
                clone(self._store, table)
            else:
                self._store.command(f"ALTER TABLE {{table:Identifier}} FREEZE WITH NAME '{name}'", {"table": table})
        [(migration,)] = self._store.query(_MIGRATION)
        others = {table: uuid for table, uuid in found.items() if table in DERIVED}
        cursor = read_cursor(self._store)
        end = max(*self._progress.ends(), cursor)
        places = place_digest(self._settings.store_url), place_digest(self._settings.projects_url)
        return Frozen(name, kept, others, cursor, end, int(migration), *places)


def _listening(run_dir: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    new = run_dir / f"{SOCKET}.new"
    new.unlink(missing_ok=True)
    with short_path(run_dir) as directory:
        sock.bind(f"{directory}/{new.name}")
    sock.listen(1)
    new.replace(run_dir / SOCKET)  # in place of that of a killed process
    return sock


def _name_in(connection: socket.socket) -> str:
    """The name that the backup gives to its snapshot."""
    name = b""
    while not name.endswith(b"\n") and (more := connection.recv(128)):
        name += more
    text = name.decode(errors="replace").strip()
    if not _NAME.fullmatch(text):
        raise StorageError("a snapshot needs a name of letters and digits")
    return text


def _is_gone(connection: socket.socket) -> bool:
    """Whether the backup has ended: after its name it says nothing more."""
    readable, _, _ = select.select([connection], (), (), 0)
    return bool(readable)


def _send(connection: socket.socket, line: Line) -> None:
    connection.sendall(msgspec.json.encode(line) + b"\n")
