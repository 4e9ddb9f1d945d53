"""The priorities of threads: of one whose work may wait, and whether this process may raise one again."""

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from trackway.runtime.limits import QUIET_THREAD_NICENESS

_CAP_SYS_NICE: Final = 23
_STATUS: Final = Path("/proc/self/status")


def may_raise_priority() -> bool:
    """Whether this process has the capability CAP_SYS_NICE, without which the store's engine sets no priority."""
    return has_sys_nice(_STATUS.read_text())


def has_sys_nice(status: str) -> bool:
    """The same for the text of a process's `/proc/…/status`."""
    effective = status.partition("CapEff:")[2].split()[0]
    return bool(int(effective, 16) >> _CAP_SYS_NICE & 1)


def lower_priority() -> None:
    """Lower the priority of the calling thread; an initializer of a thread pool."""
    thread = threading.get_native_id()  # on Linux a priority is that of a thread
    # A pool whose initializer fails is broken for good. The usual priority is better than no thread.
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + QUIET_THREAD_NICENESS)
