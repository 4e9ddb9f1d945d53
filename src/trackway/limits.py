"""Every limit of the product: one constant each, with its unit and its source.

What an operator may change is a setting (`settings.py`); what stands here is the wire contract or a bound that
keeps memory and time in check.
"""

# Wire contract: requests
RECORDS_PER_REQUEST_MAX = 2000
"""Records in one request; more is a 413 (protocol §9, [M])."""
EVENT_BYTES_MAX = 2 * 1024 * 1024
"""One event as received, uncompressed; more is a 413 (protocol §4, [M])."""

# Wire contract: events
EVENT_NAME_CHARACTERS_MAX = 255
"""Length of an event's name (protocol §4)."""
DISTINCT_ID_CHARACTERS_MAX = 255
"""Length of distinct_id, $device_id, $user_id, and of $group_key and $group_id; cutting one would merge people, so a
longer one is refused."""
INSERT_ID_BYTES_MAX = 36
"""Length of $insert_id: letters, digits and '-' (protocol §4, [M])."""
STRING_CHARACTERS_MAX = 255
"""A property's string is cut to so many code points (protocol §4)."""
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
SECONDS_BELOW = 1e11
"""A `time` below this is in seconds, otherwise in milliseconds (protocol §4)."""
DEDUPLICATION_WINDOW_MS = 24 * 3600 * 1000
"""An $insert_id repeated within this time is one event (protocol §4, [M])."""

# Wire contract: profiles
PROFILE_UPDATE_BYTES_MAX = 1024 * 1024
"""One profile record as received, uncompressed; more is a 413 (protocol §5)."""
PROPERTY_NAME_CHARACTERS_MAX = 255
"""Length of a profile property's name; cutting one would mix up two properties, so a longer one is refused."""

# Wire contract: profiles as they are kept
PROFILE_PROPERTIES_MAX = 2000
"""Properties of a profile; further ones are not added, those it has still change (protocol §5)."""
PROFILE_LIST_BYTES_MAX = 256 * 1024
"""JSON text of a list or object in a profile; an operand with a longer one is refused, `$append` and `$union` add
nothing beyond (Mixpanel's documented 256 KB)."""
PROFILE_BYTES_MAX = 2 * 1024 * 1024
"""JSON text of a whole profile, about; what would make it longer is not applied. 2000 strings of 255 characters, each
of four bytes, are as much."""

# Wire contract: identity
CLUSTER_IDS_MAX = 500
"""Ids of one person in original mode; a link that would make it more is refused (protocol §6, [M])."""
PERSON_ID_CHARACTERS_MAX = len("$device:") + DISTINCT_ID_CHARACTERS_MAX
"""The id of a person that is asked about: that of a device is longer by its prefix."""
IDENTITY_SHOWN_MAX = 1000
"""Ids of a person, and steps of its history, that are shown; in simplified mode a user may have any number."""
IDENTITY_COUNT_S_MAX = 30
"""Seconds that counting the events of a person, for the preview of a merge, may take."""
IDENTITY_BODY_BYTES_MAX = 64 * 1024
"""Body of a request to unlink an id."""
UNLINK_REASON_CHARACTERS_MAX = 255
"""Why somebody unlinked an id, in words."""

# Wire contract: export and queries
EXPORT_LIMIT_MAX = 100_000
"""`limit` of an export; more is a 400 (protocol §7)."""
PROFILES_PER_PAGE = 1000
"""Profiles of a page of the profile query: its `page_size` (openapi/query engage-query)."""
GZIP_REPLY_BYTES_MIN = 1400
"""A reply up to this size is never compressed (protocol §7)."""

# Wire contract: lookup tables
LOOKUP_TABLE_BYTES_MAX = 100 * 1024 * 1024
"""A lookup table's CSV, unpacked; more is a 413 (protocol §13)."""
LOOKUP_FAILED_ROWS_MAX = 10
"""Failed rows that a refusal names (protocol §13)."""
LOOKUP_REPLACEMENTS_WINDOW_S = 24 * 3600
"""Replacements of lookup tables are counted over a rolling window of this length (protocol §13)."""

