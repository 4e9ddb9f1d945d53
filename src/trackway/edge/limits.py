"""Limits of `edge`: one constant each, with its unit and its source."""

from trackway.domain.limits import DISTINCT_ID_CHARACTERS_MAX, EVENT_BYTES_MAX, RECORDS_PER_REQUEST_MAX

# Facts
FACTS_BODY_BYTES_MAX = 1024
"""Body of a request to build facts anew, of which nothing is read."""
FACTS_PIECES_MAX = 100_000
"""Pieces of a day in a check of facts."""

# Requests
QUERY_STRING_BYTES_MAX = 64 * 1024
"""The query string of a request, `GET ?data=` included. A longer one is a 413."""
FORM_FIELDS_MAX = 64
"""Fields of a form or of a query string. More are bad data."""
MULTIPART_BOUNDARY_BYTES_MAX = 72
"""Boundary of a form as `multipart/form-data`, its two hyphens included."""
MULTIPART_HEAD_BYTES_MAX = 4096
"""Headers of one part of such a form."""
GZIP_MEMBERS_MAX = 1000
"""Members of a gzip body. Each costs some microseconds, however little it holds."""
SILENT_BODY_S = 2.0
"""Where there is no room for another body, a body of which nothing has arrived for this long is dropped."""
GZIP_REPLY_BYTES_MIN = 1400
"""A reply up to this size is never compressed (protocol §7)."""
PREFLIGHT_HEADERS_MAX = 64
"""Header names that the reply to one preflight allows. Further ones are not allowed."""

# The script for web sites
SITE_SCRIPT_BYTES_MAX = 2 * 1024 * 1024
"""The file of `browser_sdk_path`: the largest build of the SDK has 1.3 MB. An edge process holds it, and it packed."""
SITE_SCRIPT_FRESH_S = 3600
"""How long a browser uses the script of `/lib/site.js` before it asks again."""
SITE_SCRIPT_KEPT_S = 31_536_000
"""The same for the address with the present content's digest."""

# Ingestion
HEAVY_BYTES = 1024 * 1024
"""A body that is larger, or unpacks to more, is handled in a thread, so that other requests go on."""
IMPORT_AHEAD_BYTES_MAX = 64 * 1024 * 1024
"""Journal bytes that are not loaded, from which on an operator's import waits: two batches of the loader, one that it
loads and one for when it is done."""
IMPORT_LOOK_S = 0.02
"""How often an import that waits looks at what is loaded."""
IMPORT_WAIT_S_MAX = 10.0
"""Longest wait of one request of an import."""
UNKNOWN_BYTES_MAX = EVENT_BYTES_MAX
"""A body without credentials is unpacked up to here in search of a known token. Without one it is a 413."""
UNKNOWN_FORM_BYTES_MAX = UNKNOWN_BYTES_MAX * 3 // 2
"""The same for a form, whose data in base64 is a third longer."""
UNKNOWN_READ_BYTES_MAX = 128 * 1024
"""JSON text without a known token is split into records up to this size. A larger one is refused as a whole."""
UNKNOWN_TOKENS_MAX = 2 * RECORDS_PER_REQUEST_MAX
"""Tokens that are looked up in such a text."""
NOBODY_ROWS_PER_MINUTE = 100
"""Reasons a minute for which the store counts records of no project. Metrics count all of them."""
REPLIES_REMEMBERED = 64
"""Pairs of content type and length whose header lines an edge process remembers, for replies to single events."""
HEADS_REMEMBERED = 1024
"""Different heads of requests with single events that an edge process remembers, with the replies to them."""
HEAD_REMEMBERED_BYTES_MAX = 512
"""Query string and headers of a head that is remembered. Longer ones are read each time."""

# Replays
REPLAY_RECORDS_MAX = 500
"""Rejected records that one request replays. The page goes on with the next ones."""
REPLAY_BYTES_MAX = 16 * 1024 * 1024
"""Bytes of these records."""

# Queries and exports
QUERY_BODY_BYTES_MAX = 1024 * 1024
"""Body of a query, unpacked: room for the ids of 4000 profiles. A larger one is a 413."""
OUTPUT_PROPERTIES_MAX = 255
"""Names in `output_properties`. The store searches a profile once for each."""
EXPORT_LIMIT_MAX = 100_000
"""`limit` of an export. More is a 400 (protocol §7)."""
EXPORT_SEND_S_MAX = 120.0
"""A client that has not read a piece of an export (1 MiB) after this time is cut off: its query holds a connection of
the store."""

