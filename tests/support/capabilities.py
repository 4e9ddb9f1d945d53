"""Threads whose children lack a capability, whoever runs the tests."""

import ctypes
import os
from collections.abc import Callable
from threading import Thread
from typing import TypeVar

Made = TypeVar("Made")
SYS_NICE = 23
_PR_CAPBSET_DROP = 24


def without(capability: int, work: Callable[[], Made]) -> Made:
    """What `work` gives in a thread that has lost a capability: programs that it starts lack it, too."""
    made: list[Made] = []
    errors: list[BaseException] = []

    def run() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        # Who may drop nothing is not root, and has no capability to pass on.
        assert libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0 or os.geteuid() != 0, ctypes.get_errno()
        try:
            made.append(work())
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    for error in errors:
        raise error
    return made[0]
