"""Limits of `loader`: one constant each, with its unit and its source."""

# Events
DEDUPLICATION_WINDOW_MS = 24 * 3600 * 1000
"""Events with one $insert_id within this time are one event (protocol §4, [M])."""

# Profiles
PROFILE_BYTES_MAX = 2 * 1024 * 1024
"""Approximate JSON text of a whole profile. An operation that would make it longer is skipped. The bound fits 2000
strings of 255 characters of four bytes each."""
FIRST_SET_BYTES_MAX = 10_000
"""Operations of an update that becomes a new profile as it is: too short for PROFILE_PROPERTIES_MAX properties of five
bytes, and for PROFILE_BYTES_MAX."""

# Free space on the disk
DISK_ASK_S = 1.0
"""How often the loader asks the store for the bytes that its merges may still write, and for its free space."""

# Batches and background work
LOAD_BATCH_BYTES_MAX = 32 * 1024 * 1024
"""Journal bytes of one batch, about 40 000 events of a browser: half of a segment, so that a full segment makes two
batches of one size."""
KEYS_ASKED_AT_ONCE_MAX = 10_000
"""Suspected keys in one query to the store."""
PROFILES_ASKED_AT_ONCE_BYTES_MAX = 4 * 1024 * 1024
"""Names of profiles in one query to the store, some 80 000. For so many, look-ups cost as much as a read of all."""
PROFILES_ASKED_ALONE_MIN = 1000
"""Profiles of one project and one kind from which they are asked for by a query of their own."""
LINKED_IDS_MIN = 10_000
"""Updates of users in a batch from which the loader first asks which of their projects have links at all."""
PROFILE_ROWS_BYTES_MAX = 16 * 1024 * 1024
"""Rows of profiles in one insert, and so in memory, whatever the number and size of a batch's profiles."""
MONTHS_AT_ONCE_MAX = 12
"""Months of events in one insert. Each is a synced part of the store, some 20 ms. Further months wait."""
FAT_PROFILE_BYTES = 64 * 1024
"""A profile with a longer row is written once in FAT_PROFILE_S. Its updates wait in between."""
FAT_PROFILE_S = 5.0
WAITING_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of events and updates that wait. Beyond it no other batch passes until fewer wait."""
LINKS_DECIDED_AT_ONCE_MAX = 2000
"""Links, other than claims of devices, in one query to the store. With clusters of CLUSTER_IDS_MAX on both sides of
each link the result takes some 200 MB."""
LINK_ROWS_BYTES_MAX = 16 * 1024 * 1024
"""Rows of changes in one insert, and so in memory, whatever the number of ids that the links of a batch move."""
CLAIMS_REMEMBERED_BYTES_MAX = 32 * 1024 * 1024
"""Memory for claims that are known to be in the store, some 180 000 pairs. When it is full, all are forgotten."""
ERASED_HASHES_REMEMBERED = 100_000
"""Ids whose keyed hashes are kept, in projects with erasures: some 20 MB."""
FIRST_READ_S_MAX = 5.0
"""How long a loader that begins waits for the first record of each partition. One that is silent joins later."""
LOADER_POLL_S = 0.05
"""How often a loader that is idle or rests reads the journal's head: three words of shared memory."""
REST_BYTES_MAX = 6 * 1024 * 1024
"""A loader rests between two batches only while fewer journal bytes wait, about 8000 events of a browser."""
LOADER_BACKOFF_S_MIN = 0.1
LOADER_BACKOFF_S_MAX = 5.0
"""First and longest wait after a failure of the store. It doubles in between."""
REMOVAL_INTERVAL_S = 5.0
"""How often the loader searches for loaded journal segments to delete."""
SWEEP_INTERVAL_S = 5.0
"""How often a sweep searches for parts of the store that merges have written, and reads them once."""
SWEEP_INTERVAL_S_MAX = 60.0
"""Longest pause between two sweeps, while much is written. It is a third of `old_parts_lifetime`."""
SWEEP_PAUSE = 25
"""A pause is this many times as long as the sweep before it, within these bounds: sweeps read for 1 % of the time."""
SWEEP_ROUNDS_MAX = 20
"""How often one sweep searches for parts that were written meanwhile. The next sweep reads the rest."""
SWEEP_SHARE = 0.25
"""Part of its time that a sweep reads. It waits for the rest, so that a start with large parts keeps no core busy."""
VERIFICATION_SHARE = 0.005
"""Part of the time in which inserted parts are verified, beside a busy loader. So several batches are verified
together."""
VERIFICATION_INTERVAL_S_MAX = 10.0
"""A batch waits at most this long for its verification. After a kill before that, the batch is loaded again."""
VERIFICATION_BYTES_MIN = 4 * 1024 * 1024
"""Journal bytes from which a loader counts as busy. Fewer are verified at once when there is no more to load."""

# Processes
LOADER_STEP_S_MAX = 600.0
"""A loader that has not finished a step after this time counts as hung. A step is an insert or a query to the store.
Both end by themselves after half of this."""
