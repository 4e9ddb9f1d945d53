"""Limits of `ingest`: one constant each, with its unit and its source."""

# Events
EVENT_NAME_CHARACTERS_MAX = 255
"""Length of an event's name (protocol §4)."""
INSERT_ID_BYTES_MAX = 36
"""Length of $insert_id: letters, digits and '-' (protocol §4, [M])."""
PROPERTIES_MAX = 254
"""Properties of an event: 'fewer than 255' (protocol §4). The server's own keys do not count."""
OBJECT_KEYS_MAX = 254
"""Keys of a nested object: 'fewer than 255' (protocol §4)."""
ARRAY_ELEMENTS_MAX = 254
"""Elements of an array: 'fewer than 255' (protocol §4)."""
NESTING_DEPTH_MAX = 3
"""Objects or arrays within one another below a property (protocol §4)."""
TRACK_AGE_MS_MAX = 5 * 24 * 3600 * 1000
"""An older event is refused on /track (protocol §4, [M])."""
FUTURE_MS_MAX = 3600 * 1000
"""An event further ahead is refused on /import; up to this it is stored as now (protocol §4)."""
TIME_MS_MIN = 365 * 24 * 3600 * 1000
"""1971-01-01T00:00:00Z in milliseconds since the epoch; anything before is refused (protocol §4)."""
SECONDS_BELOW = 100_000_000_000
"""A `time` below this is in seconds, otherwise in milliseconds (protocol §4)."""

# Profiles
PROFILE_UPDATE_BYTES_MAX = 1024 * 1024
"""One profile record as received, uncompressed; more is a 413 (protocol §5)."""

# Batches and the fast path
FAST_INTEGER_MAX = 10**18 - 1
"""Largest integer of an update on the fast path, by its amount: one of fewer than 19 digits."""
FAST_LIST_ELEMENTS_MAX = 64
"""Elements of a list of an update on the fast path. So it has fewer bytes than PROFILE_LIST_BYTES_MAX."""
REQUEST_ORIGINALS_BYTES_MAX = 256 * 1024
"""Original bytes kept of all rejected records of one request that brought no credentials."""
JSON_MEMBERS_PLAIN_MAX = 256 * 1024
"""A body with more `{` and `:` than this is split record by record, up to the first record too many. So a bomb of tiny
objects or members is never in memory as a whole."""
SAMPLED_EVENTS_MIN = 256
"""Events of a batch from which a sample gives its reader; a smaller one is read as earlier events of its project."""
COMPILED_NAMES_MAX = 128
"""Properties of a type for events (`fast_path.record_types`); fewer than PROPERTIES_MAX."""
COMPILED_NAMES_CHARACTERS_MAX = 64 * COMPILED_NAMES_MAX
"""Characters of these names together."""
COMPILED_TYPES_MAX = 64
"""Types for events an edge process remembers, some 20 KB each."""
LEARNED_FROM_EVENTS = 128
"""Unread events of a project after which an edge process learns their properties."""
LEARNED_PROJECTS_MAX = 256
"""Projects whose properties an edge process remembers."""

# Geolocation
PLACES_REMEMBERED = 1024
"""Places whose JSON an edge process keeps in memory, some 300 bytes each."""