# Lookup tables: bounds of our own
LOOKUP_ROWS_MAX = 10_000_000
"""Rows of a lookup table, ten times what Mixpanel expects in 100 MB; more is a 413. Eight bytes of each key are held
while a table is read, and four times as much once more at its end."""
LOOKUP_ROW_CHARACTERS_MAX = 1024 * 1024
"""One row of a lookup table as it stands in the CSV, and so all that is held of the CSV at once."""
LOOKUP_COLUMNS_MAX = 1000
"""Columns of a lookup table, the key's included."""
LOOKUP_TABLES_MAX = 1000
"""Lookup tables of a project; each is a partition of the store."""
LOOKUP_UPLOADS_AT_ONCE_MAX = 2
"""Replacements that one edge process reads at once, each with a thread of its own; a further one is a 503."""
LOOKUP_VERSION_KEPT_S = 3600
"""Rows of a table's former version are kept so long for queries that have begun with it."""

# Export: bounds of our own
EXPORT_CHECK_S_MAX = 120
"""Looking whether all operands of a `where` are booleans may take so long; more is a 400. Nothing is sent meanwhile, so
that a client that leaves is not noticed sooner."""
EXPORT_SEND_S_MAX = 120.0
"""A client that has not read a piece of an export (1 MiB) after so long is cut off: its query holds a connection of the
store."""

# Bounds of our own
EXPRESSION_BYTES_MAX = 8 * 1024
"""Text of a segmentation expression, in UTF-8; literals go to the store in a URL, where a byte may become eleven."""
EXPRESSION_DEPTH_MAX = 64
"""Parts of an expression within one another; parentheses count while they are read."""
EXPRESSION_NODES_MAX = 1000
"""Parts of an expression; the values of a list do not count."""
EXPRESSION_SQL_BYTES_MAX = 64 * 1024
"""The SQL that an expression becomes; the store takes about a second to read so much."""
EXPRESSION_ELEMENT_SQL_BYTES_MAX = 6 * 1024
"""The part of it for each element of a list: what the store takes to read that grows with the square of its length."""
QUERY_BODY_BYTES_MAX = 1024 * 1024
"""The body of a query, unpacked: room for the ids of 4000 profiles. More is a 413."""
OUTPUT_PROPERTIES_MAX = 255
"""Names in `output_properties`; the store looks through a profile once for each."""
PROFILE_PAGE_BYTES_HELD_MAX = 4 * 1024 * 1024
"""A result of a single page up to this size is answered at once; a larger one is kept by the store and streamed."""
PROFILE_SESSION_S = 3600
"""The result of a profile query can be paged through so long; the store keeps its rows ten minutes longer."""
QUERY_STRING_BYTES_MAX = 64 * 1024
"""The query string of a request, `GET ?data=` included; more is a 413."""
REJECTED_ORIGINAL_BYTES_MAX = EVENT_BYTES_MAX
"""Original bytes kept of one rejected record or of one undecodable body; the rest is cut."""
JSON_MEMBERS_PLAIN_MAX = 256 * 1024
"""A body with more `{` and `:` than this is taken apart record by record and stopped at the first record too many, so
that a bomb of tiny objects or members never stands in memory as a whole."""
ALIKE_EVENTS_MIN = 32
"""Events of a batch from which on it is looked whether they are alike."""
ALIKE_NAMES_MAX = 128
"""Properties of the events of a batch up to which they are alike (`ingest.alike`); fewer than PROPERTIES_MAX."""
ALIKE_NAMES_CHARACTERS_MAX = 64 * ALIKE_NAMES_MAX
"""Of those names together."""
ALIKE_LEARNED_FROM = 128
"""Events that came alone and were not like those before: from so many an edge process learns their properties."""
ALIKE_TYPES_MAX = 64
"""Types of alike events an edge process remembers, some 20 KB each."""

# Geolocation
ADDRESS_CHARACTERS_MAX = 45
"""The longest notation of an IP address: IPv6 that ends in one of IPv4. What is longer is none."""
ADDRESSES_REMEMBERED = 8192
"""Addresses of which an edge process remembers the place, some 500 bytes each."""
PLACES_REMEMBERED = 1024
"""Places whose JSON an edge process keeps in memory, some 300 bytes each."""
CITY_DATABASE_LOOK_S = 1.0
"""How often an edge process looks whether the city database has changed; it is taken over a look later."""

