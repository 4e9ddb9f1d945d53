"""A city database in MaxMind's format: from addresses to places, reloaded when the file changes.

The file is mapped into memory, so only the used pages cost memory, and processes share them. A file that is overwritten
in place would kill the process at its next read, and would be read half written. So the mapped file is a private copy
without a name, which ends with the process. Only the file of an installed package, which installers replace and never
overwrite, is mapped directly.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import _lru_cache_wrapper, lru_cache, partial
from ipaddress import IPv6Address
from pathlib import Path
from typing import NamedTuple

import maxminddb_rust

from trackway.domain.errors import ConfigError
from trackway.domain.limits import ADDRESS_CHARACTERS_MAX, ADDRESSES_REMEMBERED
from trackway.geo.layout import place_in
from trackway.geo.place import Place
from trackway.telemetry import logs

_COPY_BYTES = 1 << 20
_MAPPED_IPV4 = "::ffff:"
_WITH_DISTRICTS = "DBIP"
"""DB-IP's databases contain parts of a city: `Berlin (Mitte)`."""

_log = logs.get("geo")


class FileState(NamedTuple):
    """One state of a file; every write changes the time of the last change."""

    device: int
    inode: int
    size: int
    changed_ns: int


class DatabaseState(NamedTuple):
    """The file of a database, and its build time in seconds since the epoch."""

    path: Path
    built_s: int


class CityDatabase:
    """One database file. Cheap to fork: children share what was mapped before.

    `copies`: a directory for the private copy; None for a file that is never overwritten. Raises ConfigError when
    the file cannot be used.
    """

    def __init__(self, path: Path, copies: Path | None):
        self._path = path
        self._copies = copies
        self._place_of, self._decided, self._built_s = _open(path, copies)
        self._seen: FileState | None = self._decided

    def place_of(self, address: str) -> Place | None:
        """The place of an IPv4 or IPv6 address in its usual notation; None for an unknown or malformed one."""
        return self._place_of(address) if len(address) <= ADDRESS_CHARACTERS_MAX else None

    @property
    def state(self) -> "DatabaseState":
        """The file in use, and its age."""
        return DatabaseState(self._path, self._built_s)

    @property
    def remembered(self) -> int:
        """Addresses whose places are in memory."""
        return self._place_of.cache_info().currsize

    def refresh(self) -> None:
        """Reload the file if it has changed, but not since the last call, when it may still be written.

        A file that is no database is logged once, and the previous one stays in use. Blocks while the file is copied.
        """
        seen = _state(self._path)
        settled, self._seen = seen == self._seen, seen
        if seen == self._decided or not settled:
            return
        self._decided = seen
        try:
            self._place_of, self._decided, self._built_s = _open(self._path, self._copies)
        except ConfigError as error:
            _log.error("city database cannot be loaded, keeping the previous one", error=str(error))
        else:
            _log.info("city database reloaded", path=str(self._path))


def _state(path: Path) -> FileState | None:
    try:
        return _state_of(path.stat())
    except OSError:
        return None


def _state_of(found: os.stat_result) -> FileState:
    return FileState(found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns)


def _open(path: Path, copies: Path | None) -> tuple["_lru_cache_wrapper[Place | None]", FileState | None, int]:
    try:
        state, reader = _copied(path, copies) if copies else (_state(path), _reader(path))
    except OSError as error:
        raise ConfigError(f"geoip_database {path} cannot be used: {(error.strerror or str(error)).lower()}") from error
    except (maxminddb_rust.InvalidDatabaseError, ValueError) as error:
        raise ConfigError(f"geoip_database {path} is no city database in MaxMind's format") from error
    about = reader.metadata()
    districts = about.database_type.startswith(_WITH_DISTRICTS)
    return lru_cache(ADDRESSES_REMEMBERED)(partial(_look_up, reader.get, districts)), state, about.build_epoch


def _copied(path: Path, copies: Path) -> tuple[FileState, maxminddb_rust.Reader]:
    """A map of a copy of the file, and the file's state before it was copied."""
    with path.open("rb") as file, tempfile.TemporaryFile(dir=copies) as copy:
        state = _state_of(os.fstat(file.fileno()))
        shutil.copyfileobj(file, copy, _COPY_BYTES)
        copy.flush()
        return state, _reader(Path(f"/dev/fd/{copy.fileno()}"))


def _reader(path: Path) -> maxminddb_rust.Reader:
    return maxminddb_rust.open_database(path, maxminddb_rust.MODE_MMAP)


def _look_up(record_of: Callable[[str | IPv6Address], object], districts: bool, address: str) -> Place | None:
    try:
        if address[: len(_MAPPED_IPV4)].lower() == _MAPPED_IPV4:
            address = str(IPv6Address(address).ipv4_mapped)
        return place_in(record_of(address), districts=districts)
    except (ValueError, maxminddb_rust.InvalidDatabaseError):  # no address, or an IPv6 address in an IPv4 file
        return None