# Reports
REPORT_BUCKETS_MAX = 10_000
"""Values by time of one series. A request for more is a 400, before the store is asked."""
SERIES_MAX = 10_000
"""Series of one report (openapi/query). Memory of an edge process: some 100 bytes for each value of a series."""
FUNNEL_STEPS_MAX = 100
"""Steps of a funnel (mixpanel-headless)."""
FUNNEL_EXCLUSIONS_MAX = 10
"""Exclusions of a funnel."""
FUNNEL_HELD_MAX = 3
"""Properties that a funnel holds constant (mixpanel/docs)."""
FLOW_STEPS_MAX = 10
"""Events that flows go through."""
FLOW_COLUMNS_MAX = 5
"""Events before and after each of them (mixpanel-headless)."""
FLOW_CARDINALITY_MAX = 50
"""Events of a column, branches of a tree, and paths of flows that are shown (mixpanel-headless)."""
FLOW_TREE_NODES_MAX = 100_000
"""Nodes of the tree of flows."""
FLOW_EVENTS_NAMED_MAX = 1000
"""Names of events that flows pass over or must not have."""
RETENTION_INTERVAL_MAX = 90
"""Days of one bucket of retention (openapi/query)."""
RETENTION_UNITS_MAX = 730
"""Buckets of retention, and the units after which a bracket ends."""
RETENTION_VALUES_MAX = 100_000
"""Buckets of all rows of retention; a hundred times as many with a breakdown, whose values each have all rows."""
ACTIVITY_EVENTS_MAX = 15_000
"""Events of one page of persons' activity (mixpanel-headless)."""
ACTIVITY_IDS_MAX = 1000
"""Ids in one question for persons' activity."""
ACTIVITY_NAMES_MAX = 1000
"""Names of events or properties in one question for persons' activity."""
ACTIVITY_SEARCH_BYTES_MAX = 1024
"""Bytes of a text that is searched in events, in UTF-8."""
REPORT_VALUES_MAX = 1_000_000
"""Values of all series of one report. More are a 400 after the store has answered, since only then they are known."""
MULTISEG_MAX = 100
"""Values of each of two breakdowns: a series for each pair."""
RANGES_MAX = 1000
"""Ranges of numbers in one report."""
EVENT_NAMES_MAX = 5000
"""Names in a list of events. A request for more gets as many, as Mixpanel's server gives."""
SEGMENTS_DEFAULT = 3000
SEGMENTS_MAX = 50_000
"""Segments of a metric of insights at each level of a breakdown (mixpanel-headless)."""
INSIGHTS_VALUES_MAX = 1_000_000
"""Values of one answer of insights: of each metric, at each level, at each time. Fewer segments are given where more
would not fit. Memory of an edge process: some 100 bytes for each."""
BOOKMARK_METRICS_MAX = 40
"""Metrics of one bookmark, operands of formulas included. Each asks the store once for each level and once more."""
BOOKMARK_GROUPS_MAX = 4
"""Levels of a breakdown of insights."""
BOOKMARK_COHORTS_MAX = 10
"""Cohorts of one level of a breakdown. The members of each are found for each statement."""
BOOKMARK_EVENTS_MAX = 100
"""Events of a bookmark that count together."""
BOOKMARK_FILTERS_MAX = 50
"""Filters in one list of a bookmark."""
BOOKMARK_FILTER_VALUES_MAX = 1000
"""Values that one filter of a bookmark compares with."""
BOOKMARK_ROLLING_MAX = 366
"""Values of which a rolling mean is made."""

# Saved reports, cohorts and annotations
SAVED_BODY_BYTES_MAX = 96 * 1024
"""Body of a request to save one of them. A larger one is a 413."""
COHORT_CONDITIONS_MAX = 50
"""Conditions of a cohort, those of the cohorts that it names included."""
COHORT_DEPTH_MAX = 16
"""Levels of conditions within conditions, and of cohorts that name cohorts."""
COHORT_DAYS_MAX = 3660
"""Days back in which a condition may count events."""
COHORT_TIMES_MAX = 1_000_000_000
"""How often a condition may want an event to have been done."""

# Identity
PERSON_ID_CHARACTERS_MAX = len("$device:") + DISTINCT_ID_CHARACTERS_MAX
"""The id of a person in a query. That of a device is longer by its prefix."""
IDENTITY_BODY_BYTES_MAX = 64 * 1024
"""Body of a request to unlink an id."""
PERSON_TASK_BODY_BYTES_MAX = 4 * 1024 * 1024
"""Body of a request to erase persons or to hand out what is stored of them: 2,000 ids of 263 characters."""
UNLINK_REASON_CHARACTERS_MAX = 255
"""The reason for unlinking an id."""

# Lookup tables
LOOKUP_CREATE_BODY_BYTES_MAX = 1024
"""Body that is read of a request to create a lookup table. It must be empty, and the reply says so."""
LOOKUP_UPLOADS_AT_ONCE_MAX = 2
"""Lookup tables that one edge process replaces at once, each in a thread of its own. A further one is a 503."""
UPLOAD_PIECE_BYTES_MAX = 256 * 1024
"""Bytes that one step of unpacking a lookup table gives."""
UPLOAD_PART_BYTES = 8 * 1024
"""Bytes of a lookup table that a thread parses before it pauses, so that the event loop gets the interpreter."""
UPLOAD_PAUSE_S = 50e-6
"""The length of that pause."""