# Web pages
SESSION_S_MAX = 12 * 3600
"""Who signed in is asked again after so long."""
WEB_FORM_BYTES_MAX = 64 * 1024
"""Body of a form, unless its page takes more."""
WEB_FORM_FIELDS_MAX = 256
"""Fields of a form of a page."""
WEB_ROWS_MAX = 500
"""Rows of a table of projects or service accounts that a page shows; it says how many there are."""
PROJECTS_UNSEARCHED_MAX = 20
"""Projects up to which their list has no search."""

# Journal
JOURNAL_SEGMENT_BYTES = 64 * 1024 * 1024
"""Size of a prepared segment file; a batch that does not fit into one gets a segment of its own size."""
JOURNAL_UNPREPARED_SEGMENT_BYTES = 8 * 1024 * 1024
"""Size of a segment made without a spare: writing to it is slower, so the journal should leave it soon."""
JOURNAL_PAYLOAD_BYTES_MAX = 1 << 30
"""One payload; offsets in a segment are 32 bits wide. Request limits lie far below."""
JOURNAL_BATCH_BYTES_MAX = 8 * 1024 * 1024
"""Payload bytes that share one write and one sync; a larger payload goes alone."""
JOURNAL_PENDING_BYTES_MAX = 128 * 1024 * 1024
"""Payload bytes of one process that wait for their sync; over it a request is refused with a 503."""
FORM_FIELDS_MAX = 64
"""Fields of a form body or query string; more is bad data."""
HEAD_BYTES_MAX = 128 * 1024
"""Request line and headers together, the query string of `GET ?data=` included; more is a 431."""
REPLIES_REMEMBERED = 64
"""Content types and lengths of replies to single events whose header lines an edge process remembers."""
DIRECT_BODY_BYTES_MAX = 16 * 1024
"""A larger body goes through the whole HTTP server: there its cost hardly counts, and its flow control does. Up to this
a body that is still arriving is not counted among those in flight."""
SINGLE_BYTES_MAX = DIRECT_BODY_BYTES_MAX
"""The JSON, unpacked, of an event that came alone and is taken together with others: they wait for each other."""
HEAD_READ_S_MAX = 30.0
"""A client that has not finished its request's head after so long is cut off."""
REQUEST_READ_S_MAX = 300.0
"""The same for the whole request: the largest body over a slow line."""
STALLED_LOOK_S = 5.0
"""How often such connections are looked for."""
RETRY_AFTER_BUSY_S = 1
"""`Retry-After` when too many requests are in flight."""
RETRY_AFTER_STORAGE_S = 5
"""`Retry-After` when data cannot be made durable: time for a disk to be given room or a process to come back."""
HOST_BYTES_MAX = 253 + 6
"""A `Host` header that is looked at: the longest name of the DNS, and a port."""
HOSTS_REMEMBERED = 1024
"""Host names that a process knows the region of."""
RATE_GRANULES = 15
"""Parts of a rate limit's window that are counted apart: what was used is free again after the window and up to one of
them."""
RATE_PROJECTS_PER_FILE = 256
"""Projects whose use one mapped file of an edge process holds, in 160 KiB."""
RATE_PROJECTS_TOLD_MAX = 50
"""Projects that a process names in the metrics of refusals; all others are "other"."""

