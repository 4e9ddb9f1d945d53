"""Limits of `commands`: one constant each, with its unit and its source."""

# The running server
COMMAND_ANSWER_S_MAX = 600.0
"""A command waits this long for the reply of the running server."""
COMMAND_POLL_S = 1.0
"""How often a command that waits asks for the state of the facts."""
COMMAND_PIECE_BYTES = 64 * 1024
"""Bytes of a CSV file that a command sends at once."""

# The demo shop
DEMO_DAYS_MAX = 365
"""Days of a demo shop; `/import` takes events of this age."""
DEMO_PEOPLE_MAX = 10_000
"""Visitors of a demo shop; its events take less than the 60 requests that `/import` accepts in an hour."""
DEMO_VISITS_PER_PERSON_MAX = 12
"""Visits of one person to a demo shop."""

# The state of a server
STATUS_RATE_S = 1.0
"""`trackway status` counts for this long to know rates."""
STATUS_ANSWER_S_MAX = 20.0
"""It waits this long for an answer: a health check of a server whose journal hangs takes 15 s."""
STATUS_REASONS_MAX = 5
"""Reasons of rejected records that it shows, the most frequent ones."""
STATUS_LAG_S_MAX = 60.0
"""It advises where the store is behind by more."""
STATUS_REJECTED_ONE_IN = 10
"""It advises where more than one in this many records is rejected."""
STATUS_PROXY_S_MAX = 3600.0
"""It advises where an unknown proxy sent something within this time."""
STATUS_BACKUP_S_MAX = 2 * 86_400.0
"""It advises where the last backup is older."""

# The examination of a machine
DOCTOR_SYNCS_MAX = 500
"""Writes that `trackway doctor` syncs to know the speed of the disk."""
DOCTOR_SYNC_S_MAX = 1.0
"""It stops writing after so long."""
DOCTOR_SYNC_BYTES = 4096
"""Bytes of each such write, a page."""
DOCTOR_SYNC_S_LOW = 8e-6
"""A sync that is faster reached no device: writing to fast memory behind a bus takes longer."""
DOCTOR_SYNC_S_HIGH = 0.02
"""It warns where a sync takes longer."""
DOCTOR_MEMORY_BYTES_MIN = 1_500_000_000
"""It warns where there is less memory: the goal of the benchmarks under load."""
DOCTOR_FILES_MIN = 16_384
"""It warns where a process may open fewer files. Each connection is one."""
DOCTOR_CLOCK_EARLIEST_S = 1_764_460_800
"""No clock is right that shows a time before this one, 2025-11-30."""
DOCTOR_ZONES_S_MAX = 365 * 86_400
"""It warns where the year of the newest rules of time zones ended longer ago."""
DOCTOR_CITIES_S_MAX = 365 * 86_400
"""It warns where the city database is older."""
DOCTOR_CERTIFICATE_S_MIN = 14 * 86_400
"""It warns where the certificate of the address ends sooner."""
DOCTOR_ANSWER_S_MAX = 10.0
"""It waits this long for an address or a part elsewhere."""
