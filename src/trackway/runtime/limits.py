"""Limits of `runtime`: one constant each, with its unit and its source."""

# Free space on the disk
DISK_FREE_BYTES_DEFAULT_MIN = 1 << 30
DISK_FREE_BYTES_DEFAULT_MAX = 10 << 30
DISK_FREE_DEFAULT_ONE_IN = 20
"""Bytes to keep free where the setting is 0: one in this many bytes of the disk, within these bounds."""
DISK_FREE_DEFAULT_MOST_ONE_IN = 4
"""At most one in this many bytes of the disk. Without this bound a small disk could not be used at all."""
DISK_LOOK_S = 0.2
"""A process reads the free space at most this often. Some tens of megabytes may arrive in between."""
LOAD_ROOM_TIMES = 8
"""Room above its low-water mark that the loader needs for a batch, in sizes of the batch."""
LOAD_BYTES_MIN = 64 * 1024
"""Smallest room for a batch. With less room the loader waits."""

# Processes
AWAKE_STEP_S_MAX = 2.0
"""At most this much of the time between two checks of the supervisor counts as awake. In the rest of a longer gap the
machine was suspended, or its clock was set."""
QUIET_THREAD_NICENESS = 10
"""Niceness of the threads that verify secrets or change projects. Where cores are short, each gets a tenth of one."""
LOCK_WAIT_S_MAX = 10.0
"""A start waits at most so long for the children of a server that was killed: they hold the data directory's lock."""
LOCK_LOOK_S = 0.05
"""The rest between two attempts to take that lock."""