# Loader
LOAD_BATCH_BYTES_MAX = 48 * 1024 * 1024
"""Journal bytes of one batch, about 100 000 events: large enough for the store, small enough for memory."""
KEYS_ASKED_AT_ONCE_MAX = 10_000
"""Suspected keys in one question to the store."""
PROFILES_ASKED_AT_ONCE_BYTES_MAX = 4 * 1024 * 1024
"""Names of profiles in one question to the store, some 80 000: reading them one by one costs as much as all of them."""
PROFILE_ROWS_BYTES_MAX = 16 * 1024 * 1024
"""Rows of profiles in one insert, and so in memory, however many and large a batch's profiles are."""
LINKS_DECIDED_AT_ONCE_MAX = 2000
"""Links, other than claims of devices, for which the store is asked at once; with clusters of CLUSTER_IDS_MAX on both
sides of each the answer takes some 200 MB."""
LINK_ROWS_BYTES_MAX = 16 * 1024 * 1024
"""Rows of changes in one insert, and so in memory, however many ids the links of a batch move."""
CLAIMS_REMEMBERED_BYTES_MAX = 32 * 1024 * 1024
"""What the loader remembers of claims that are in the store, some 180 000 pairs; then it forgets all of them."""
LOADER_POLL_S = 0.05
"""How often an idle loader looks at the journal's head; a look reads three words of shared memory."""
LOADER_BACKOFF_S_MIN = 0.1
LOADER_BACKOFF_S_MAX = 5.0
"""First and longest wait after trouble with the store; doubled in between."""
REMOVAL_INTERVAL_S = 5.0
"""How often loaded journal segments are looked for."""
LOADER_SILENCE_S_MAX = 10.0
"""A loader that has not been heard of for so long is down, as `/readyz` sees it."""

# Processes
HEALTH_PROBE_INTERVAL_S = 1.0
"""`/healthz` writes and syncs an empty record at most this often."""
HEALTH_STORE_S_MAX = 3
"""`/readyz` waits so long for the store; while it is started again, connections wait in its socket."""
PROJECTS_REFRESH_S = 1.0
"""How often an edge process looks for changed projects."""
KEY_OVERLAP_S_MAX = 365 * 86_400
"""How long a key that was replaced may stay valid."""
OLD_KEYS_MAX = 16
"""Old tokens, and old secrets, of a project that are valid at once."""
PROJECTS_AWAY_S_MIN = 0.5
PROJECTS_AWAY_S_MAX = 10.0
"""First and longest wait of a process that starts while the projects' database is away; doubled in between."""
GC_ALLOCATIONS = 100_000
"""Allocations between two searches for cycles in an edge process and the loader."""
THREADS = 32
"""Threads of an edge process that wait for the store; further exports wait for one."""
TLS_HANDSHAKE_S_MAX = 10.0
"""A client that has not finished the handshake of TLS after so long is cut off."""
TLS_SHUTDOWN_S_MAX = 5.0
"""The same for saying goodbye."""
CERTIFICATE_LOOK_S = 1.0
"""How often an edge process looks whether the files of its certificate have changed."""
KEEP_ALIVE_S = 75
"""An idle connection of a client is kept open so long."""
ACCEPT_PAUSE_S = 0.001
"""How long an edge process with more connections than another leaves a new one to it."""
NO_RESOURCES_PAUSE_S = 0.1
"""The same while there are no file descriptors for it."""
LISTEN_BACKLOG = 2048
"""Connections that may wait while all edge processes are busy or being started again."""
RESTART_BACKOFF_S_MIN = 0.1
RESTART_BACKOFF_S_MAX = 10.0
"""First and longest wait before a process that died is started again; doubled in between."""
RESTART_FORGIVEN_S = 30.0
"""A process that lived so long starts with the first wait again."""

