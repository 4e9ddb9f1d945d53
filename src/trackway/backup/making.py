"""Making a backup of a running server: a snapshot, its files that the place lacks, the manifest.

The snapshot has everything that was acknowledged before the backup began, and nothing of the journal is needed
(docs/decisions.md). Parts never change, so those of an earlier backup are named again and not copied. A backup that is
killed leaves files that no manifest names, which a later one overwrites or removes.
"""

import os
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple, Protocol

from trackway import __version__
from trackway.backup.frozen_parts import FrozenParts
from trackway.backup.leftovers import PREFIX, WORK, alone, engine_of
from trackway.backup.limits import BACKUP_NICENESS, ROOM_SPARE_BYTES
from trackway.backup.manifest import FORMAT, Manifest, Stored, new_id
from trackway.backup.packs import Entry, write_pack
from trackway.backup.pieces import Piece, Snapshot
from trackway.backup.repository import Repository
from trackway.backup.snapshot_client import with_snapshot
from trackway.backup.snapshot_words import Frozen, place_digest
from trackway.domain.errors import ConfigError, StateError, StorageError
from trackway.projects.drivers import open_reader
from trackway.runtime.last_backup import LastBackup, note_backup
from trackway.settings.table import Settings, shown
from trackway.store.client import Store
from trackway.store.workload import BACKUP

ERASURE_KEY: Final = "erasure.key"
PROJECTS: Final = "projects.jsonl"


class Progress(Protocol):
    """Gets how far a backup is, in bytes."""

    def waits(self, left_bytes: int) -> object:
        """So many bytes are left to load before the snapshot."""

    def begins(self, what: str, total_bytes: int) -> object:
        """Copying or reading begins."""

    def advances(self, done_bytes: int) -> object:
        """So many more bytes are done."""


class Made(NamedTuple):
    """A backup that was made, and the ids of the older ones that were removed."""

    manifest: Manifest
    removed: list[str]


def make_backup(settings: Settings, place: str, repository: Repository, keep: int, progress: Progress) -> Made:
    """Back up the server that runs on the data directory. With `keep` the older backups are removed.

    At return the backup is durable. The process goes on with a low priority. Raises ConfigError and StateError where it
    cannot be made.
    """
    _check_possible(settings)
    os.nice(max(BACKUP_NICENESS - os.nice(0), 0))
    with alone(settings.data_dir):
        repository.place.clean()
        origin = _origin(settings)
        _check_origin(repository, origin)
        manifest = _made(settings, repository, origin, progress)
        done = LastBackup(manifest.id, place, manifest.ended_ms, manifest.bytes, manifest.new_bytes)
        note_backup(settings.run_dir, done)
        removed = repository.remove_old(keep) if keep else []
    return Made(manifest, removed)


def verify(repository: Repository, manifest: Manifest, progress: Progress) -> None:
    """Read all files of a backup. Raises StateError for one that is missing or was changed."""
    repository.check_sizes(manifest)
    progress.begins("verifying", manifest.bytes)
    for each in manifest.files:
        repository.check_content(manifest, each)
        progress.advances(each.bytes)


def _made(settings: Settings, repository: Repository, origin: str, progress: Progress) -> Manifest:
    began_ms = _now_ms()
    backup_id = new_id(began_ms)
    with TemporaryDirectory(prefix=WORK, dir=settings.run_dir) as work:
        rows = Path(work) / PROJECTS
        frozen, revision = with_snapshot(
            settings.run_dir, f"{PREFIX}{backup_id}", progress.waits, lambda: _read_projects(settings, rows)
        )
        _check_places(settings, frozen)
        snapshot = _snapshot(settings, frozen)
        try:
            pieces = snapshot.pieces()
            if not pieces:
                raise StateError("the snapshot has no rows, not even of its migrations: look at the server's log")
            parts = _put_pieces(repository, pieces, rows.stat().st_size, progress)
            key = Entry(ERASURE_KEY, settings.data_dir / ERASURE_KEY)
            entries = [Entry(PROJECTS, rows), key, *snapshot.definitions()]
            name = f"state/{backup_id}.tar"
            digest = repository.put(name, partial(write_pack, entries))
        finally:
            snapshot.remove()
    manifest = Manifest(
        format=FORMAT,
        id=backup_id,
        version=__version__,
        origin=origin,
        began_ms=began_ms,
        ended_ms=_now_ms(),
        cursor=frozen.cursor,
        end=frozen.end,
        migration=frozen.migration,
        revision=revision,
        kind=snapshot.kind,
        tables=frozen.tables | frozen.empty_tables,
        columns=snapshot.columns,
        state=Stored(name, *digest),
        parts=[each for each, _ in parts],
        new_bytes=digest.bytes + sum(each.bytes for each, is_new in parts if is_new),
    )
    repository.finish(manifest)
    return manifest


