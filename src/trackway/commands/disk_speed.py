"""How long a disk takes to make a record durable, by what the journal does: small writes into prepared space, synced.

`measure` writes a file of its own and removes it. `judged` and `file_system_at` are pure.
"""

import os
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from trackway.commands.findings import FAULT, OK, WARNING, Finding
from trackway.commands.limits import (
    DOCTOR_SYNC_BYTES,
    DOCTOR_SYNC_S_HIGH,
    DOCTOR_SYNC_S_LOW,
    DOCTOR_SYNC_S_MAX,
    DOCTOR_SYNCS_MAX,
)

_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_REMOTE: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs"})


class SyncTimes(NamedTuple):
    """Seconds of a write with its sync: of the middle one, and of the slowest but one in a hundred."""

    median_s: float
    p99_s: float
    number: int


def measure(directory: Path) -> SyncTimes:
    """Write and sync in a file in the directory, for a second at most. Raises OSError."""
    times = []
    with tempfile.TemporaryFile(dir=directory, prefix=".trackway-doctor-") as file:
        file.write(bytes(DOCTOR_SYNC_BYTES * DOCTOR_SYNCS_MAX))
        file.flush()
        os.fsync(file.fileno())
        piece, began_s = b"\1" * DOCTOR_SYNC_BYTES, time.monotonic()
        for index in range(DOCTOR_SYNCS_MAX):
            wrote_s = time.monotonic()
            os.pwrite(file.fileno(), piece, index * DOCTOR_SYNC_BYTES)
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - wrote_s)
            if time.monotonic() - began_s > DOCTOR_SYNC_S_MAX:
                break
    times.sort()
    return SyncTimes(times[len(times) // 2], times[(len(times) - 1) * 99 // 100], len(times))


def judged(times: SyncTimes, file_system: str) -> Finding:
    """What the times mean on a file system of this type."""
    said = f"a write with its sync takes {_text(times.median_s)}, 99 % take up to {_text(times.p99_s)} ({file_system})"
    if file_system in _MEMORY:
        return Finding("disk", FAULT, f"{said}: this is memory", "put data_dir on a disk: a restart loses everything")
    if file_system in _REMOTE:
        return Finding("disk", FAULT, f"{said}: this is no local disk", "put data_dir on a local file system")
    if file_system == "overlay":
        advice = "mount a volume at data_dir: a container's own files are removed with it"
        return Finding("disk", WARNING, said, advice)
    if times.median_s < DOCTOR_SYNC_S_LOW:
        advice = (
            "find out who drops the syncs (a virtual disk with an unsafe cache, eatmydata, a mount without barriers): "
            "a power failure would lose acknowledged events"
        )
        return Finding("disk", WARNING, f"{said}: faster than a device can be", advice)
    if times.median_s > DOCTOR_SYNC_S_HIGH:
        return Finding("disk", WARNING, said, "use a faster disk: each request waits for one sync")
    return Finding("disk", OK, said)


def file_system_at(path: Path, mounts: str) -> str:
    """The type of the file system of an absolute path, by the text of `/proc/self/mountinfo`; "unknown" otherwise."""
    longest, found = -1, "unknown"
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        point = Path(fields.split()[4].encode().decode("unicode_escape"))
        # Of two mounts at one place the later one covers the earlier.
        if path.is_relative_to(point) and len(point.parts) >= longest:
            longest, found = len(point.parts), rest.split()[0]
    return found


def _text(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if seconds < 0.001 else f"{seconds * 1e3:.1f} ms"