# Web pages: events
EVENTS_PER_PAGE = 50
"""Events of a page."""
EVENTS_SEARCH_S_MAX = 5.0
"""Seconds that one search for the events of a page may take; then it can be gone on with from there."""
SHOWN_PROPERTIES_BYTES_MAX = 16 * 1024
"""JSON text of an event's properties that is shown among others; a longer one on a page of its own."""
EVENT_FILTER_PROPERTIES_MAX = 4
"""Properties that events are chosen by at once."""
FILTER_CHARACTERS_MAX = 255
"""A name, id or value that events are chosen by: what is stored is no longer."""
EVENT_NAMES_S_MAX = 20
"""Seconds that counting the events of each name, or looking at properties, may take."""
EVENT_NAMES_SHOWN_MAX = 200
"""Names of events on a page, those of most events; others are searched for."""
SAMPLE_EVENTS_MAX = 2000
"""Newest events whose properties are looked at, in some ten milliseconds."""
PROPERTIES_SHOWN_MAX = 500
"""Properties on a page."""
PROPERTY_TIMES_S_MAX = 10.0
"""Seconds that looking for when properties were first seen may take, and the same for when they were last seen."""
PROPERTY_NAMES_ASKED_BYTES_MAX = 16 * 1024
"""Names of properties in one question to the store, as JSON; they go to it in a URL."""
SEARCHED_EVENTS_MIN = 16 * 1024
SEARCHED_EVENTS_MAX = 1024 * 1024
"""Events of the first and of the widest window that is searched for properties, about."""
SEARCHED_SLICES_MAX = 1000
"""Parts of a project's time that windows are made of."""
EXAMPLES_SHOWN = 3
"""Example values of a property."""
EXAMPLE_CHARACTERS_MAX = 80
"""Characters of an example value."""
LIVE_VIEWERS_MAX = 16
"""Pages that an edge process keeps up to date at once."""
LIVE_ASK_S = 0.4
"""Time between two questions of such a page to the store, while events come."""
LIVE_EVENTS_MAX = 25
"""Events sent to such a page at once; of more that have come at once the newest are drawn, and all are counted."""
LIVE_POLL_S = 0.2
"""How often it is looked, in shared memory, whether anything has been loaded."""
LIVE_QUIET_S = 10.0
"""After so long without an event a line is sent all the same, so that a client that has gone is noticed."""
LIVE_SEND_S_MAX = 20.0
"""A client that has not read what was sent after so long is cut off."""
LIVE_S_MAX = 60.0
"""A page asks again after so long, so that whose session has ended sees nothing more."""

# Service accounts
SERVICE_ACCOUNTS_MAX = 10_000
"""Service accounts of a server; every edge process keeps all of them in memory, about 1 KB each."""
ACCOUNT_BODY_BYTES_MAX = 64 * 1024
"""The body of a request to the service accounts API; more is a 413."""
ACCOUNT_CHANGES_MAX = 1000
"""Accounts times projects that one such request may change."""
CREDENTIAL_CHARACTERS_MAX = 256
"""A user name or password longer than this is wrong without a look: those we make are far shorter."""
VERIFIED_S_MAX = 600.0
"""An edge process takes a secret for right so long after it verified it, while the account stays as it is."""
VERIFIED_REMEMBERED = 1024
"""Secrets an edge process remembers to be right, as keyed hashes of 32 bytes."""
VERIFICATIONS_WAITING_MAX = 16
"""Secrets that wait to be verified in an edge process, some 50 ms each; over it a request gets a 503."""
VERIFICATION_NICENESS = 10
"""So much less is the priority of the thread that verifies: where cores are short it gets a tenth of one."""

# Web pages
WEB_QUERY_S_MAX = 15
"""Seconds that the store may take for one question of a page."""
WEB_ANSWER_S_MAX = 20
"""A page waits so long for an answer of the store, which is longer than the store takes by itself: it may be away."""
REJECTED_REASONS_SHOWN_MAX = 100
"""Reasons of rejected records that a page shows; they name fields, so a client can make any number."""
REJECTED_SHOWN_PER_PAGE = 20
"""Rejected records on one page."""
REJECTED_SHOWN_BYTES_MAX = 4096
"""Bytes of a rejected record that a list shows; its own page shows more."""
REPLAY_EDITED_BYTES_MAX = 256 * 1024
"""A rejected record up to this size can be edited in its page; a larger one can be sent again as it is."""
REPLAY_RECORDS_MAX = 500
"""Rejected records that one request sends again; the page goes on with the next ones."""
REPLAY_BYTES_MAX = 16 * 1024 * 1024
"""Their bytes."""
PEOPLE_PER_PAGE = 50
"""Profiles on one page of a search."""
PERSON_PROFILES_SHOWN_MAX = 20
"""Profiles of one person that its page shows; each of its ids may have one."""
PERSON_EVENTS_SHOWN_MAX = 100
"""Events of one person that its page lists."""
PERSON_DAYS = 30
"""Days that the activity of a person or group goes back."""
GROUP_KEYS_SHOWN_MAX = 100
"""Kinds of groups that a page offers."""
PAGE_PROPERTIES_BYTES_MAX = 64 * 1024
"""JSON text of one profile or event that a page shows."""
