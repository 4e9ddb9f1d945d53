"""Restoring a backup into an empty data directory.

A mark is the first file of a restore and the last one to go. No server starts beside it, so a restore that was killed
is never taken for a server's data. The next restore begins anew.
"""

import dataclasses
import os
import re
import shutil
from collections.abc import Iterable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Final

from trackway.backup.clones import DEFINITIONS, ClonedRows
from trackway.backup.frozen_parts import place_definitions, table_directory
from trackway.backup.leftovers import engine_of
from trackway.backup.limits import ROOM_SPARE_BYTES
from trackway.backup.making import ERASURE_KEY, PROJECTS, Progress
from trackway.backup.manifest import Manifest, Stored
from trackway.backup.packs import unpack
from trackway.backup.repository import Repository, check_digest
from trackway.backup.restored_rows import check_store_empty, restore_rows
from trackway.domain.errors import StateError, StorageError
from trackway.journal.open import open_journal
from trackway.runtime.directory_lock import locked
from trackway.runtime.unfinished_restore import MARK
from trackway.settings.table import Settings
from trackway.store.client import Store
from trackway.store.migrate import migrations
from trackway.store.workload import BACKUP

ROWS: Final = ClonedRows.kind
_TABLE: Final = re.compile(r"[a-z_]{1,64}")
_UUID: Final = re.compile(r"[0-9a-f-]{0,36}")
_PART: Final = re.compile(r"[0-9A-Za-z_-]{1,255}(\.[0-9]+)?")
_WORK: Final = "restoring"
_OURS: Final = ("journal", "store", "projects.db", "projects.db-wal", "projects.db-shm", ERASURE_KEY, _WORK)
_FREE: Final = {"run", "lost+found"}
"""Entries of a directory that counts as empty."""


def check_possible(settings: Settings, repository: Repository, manifest: Manifest) -> None:
    """Raise StateError unless the backup can be restored there. Nothing is changed."""
    newest = migrations()[-1].number
    if manifest.migration > newest:
        raise StateError(
            f"backup {manifest.id} has a store of version {manifest.version}: restore it with that version or a later"
        )
    _check_names(manifest)
    repository.check_sizes(manifest)
    _check_target(settings.data_dir)
    _check_store(settings, manifest)
    _check_projects(settings)
    free_bytes = shutil.disk_usage(_existing(settings.data_dir)).free
    needed_bytes = ROOM_SPARE_BYTES + (manifest.state.bytes if manifest.kind == ROWS else manifest.bytes)
    if free_bytes < needed_bytes:
        raise StateError(
            f"backup {manifest.id} needs {needed_bytes} bytes, and {settings.data_dir} has "
            f"{free_bytes} free: make room, or name another directory"
        )


def restore(settings: Settings, repository: Repository, manifest: Manifest, progress: Progress) -> None:
    """Restore a backup that `check_possible` has let pass.

    At return everything is durable and the directory is a server's. Raises StateError and StorageError; then the
    directory is that of an unfinished restore.
    """
    with locked(settings.run_dir / "lock"):
        _begin(settings.data_dir)
        _restore(settings, repository, manifest, progress)


def _restore(settings: Settings, repository: Repository, manifest: Manifest, progress: Progress) -> None:
    data_dir = settings.data_dir
    try:
        progress.begins("restoring", manifest.bytes)
        work = data_dir / _WORK
        _unpack(repository, manifest, manifest.state, work)
        progress.advances(manifest.state.bytes)
        if manifest.kind == ROWS:
            restore_rows(_store(settings), repository, manifest, (work / DEFINITIONS).read_bytes(), progress)
        else:
            _restore_parts(data_dir, work, repository, manifest, progress)
        if not manifest.journal_generation:
            open_journal(dataclasses.replace(settings, journal_url="")).begin_after(manifest.cursor, manifest.end)
        (work / ERASURE_KEY).rename(data_dir / ERASURE_KEY)
        _restore_projects(settings, work / PROJECTS)
        shutil.rmtree(work)
        _sync(data_dir)
        (data_dir / MARK).unlink()
        _sync_directory(data_dir)
    except OSError as error:
        raise StorageError(f"{data_dir} cannot be written: {error.strerror or error}") from error


