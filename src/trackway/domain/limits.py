"""Limits that several folders share: the wire contract (protocol §4 to §9), and bounds of one value."""

# Requests
RECORDS_PER_REQUEST_MAX = 2000
"""Records in one request; more is a 413 (protocol §9, [M])."""
EVENT_BYTES_MAX = 2 * 1024 * 1024
"""One event as received, uncompressed; more is a 413 (protocol §4, [M])."""
SMALL_BODY_BYTES_MAX = 256 * 1024
"""A body up to this size is small; a quarter of `in_flight_bytes_max` is reserved for these. SDKs send 50 events."""
DIRECT_BODY_BYTES_MAX = 16 * 1024
"""A larger body goes through the whole HTTP server, for its flow control; the cost hardly counts there. A body up to
this size is not counted as in flight while it arrives."""
SINGLE_BYTES_MAX = DIRECT_BODY_BYTES_MAX
"""The decoded JSON of a single event that is ingested together with others: they wait for each other."""
RETRY_AFTER_BUSY_S = 1
"""`Retry-After` when too many requests are in flight."""
RETRY_AFTER_STORAGE_S = 5
"""`Retry-After` when data cannot be made durable: time to free disk space or to restart a process."""
CREDENTIAL_CHARACTERS_MAX = 256
"""A longer user name or password is wrong without a comparison: generated ones are far shorter."""

# Events
DISTINCT_ID_CHARACTERS_MAX = 255
"""Length of distinct_id, $device_id, $user_id, $group_key and $group_id. A longer one is refused, since a cut id could
merge two people."""
STRING_CHARACTERS_MAX = 255
"""A longer string of a property is cut to this many code points (protocol §4)."""
REJECTED_ORIGINAL_BYTES_MAX = EVENT_BYTES_MAX
"""Original bytes kept of one rejected record or of one undecodable body; the rest is cut."""

# Profiles
PROPERTY_NAME_CHARACTERS_MAX = 255
"""Length of a profile property's name. A longer one is refused, since a cut name could merge two properties."""
PROFILE_PROPERTIES_MAX = 2000
"""Properties of a profile. Further ones are not added; existing ones can still change (protocol §5)."""
PROFILE_LIST_BYTES_MAX = 256 * 1024
"""JSON text of a list or object in a profile (Mixpanel's documented 256 KB). An operand with a longer one is refused,
and `$append` and `$union` add nothing beyond it."""
PROFILES_PER_PAGE = 1000
"""Profiles of a page of the profile query: its `page_size` (openapi/query engage-query)."""
PROFILE_SESSION_S = 3600
"""Lifetime of a profile query's pages; the store keeps the rows ten minutes longer."""

# Identity
CLUSTER_IDS_MAX = 500
"""Ids of one person in original mode; a link beyond this number is refused (protocol §6, [M])."""

# Lookup tables
LOOKUP_TABLE_BYTES_MAX = 100 * 1024 * 1024
"""A lookup table's CSV, unpacked; more is a 413 (protocol §13)."""
LOOKUP_TABLES_MAX = 1000
"""Lookup tables of a project; each is a partition of the store."""

# Time zones
TIME_ZONE_CHARACTERS_MAX = 64
"""Length of a time zone's name; every name of the database is shorter."""
TIME_ZONES_SUGGESTED_MAX = 3
"""Near names in the error for an unknown time zone."""

# Age of data
RETENTION_DAYS_MAX = 36_500
"""Days that a project may keep events or profiles; more is `forever`."""

# Addresses and host names
ADDRESS_CHARACTERS_MAX = 45
"""The longest notation of an IP address: IPv6 with an IPv4 ending."""
ADDRESSES_REMEMBERED = 8192
"""Addresses whose place an edge process caches, some 500 bytes each."""
HOST_BYTES_MAX = 253 + 6
"""Longest `Host` header that is parsed: the longest DNS name, and a port."""
HOSTS_REMEMBERED = 1024
"""Host names whose region a process caches."""

# Web pages
SESSION_S_MAX = 12 * 3600
"""Longest lifetime of a session."""
SESSION_KEY_BYTES = 32
"""Length of the key that signs sessions."""
EVENT_NAMES_SHOWN_MAX = 200
"""Event names on a page, by number of events; a search finds the others."""
PEOPLE_PER_PAGE = 50
"""Profiles on one page of a search."""
PERSON_PROFILES_SHOWN_MAX = 20
"""Profiles of one person that its page shows; each of its ids may have one."""

# Processes
PROJECTS_AWAY_S_MIN = 0.5
PROJECTS_AWAY_S_MAX = 10.0
"""First and longest wait of a process that starts while the projects' database is away; doubled in between."""
GC_ALLOCATIONS = 100_000
"""Allocations between two runs of the garbage collector in an edge process and the loader."""
LISTEN_BACKLOG = 2048
"""Connections that may wait while all edge processes are busy or restarting."""
HEARTBEAT_S = 1.0
"""Interval of a process's heartbeats, and of the supervisor's looks at them."""
STOP_S_MAX = 5.0
"""Time from SIGTERM to SIGKILL for loader and store. Both may be killed at any moment; an interrupted insert is
repeated at the next start."""
