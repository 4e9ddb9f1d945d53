"""A directory in memory, for many files of a few bytes that no test keeps. To remove such a file takes a disk a hundred
times as long, and pytest removes at its end what an earlier run left."""

import os
from tempfile import TemporaryDirectory
from typing import Final

MEMORY: Final = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where directories in memory are made; None, as for `tempfile`, is the usual place, where the machine has no such."""


def memory_directory() -> "TemporaryDirectory[str]":
    """A directory that is gone after its `with`."""
    return TemporaryDirectory(prefix="trackway-", dir=MEMORY)