def _restore_parts(data_dir: Path, work: Path, repository: Repository, manifest: Manifest, progress: Progress) -> None:
    engine = engine_of(data_dir)
    engine.mkdir(parents=True)
    place_definitions(work, engine, manifest.tables)
    for each in manifest.parts:
        _unpack(repository, manifest, each, engine / table_directory(manifest.tables[each.table]) / each.part)
        progress.advances(each.bytes)


def _store(settings: Settings) -> Store:
    return Store(settings.store_at, workload=BACKUP)


def _begin(data_dir: Path) -> None:
    """Mark the directory as that of an unfinished restore, and remove what an earlier one has left there."""
    try:
        (data_dir / MARK).touch(0o600)
        _sync_directory(data_dir)
        for name in _OURS:
            path = data_dir / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{data_dir} cannot be used: {error.strerror or error}") from error


def _check_names(manifest: Manifest) -> None:
    """Names of the manifest become parts of paths and statements."""
    parts = [(each.table, each.part) for each in manifest.parts]
    if not all(_TABLE.fullmatch(table) and _UUID.fullmatch(uuid) for table, uuid in manifest.tables.items()) or not all(
        table in manifest.tables and _PART.fullmatch(part) for table, part in parts
    ):
        raise StateError(f"backup {manifest.id} names tables or parts that are none of ours")


def _check_target(data_dir: Path) -> None:
    if not data_dir.exists() or (data_dir / MARK).exists():
        return
    if not data_dir.is_dir():
        raise StateError(f"{data_dir} is no directory: name an empty one with --data-dir")
    if found := {each.name for each in data_dir.iterdir()} - _FREE:
        shown = ", ".join(sorted(found)[:3])
        raise StateError(f"{data_dir} is not empty ({shown}): name an empty directory with --data-dir")


def _check_store(settings: Settings, manifest: Manifest) -> None:
    """Rows go to an empty store elsewhere, parts to the data directory."""
    if manifest.kind == ROWS and not settings.store_url:
        raise StateError("the backup is of a store elsewhere: name an empty one with --store-url")
    if manifest.kind != ROWS and settings.store_url:
        raise StateError(
            "the backup is of an embedded store: restore it without --store-url; `trackway store serve` can serve it"
        )
    if manifest.kind == ROWS:
        check_store_empty(_store(settings))


def _check_projects(settings: Settings) -> None:
    """An empty directory has no projects; a database elsewhere may."""
    if settings.projects_url and not _was_filled(settings):
        from trackway.projects.rows import check_empty  # noqa: PLC0415  # half a second of imports

        check_empty(settings.projects_at)


def _was_filled(settings: Settings) -> bool:
    """Whether an unfinished restore found the projects database elsewhere empty, and may have filled it."""
    try:
        return (settings.data_dir / MARK).read_text() == _database_mark(settings)
    except FileNotFoundError:
        return False


def _database_mark(settings: Settings) -> str:
    """What the mark says of the projects database elsewhere: a digest, since its URL has a password."""
    return sha256(settings.projects_url.encode()).hexdigest()


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.absolute().parents) if each.exists())


def _unpack(repository: Repository, manifest: Manifest, each: Stored, to: Path) -> None:
    with closing(repository.place.open(each.name)) as file:
        check_digest(manifest, each, unpack(file, to))


def _restore_projects(settings: Settings, rows: Path) -> None:
    from trackway.projects import rows as project_rows  # noqa: PLC0415  # as above

    again = bool(settings.projects_url) and _was_filled(settings)
    if settings.projects_url and not again:
        mark = settings.data_dir / MARK
        mark.write_text(_database_mark(settings))
        _sync_files([mark])
    with rows.open("rb") as lines:
        project_rows.restore_rows(settings.projects_at, lines, again=again)


def _sync(directory: Path) -> None:
    """Make all files and names below durable."""
    for above, _, names in os.walk(directory):
        _sync_files(Path(above, name) for name in names)
        _sync_directory(Path(above))


def _sync_files(paths: Iterable[Path]) -> None:
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
