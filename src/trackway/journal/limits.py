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

# Streams
STREAM_MESSAGE_BYTES_MAX = 900_000
"""One message of a stream. NATS takes 1 MiB, with headers. A longer payload is an atomic batch of chunks."""
STREAM_CHUNKS_MAX = 1000
"""Chunks of one payload: NATS takes no larger atomic batch."""
STREAM_PACKED_FROM_BYTES = 4096
"""Shorter payloads are not compressed: one event has little that repeats."""
STREAM_PACKED_ASIDE_FROM_BYTES = 256 * 1024
"""Payloads that a thread compresses, so that the connection serves others meanwhile."""
STREAM_IN_FLIGHT_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of one process that wait for acknowledgements. More gives no more throughput, only longer waits."""
STREAM_TRY_S_MAX = 2.0
"""How long a publisher waits for an acknowledgement before it sends the same message again; each try waits longer."""
STREAM_APPEND_S_MAX = 20.0
"""How long an append is tried in all. Then it has failed, and the request gets a 503."""
STREAM_REFUSED_IN_A_ROW_MAX = 3
"""Appends of a process that fail one after the other for want of an answer. Then further ones are refused at once, but
for one at a time, until something is acknowledged."""
STREAM_AGAIN_S = 0.1
"""Wait before a message is sent again that found no leader or no connection."""
STREAM_REQUEST_S_MAX = 2.0
"""One question to NATS, about a stream or for its messages."""
STREAM_START_S_MAX = 30.0
"""How long a start waits for NATS, whose servers may be starting too."""
STREAM_START_ALL_S_MAX = 10.0
"""How long a start waits for all streams, where some answer and this machine knows the others from an earlier start."""
STREAM_CONNECT_S_MAX = 3.0
"""One connection to one server of NATS, until it is ready."""
STREAM_PING_S = 1.0
STREAM_PING_S_MAX = 3.0
"""How often the connection is probed, and how long the answer may take. A server that is silent longer is left."""
STREAM_LOOK_S = 0.5
"""How often a reader at the end of the stream, and the loader's process, ask for the stream's state."""
STREAM_READ_BYTES = 8 * 1024 * 1024
"""Bytes of messages that one question asks for. A reader holds no more than these and one payload."""
STREAM_READ_MESSAGES = 2000
"""Messages that one question asks for."""
STREAM_RECORD_BYTES_GUESS = 1024
"""Size of a record while nothing is known of the stream, for estimates only."""
STREAM_REPLICAS_MIN = 3
"""Replicas of a stream. Two would lose their majority with one."""
STREAM_DUPLICATE_WINDOW_S = 120
STREAM_DUPLICATE_WINDOW_S_MIN = 60
"""How long a stream knows the ids of its messages, and the least that is accepted: three times the longest append."""
STREAM_GENERATION_MAX = 127
"""Generations of a journal: a position has seven bits for them."""
STREAM_PARTITIONS_MAX = 64
"""Streams of one journal."""
STREAM_LEASE_S = 10
"""How long the right to load lasts after it was renewed. A machine that dies is replaced after this time."""
STREAM_LEASE_RENEW_S = 3.0
"""How often it is renewed by the machine that has it."""
STREAM_LEASE_ASK_S = 0.5
"""How often it is asked for by a machine that stands by."""
STREAM_LEASE_MARGIN_S = 2.0
"""It ends so much earlier for the machine that has it: clocks differ, and a batch may be under way."""
STREAM_TELL_S = 0.25
"""How often the machine that loads reports its progress to the others."""
STREAM_APPENDERS_MAX = 256
"""Appenders of a machine that note how far they are, each in a word of its own. Later ones share the words."""
STREAM_BEHIND_S_MAX = 5.0
"""How long a reader waits for an acknowledged record that the server it asks has not got yet."""
STREAM_BEHIND_S = 0.01
"""Between two such questions."""
