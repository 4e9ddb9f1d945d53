"""Limits of `transfer`: one constant each, with its unit and its source."""

# Files
READ_BYTES = 704 * 1024
"""Bytes of a file, unpacked, that are read at once, and so of a body of lines. With the rest of a line before them
these are so few that the server need not count their members (JSON_MEMBERS_PLAIN_MAX), nor use a thread."""
RECORD_BYTES_MAX = 4 * 1024 * 1024
"""One record of a file. A longer one is rejected unread in lines and CSV, and ends the reading of a JSON array; the
server takes less of an event."""
HEAD_BYTES = 64 * 1024
"""Bytes at the beginning of a file that show its format, and that it is still the same file."""
FILES_MAX = 100_000
"""Files of one import, those of its directories and prefixes included."""
TABLE_ROWS = 2000
"""Rows of a CSV or Parquet file that are in memory as records."""

# Requests
IMPORT_BODY_BYTES_MAX = 8 * 1024 * 1024
"""Body of one request; half of it is sent again where the server takes less."""
IMPORT_CONNECTIONS_MAX = 32
"""Connections of one import."""
BATCHES_PER_CONNECTION = 2
"""Batches that are made or sent for each connection: one waits while another is answered."""
TRANSFER_ANSWER_S_MAX = 300.0
"""An import waits this long for one reply."""
AWAY_S_MAX = 600.0
"""A server that does not answer, or answers 5xx or 429 without a time, is asked again for so long."""
AGAIN_S_MIN = 0.5
AGAIN_S_MAX = 15.0
"""First and longest pause before a request is sent again."""
RETRY_AFTER_S_MAX = 2 * 3600.0
"""The longest `Retry-After` that is obeyed; a server that asks for more ends the transfer."""
REPLY_BYTES_MAX = 16 * 1024 * 1024
"""The longest reply to a batch."""

# Progress
PROGRESS_S = 0.5
"""Time between two writes of how far an import is."""
REASONS_MAX = 1000
"""Reasons of rejected records that are counted one by one. Further ones count as "other reasons"."""
REJECTED_RECORD_BYTES_MAX = 2 * 1024 * 1024
"""Bytes of a rejected record that its file keeps."""

# Exports
EXPORT_ROWS = 20_000
"""Rows of an exported file that are in memory at once: a row group of Parquet."""
EXPORT_GROUP_BYTES_MAX = 32 * 1024 * 1024
"""Bytes of such rows; fewer rows of larger events are one group."""
EXPORT_TRIES_MAX = 5
"""How often a day that broke off is asked for."""
EXPORT_COLUMNS_MAX = 200
"""Properties that become columns of their own."""
EXPORT_POLL_S = 1.0
"""How often the process of the schedule looks which project is due."""
EXPORT_RETRY_S = 300.0
"""Pause after an export of the schedule that failed, at most: less where exports are made more often."""
EXPORT_NICENESS = 10
"""Niceness of the process of the schedule, so that ingestion goes first."""

# Migrations
MIXPANEL_REQUESTS_PER_HOUR = 60
"""Requests to each of Mixpanel's export and query API in an hour (Mixpanel's documented limits)."""
PROFILE_PAGE_BYTES_MAX = 256 * 1024 * 1024
"""The longest page of profiles."""
MIGRATE_DAYS_MAX = 20_000
"""Days of one migration."""
EVENT_NAMES_PER_REQUEST = 100
"""Names of events of which one request asks the numbers of a comparison."""
EVENT_NAMES_COMPARED_MAX = 5000
"""Names of events that a comparison counts; `events/names` gives as many."""
COMPARE_S_MAX = 60.0
"""A comparison waits this long for the server to load what was sent."""
COMPARE_STILL_S = 5.0
"""A comparison ends after this time without a change where the server has all that was exported, or more."""
EQUAL_LINES_MAX = 1_000_000
"""Lines of one day without `$insert_id` that are remembered, to number equal ones."""
