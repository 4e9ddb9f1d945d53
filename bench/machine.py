"""What the figures were taken on: processor, memory, versions, how busy it was, and how fast its disk syncs."""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from trackway import __version__

_PAGE: Final = b"\x5a" * 4096
_PREPARED_BYTES: Final = 16 << 20


def describe_machine(work: Path, disk_s: float) -> dict[str, Any]:
    """work: a directory on the disk of the data directories; disk_s: seconds for each of the two disk figures."""
    return {
        "trackway": __version__,
        "duckdb": version("duckdb"),
        "python": platform.python_version(),
        "kernel": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_average_before": round(os.getloadavg()[0], 2),
        "appends_with_fsync_per_s": round(_append_rate(work / "appended", disk_s)),
        "prepared_writes_with_fdatasync_per_s": round(_prepared_rate(work / "prepared", disk_s)),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _append_rate(path: Path, seconds: float) -> float:
    """4 KiB appended and synced, times a second: what every naive log pays."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    done, began_s = 0, time.perf_counter()
    while (spent_s := time.perf_counter() - began_s) < seconds:
        os.write(file, _PAGE)
        os.fsync(file)
        done += 1
    os.close(file)
    path.unlink()
    return done / spent_s


def _prepared_rate(path: Path, seconds: float) -> float:
    """4 KiB written into space that was written before, and fdatasync: what the journal pays."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(file, bytes(_PREPARED_BYTES))
    os.fsync(file)
    done, began_s = 0, time.perf_counter()
    while (spent_s := time.perf_counter() - began_s) < seconds:
        os.pwrite(file, _PAGE, done * len(_PAGE) % _PREPARED_BYTES)
        os.fdatasync(file)
        done += 1
    os.close(file)
    path.unlink()
    return done / spent_s
