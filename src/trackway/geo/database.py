"""A city database in MaxMind's format: addresses in, places out, taken anew when the file changes.

The file is mapped into memory, so that only the pages that are asked for cost any and that processes share them. A file
that may be written over in place would end the process at the next look into the map, and would change under its
reader before it is whole. So what is mapped is a private copy, which has no name and goes with the process; only the
file of an installed package, which is always replaced and never written over, is mapped as it is.
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

from trackway import logs
from trackway.errors import ConfigError
from trackway.geo.layout import place_in
from trackway.geo.place import Place
from trackway.limits import ADDRESS_CHARACTERS_MAX, ADDRESSES_REMEMBERED

_COPY_BYTES = 1 << 20
_MAPPED_IPV4 = "::ffff:"
_WITH_DISTRICTS = "DBIP"
"""Databases of DB-IP name parts of a city: `Berlin (Mitte)`."""

_log = logs.get("geo")


class Identity(NamedTuple):
    """What tells one state of a file from another; the time of the last change is set by every write."""

    device: int
    inode: int
    size: int
    changed_ns: int


class DatabaseState(NamedTuple):
    """The file of a database, and when its makers built it, in seconds since the epoch."""

    path: Path
    built_s: int


class CityDatabase:
    """One file, and the places in it. Cheap to fork: children share what was mapped before.

    `copies` is a directory for the private copy; None for a file that is never written over. Raises ConfigError when
    the file cannot be used.
    """

    def __init__(self, path: Path, copies: Path | None):
        self._path = path
        self._copies = copies
        self._place_of, self._decided, self._built_s = _open(path, copies)
        self._seen: Identity | None = self._decided

    def place_of(self, address: str) -> Place | None:
        """The place of an IPv4 or IPv6 address in its usual notation; None when it is unknown, or is no address."""
        return self._place_of(address) if len(address) <= ADDRESS_CHARACTERS_MAX else None

    @property
    def state(self) -> "DatabaseState":
        """Which file is in use, and how old it is."""
        return DatabaseState(self._path, self._built_s)

    @property
    def remembered(self) -> int:
        """Addresses whose places are in memory."""
        return self._place_of.cache_info().currsize

    def refresh(self) -> None:
        """Take the file over if it has changed, and has not since the last call: it may still be being written.

        What is no database is told once, and what was there before stays in use. Blocks for as long as a copy takes.
        """
        seen = _identity(self._path)
        settled, self._seen = seen == self._seen, seen
        if seen == self._decided or not settled:
            return
        self._decided = seen
        try:
            self._place_of, self._decided, self._built_s = _open(self._path, self._copies)
        except ConfigError as error:
            _log.error("city database cannot be taken over, keeping the one before", error=str(error))
        else:
            _log.info("city database taken over", path=str(self._path))


def _identity(path: Path) -> Identity | None:
    try:
        return _identity_of(path.stat())
    except OSError:
        return None


def _identity_of(found: os.stat_result) -> Identity:
    return Identity(found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns)


def _open(path: Path, copies: Path | None) -> tuple["_lru_cache_wrapper[Place | None]", Identity | None, int]:
    try:
        identity, reader = _copied(path, copies) if copies else (_identity(path), _reader(path))
    except OSError as error:
        raise ConfigError(f"geoip_database {path} cannot be used: {(error.strerror or str(error)).lower()}") from error
    except (maxminddb_rust.InvalidDatabaseError, ValueError) as error:
        raise ConfigError(f"geoip_database {path} is no city database in MaxMind's format") from error
    about = reader.metadata()
    districts = about.database_type.startswith(_WITH_DISTRICTS)
    return lru_cache(ADDRESSES_REMEMBERED)(partial(_look_up, reader.get, districts)), identity, about.build_epoch


def _copied(path: Path, copies: Path) -> tuple[Identity, maxminddb_rust.Reader]:
    """A map of a copy of the file, and what the file was before it was copied."""
    with path.open("rb") as file, tempfile.TemporaryFile(dir=copies) as copy:
        identity = _identity_of(os.fstat(file.fileno()))
        shutil.copyfileobj(file, copy, _COPY_BYTES)
        copy.flush()
        return identity, _reader(Path(f"/dev/fd/{copy.fileno()}"))


def _reader(path: Path) -> maxminddb_rust.Reader:
    return maxminddb_rust.open_database(path, maxminddb_rust.MODE_MMAP)


def _look_up(record_of: Callable[[str | IPv6Address], object], districts: bool, address: str) -> Place | None:
    try:
        if address[: len(_MAPPED_IPV4)].lower() == _MAPPED_IPV4:
            address = str(IPv6Address(address).ipv4_mapped)
        return place_in(record_of(address), districts=districts)
    except (ValueError, maxminddb_rust.InvalidDatabaseError):  # no address, or one of IPv6 in a file of IPv4
        return None
