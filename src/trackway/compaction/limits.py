"""Limits of `compaction`: one constant each, with its unit and its source."""

# Steps
STEP_EVENTS_MAX = 250_000
"""Events of one step, and so the memory and the time that it takes: some 3 s of one core."""
STEP_EVENTS_MIN = 50_000
"""New events of a project from which on they are compacted at once."""
STEP_INTERVAL_S = 15.0
"""Fewer new events wait for this long, so that small segments are rare."""
SEGMENT_ROWS_MAX = 2_000_000
"""Facts of one segment. It is rewritten as a whole."""
MERGED_AT_ONCE = 6
"""Segments of about one size that are merged into one."""
ROLLUP_ROWS_MAX = 16_000_000
"""Facts of all segments of a rollup that grows by new segments. It is written anew as a whole, which costs 1.5 to 2 µs
of a core for each on a busy machine, and with hours by value up to 3.6 µs more."""
PERSONS_ROLLUP_ROWS_MAX = 128_000_000
"""The same of times by person where several rollups are put together, or many segments are new at once."""
ROLLUPS_AT_ONCE = 4
"""Rollups of times by person that are put together, of those with more than half of what a rollup may grow to. So many
stay apart for each that is large."""
ROLLED_UP_ROWS_MIN = 100_000
"""Facts of the smallest segment of a rollup: smaller ones are merged soon."""
ROLLUP_GROWTH = 2
"""A rollup is made anew with more segments when these have one part in so many of its facts."""
TIDY_INTERVAL_S = 60.0
"""How often, with no new events to compact, all projects are looked at: segments may lack newer links, or be many."""
DOUBT_INTERVAL_S = 60.0
"""How often at most all facts of a project are read, because the store could not read a file."""
RETIRED_KEPT_S = 600
"""A segment that no longer counts is dropped after this time: queries may read it that long."""
SLOTS_SAMPLE_EVENTS = 50_000
"""Events of a project whose properties are counted, to give the most frequent ones a slot."""
SLOTS_GROWTH = 8
"""Slots are chosen anew when a project has so many times the events as at the last choice. If others are frequent then,
its facts are built anew, and its reports read the events meanwhile."""
SLOTS_EVENTS_MIN = 1000
"""A choice among fewer events counts as one among so many."""
COUNTED_SHARE = 8
"""Facts are counted by the values of a slot where one row of a count stands for so many of them at least."""
COUNTED_FEW_ROWS = 1000
"""So few rows of a slot are written for any segment."""
COUNTED_BYTES_MAX = 300
"""JSON text of the longest value of a slot that is counted."""
COUNTED_AT_ONCE = 4
"""Slots of one statement that counts: each reads on its own, with its own buffers."""
COUNTED_MEMORY_BYTES_MAX = 32 * 1024 * 1024
"""Groups of one slot in memory; more go to the disk."""
SURVEYED_ROWS = 65_536
"""About so many facts of a segment say which slots are counted."""
HOURS_SHARE = 2
"""The hours of facts are kept by the values of a slot where one row stands for so many facts on average."""
HOURS_SLOTS_MAX = 6
"""Slots of a rollup with hours by value, the most frequent properties first: each costs up to 0.6 µs of processor time
and 4 bytes a fact."""
HOURS_MEMORY_BYTES_MAX = 128 * 1024 * 1024
"""Groups of one slot in memory; more go to the disk."""
PERSONS_SHARE = 2
"""Times of facts are kept by person where a person has so many of a segment, or of a rollup, on average."""
PERSONS_FEW_ROWS = 1000
"""They are kept for so few persons of any segment or rollup."""
PERSONS_NAMES_MAX = 8192
"""Names of events of a segment or rollup whose times are kept by person. The store has so many names of a column in one
list."""
PERSONS_MEMORY_BYTES_MAX = 128 * 1024 * 1024
"""Times of persons in memory; more go to the disk."""
PERSONS_FACTS_AT_ONCE = 16_000_000
"""Facts of one statement that writes times by person. Those of more are written for parts of the persons."""

# Pace
SHARE_IDLE = 0.7
"""Part of its time that the compactor works while the loader has nothing to load."""
SHARE_BUSY = 0.2
"""The same while clients send much: enough to keep up with half of what a machine can load."""
SHARE_BEHIND = 0.05
"""The same while the loader is behind: a least share, so that the facts never fall behind for ever."""
BUSY_BYTES_PER_S = 512 * 1024
"""Journal bytes that clients send per second, from which on they send much: some thousand events."""
BEHIND_BYTES = 4 * 1024 * 1024
"""Journal bytes that are not loaded yet, from which on the loader counts as behind."""
REST_S_MAX = 60.0
"""Longest rest after a step. A step takes long where cores are short, and has left them to others then."""
POLL_S = 1.0
"""How often the compactor looks for new events, while the loader loads."""
IDLE_POLL_S = 10.0
"""The same where the loader has loaded nothing since the last look."""
RETRY_S = 5.0
"""Wait after a failure of the store."""
