"""Limits of `journal`: one constant each, with its unit and its source."""

# Segments and batches
JOURNAL_SEGMENT_BYTES = 64 * 1024 * 1024
"""Size of a prepared segment file. A larger batch gets a larger segment."""
JOURNAL_UNPREPARED_SEGMENT_BYTES = 8 * 1024 * 1024
"""Size of a segment made without a spare. Writes to it are slower, so the journal should leave it soon."""
JOURNAL_SEGMENT_NUMBER_MAX = (1 << 24) - 1
"""Largest number of a segment: 24 bits of a position hold it (`domain.position`). Each start uses one number, too."""
JOURNAL_PAYLOAD_BYTES_MAX = 1 << 30
"""One payload. Offsets in a segment have 32 bits; the limits of requests are far lower."""
JOURNAL_BATCH_BYTES_MAX = 8 * 1024 * 1024
"""Payload bytes that share one write and one sync. A larger payload is a batch of its own."""
JOURNAL_PENDING_BYTES_MAX = 128 * 1024 * 1024
"""Payload bytes of one process that may wait for their sync. Beyond it, a request gets a 503."""
