"""Limits of `backup`: one constant each, with its unit and its source."""

# Snapshots
SNAPSHOT_POLL_S = 0.1
"""How often a snapshot looks whether the erasure rests and the loader has come to its moment."""
SNAPSHOT_TELL_S = 0.5
"""How often a backup that waits for its snapshot hears how much is left to load."""
SNAPSHOT_WAIT_S_MAX = 900.0
"""A backup waits this long until what was acknowledged before it is loaded."""
SNAPSHOT_SILENCE_S_MAX = 60.0
"""A loader that says nothing for so long hangs: the supervisor kills it, and the backup asks again."""
SNAPSHOT_HELD_S_MAX = 300.0
"""Erasures rest at most so long while the projects are read."""
SNAPSHOT_TRIES_MAX = 10
SNAPSHOT_AGAIN_S = 1.0
"""How often, and after which pause, a snapshot is asked for again whose loader was killed."""
SNAPSHOT_RETRY_S = 10.0
"""Pause before the loader's process tries again to make the socket of snapshots."""
SNAPSHOT_LINE_BYTES_MAX = 1 << 20
"""One line of the loader's answer."""

# Files
COPY_BYTES = 1 << 20
"""Bytes of a file that are read at once."""
SLICE_ROWS = 100_000
"""Rows of a store elsewhere that are one file, and one insert of a restore."""
MANIFEST_BYTES_MAX = 1 << 28
"""A longer manifest is not read; it would name a million parts."""
BACKUP_NICENESS = 15
"""Niceness of a backup, so that ingestion goes first: that of compaction."""
ROOM_SPARE_BYTES = 1 << 26
"""Bytes that must stay free at the destination, or in the data directory, beside the files."""

# The schedule
SCHEDULE_POLL_S = 1.0
"""How often the process of the schedule looks at its clock."""
SCHEDULE_RETRY_S = 300.0
"""Pause after a backup that failed, at most: less where backups are made more often."""
