"""The priority of a thread whose work may wait, so that it does not slow down the requests of its process."""

import os
import threading
from contextlib import suppress

from trackway.runtime.limits import QUIET_THREAD_NICENESS


def lower_priority() -> None:
    """Lower the priority of the calling thread; an initializer of a thread pool."""
    thread = threading.get_native_id()  # on Linux a priority is that of a thread
    # A pool whose initializer fails is broken for good. The usual priority is better than no thread.
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + QUIET_THREAD_NICENESS)