# Service accounts
ACCOUNT_BODY_BYTES_MAX = 64 * 1024
"""Body of a request to the service accounts API. A larger one is a 413."""
ACCOUNT_CHANGES_MAX = 1000
"""Memberships that one such request may change: accounts times projects."""

# Verification of secrets
VERIFIED_S_MAX = 600.0
"""An edge process trusts a verified secret for this long, while the account stays the same."""
VERIFIED_REMEMBERED = 1024
"""Verified secrets that an edge process remembers, as keyed hashes of 32 bytes."""
VERIFICATIONS_WAITING_MAX = 128
"""Secrets that wait to be verified in an edge process, some 50 ms each. Forms and HTTP Basic have a queue each. Of too
many, the one with the most recent failed attempts gets a 503."""
VERIFICATIONS_WAITING_OF_ADDRESS_MAX = 64
"""The same for one address."""
VERIFICATIONS_WAITING_OF_NAME_MAX = 4
"""The same for one name from one address, whether an account has it or not."""
ATTEMPTS_FADE_S = 60.0
"""A failed attempt counts half after this time when the next secret to verify is chosen."""
ATTEMPTS_REMEMBERED = 8192
"""Addresses, and names from an address, whose failed attempts an edge process remembers, as keyed digests."""

PROJECTS_LOOK_INTERVAL_S = 0.02
"""Shortest time between two reads of the projects before refusals: a flood of wrong credentials reads no more."""
PROJECTS_LOOK_S_MAX = 3.0
"""How long a refusal waits for such a read. A database that does not answer refuses by what is known."""

# Changes of projects, and the audit
CHANGES_WAITING_MAX = 16
"""Changes of projects and accounts that wait in an edge process. A further request gets a 503."""
CHANGES_LATER_MAX = 1000
"""Notes for the audit that wait in an edge process. Further ones are only logged."""
CHANGES_END_S = 2.0
"""Time that they have at the end of a process. A database that does not answer must not hold it up."""
AUDIT_REFUSALS_HELD_MAX = 256
"""Names and addresses for which an edge process counts refusals before it writes them. Further ones count as
"others"."""
AUDIT_WRITE_S = 2.0
"""Time between two writes of these counts."""
AUDIT_FORGET_S = 3600.0
"""Time between two searches for entries older than `audit_retention_days`."""

# Client addresses
HOP_CHARACTERS_MAX = 128
"""An address in `X-Forwarded-For` with what proxies add to it: port, brackets, zone, quotes, blanks."""
UNHEEDED_NOTE_S = 1.0
"""An edge process notes an `X-Forwarded-For` header that it does not believe at most this often."""

# Rate limits
RATE_GRANULES = 15
"""Parts of a rate limit's window that are counted separately. Used capacity is free again after the window plus up to
one part."""
RATE_PROJECTS_PER_FILE = 256
"""Projects whose use one mapped file of an edge process holds, in 224 KiB."""
RATE_REPORT_S = 0.5
"""How often a machine reports to others what it has counted, and reads their reports. Until then they let through more
than a limit."""
RATE_REPORT_ALL_TURNS = 60
"""After so many of these it reports all that counts, also what has not changed: messages may be lost."""
RATE_WORDS_PER_MESSAGE = 20_000
"""Amounts in one message, in less than 300 KiB."""
RATE_MESSAGES_WAITING_MAX = 1024
"""Messages of other machines that wait to be taken. Beyond it the oldest are lost."""
RATE_MACHINES_MAX = 64
"""Other machines whose use is counted."""
RATE_MACHINE_SILENT_S = 5.0
"""After this time without a message, queries on another machine are not known to run any more."""
RATE_MACHINE_GONE_S = 3900.0
"""After this time nothing that it has counted is within a window."""

# Processes
THREADS = 8
"""Threads of an edge process for short work beside its event loop. Questions to the store have threads of their own
(`store.workload`)."""
PROJECTS_REFRESH_S = 1.0
"""Time between two looks of an edge process for changed projects."""
CERTIFICATE_LOOK_S = 1.0
"""Time between two looks of an edge process for changed files of its certificate."""
CITY_DATABASE_LOOK_S = 1.0
"""The same for the city database, which is reloaded one look after the change."""
HEALTH_PROBE_INTERVAL_S = 1.0
"""`/healthz` writes and syncs an empty record at most this often."""
HEALTH_PROBE_WAIT_S = 1.0
"""How long a reply waits for it. Then the reply is that of the last probe that ended."""
HEALTH_PROBE_S_MAX = 15.0
"""`/healthz` answers 503 when one takes longer: a replicated journal finds a new leader in less."""
LOADER_SILENCE_S_MAX = 10.0
"""`/readyz` reports a loader as down after this time without a heartbeat."""
