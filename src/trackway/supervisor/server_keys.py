"""The keys of the server itself: files of the data directory on one machine, rows of the projects database on several.

Sessions are of the projects database, since accounts are. Hashes of erased ids are of the store. A store is shared
where the journal is, so with a journal in files the key of its hashes stays in the data directory.
"""

from pathlib import Path
from typing import NamedTuple

from trackway.domain.erased_id import KEY_BYTES as ERASURE_KEY_BYTES
from trackway.domain.errors import StateError, StorageError
from trackway.domain.limits import SESSION_KEY_BYTES
from trackway.runtime.private_key import ERASURE_KEY_FILE, SESSION_KEY_FILE, keep_key, private_key
from trackway.settings.table import Settings
from trackway.telemetry import logs

_log = logs.get("supervisor")


class Keys(NamedTuple):
    """`session`: None where the pages use the file of this machine."""

    session: bytes | None
    erasure: bytes


def server_keys(settings: Settings) -> Keys:
    """The keys of a server whose projects database has its tables. Raises StateError, StorageError."""
    return Keys(session_key(settings), erasure_key(settings))


def shares_erasure_key(settings: Settings) -> bool:
    """Whether other machines use the store of this one."""
    return bool(settings.projects_url and settings.journal_url)


def session_key(settings: Settings) -> bytes | None:
    """The key of sessions that all machines share. None: the pages use the file of this one. Raises StorageError."""
    if not settings.projects_url:
        return None
    from trackway.projects.server_keys import SESSION_KEY, shared_key  # noqa: PLC0415  # SQLite does without psycopg

    own = _key_in(settings.data_dir / SESSION_KEY_FILE, SESSION_KEY_BYTES)
    key = shared_key(settings.projects_url, SESSION_KEY, SESSION_KEY_BYTES, own)
    if own not in (None, key):
        _log.info(f"{SESSION_KEY_FILE} is not used: the key in the projects database counts")
    return key


def erasure_key(settings: Settings) -> bytes:
    """The key of the hashes of erased ids. Raises StateError when the hashes in the store have another one than the
    projects database has, and StorageError."""
    path = settings.data_dir / ERASURE_KEY_FILE
    if not shares_erasure_key(settings):
        return private_key(path, ERASURE_KEY_BYTES, "put back the file of the last backup")
    from trackway.projects.server_keys import erasure_key_name, shared_key  # noqa: PLC0415  # as above

    own = _key_in(path, ERASURE_KEY_BYTES)
    key = shared_key(settings.projects_url, erasure_key_name(settings.region), ERASURE_KEY_BYTES, own)
    if own not in (None, key):
        raise StateError(
            f"{path} is another key than {erasure_key_name(settings.region)!r} in the table server_keys of the "
            "projects database. If this machine joins others, remove the file. If the store was this machine's before, "
            "stop all servers, delete that row, and start this machine first"
        )
    keep_key(path, key)  # for the backups of this machine
    return key


def _key_in(path: Path, size: int) -> bytes | None:
    """The key of an earlier start with this data directory, which becomes that of all. Raises StorageError."""
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path} cannot be used: {(error.strerror or str(error)).lower()}") from error
    if len(key) != size:
        raise StorageError(f"{path} must hold {size} bytes: put back the file of the last backup, or remove it")
    return key