def _check_places(settings: Settings, frozen: Frozen) -> None:
    """Raise ConfigError unless the settings name the databases that the server uses. Others would be backed up."""
    for name, url, used in (
        ("store_url", settings.store_url, frozen.store),
        ("projects_url", settings.projects_url, frozen.projects),
    ):
        if place_digest(url) != used:
            raise ConfigError(f"{name} must be that of the server (from {settings.source(name)})")


def _snapshot(settings: Settings, frozen: Frozen) -> Snapshot:
    if not settings.store_url:
        return FrozenParts(engine_of(settings.data_dir), frozen)
    from trackway.backup.clones import ClonedRows  # noqa: PLC0415  # packing and a client, for a store elsewhere

    return ClonedRows(Store(settings.store_at, workload=BACKUP), frozen.tables, frozen.empty_tables)


def _put_pieces(
    repository: Repository, found: Sequence[Piece], state_bytes: int, progress: Progress
) -> list[tuple[Stored, bool]]:
    """The files of all pieces, and whether they are new. Those that the place lacks are written."""
    known = repository.reusable(repository.ids())
    new_bytes = sum(each.bytes for each in found if each.key not in known)
    free_bytes = repository.place.free_bytes()
    if free_bytes is not None and free_bytes < new_bytes + state_bytes + ROOM_SPARE_BYTES:
        raise StateError(
            f"the backup needs {new_bytes + state_bytes + ROOM_SPARE_BYTES} bytes and its place has {free_bytes} free: "
            "make room, or name another place"
        )
    progress.begins("copying", new_bytes)
    parts = list[tuple[Stored, bool]]()
    for each in found:
        if (stored := known.get(each.key)) is None:
            digest = repository.put(each.name, each.write)
            parts.append((Stored(each.name, *digest, each.table, each.part, each.key, each.rows), True))
            progress.advances(each.bytes)
        else:
            parts.append((stored, False))
    return parts


def _read_projects(settings: Settings, to: Path) -> str:
    """Write the rows of the projects database. Returns its migration."""
    from trackway.projects.rows import all_rows, revision_of  # noqa: PLC0415  # half a second of imports

    with closing(open_reader(settings.projects_at, patient=True)) as reader:
        if not reader.has_tables():
            raise ConfigError(f"no projects in {shown(str(settings.projects_at))}: give the server's projects_url")
    revision = ""
    with to.open("wb") as file:
        for line in all_rows(settings.projects_at):
            revision = revision or revision_of(line)
            file.write(line)
    return revision


def _check_possible(settings: Settings) -> None:
    if settings.store_cluster:
        raise StateError(
            "the store is a cluster (store_cluster): stop the servers, and back it up with ClickHouse's BACKUP"
        )
    if not settings.run_dir.is_dir():
        where = "start the server on it first, or name the server's directory with --data-dir"
        raise ConfigError(f"no trackway data in {settings.data_dir}: {where}")


def _origin(settings: Settings) -> str:
    """A name for the server, which is equal for all of its backups. Its erasure key is its own."""
    try:
        key = (settings.data_dir / ERASURE_KEY).read_bytes()
    except OSError as error:
        raise StorageError(f"{settings.data_dir / ERASURE_KEY} cannot be read: {error.strerror}") from error
    return sha256(b"origin of backups" + key).hexdigest()[:32]


def _check_origin(repository: Repository, origin: str) -> None:
    """Raise StateError for a place that has backups of another server: its old ones must not be removed for ours."""
    for backup_id in reversed(repository.ids()):
        try:
            found = repository.read(backup_id)
        except StateError:  # one that cannot be read keeps nobody from making another
            continue
        if found.origin != origin:
            raise StateError("the place has backups of another server: name another place")
        return


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
