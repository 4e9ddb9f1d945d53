"""Limits of `projects`: one constant each, with its unit and its source."""

# Projects
PROJECT_NAME_CHARACTERS_MAX = 255
"""Name of a project."""
PROJECT_DESCRIPTION_CHARACTERS_MAX = 1024
"""Description of a project."""
KEY_OVERLAP_S_MAX = 365 * 86_400
"""How long a replaced key may stay valid."""
OLD_KEYS_MAX = 16
"""Old tokens, and old secrets, of a project that are valid at once."""

# Service accounts
SERVICE_ACCOUNTS_MAX = 10_000
"""Service accounts of a server. Every edge process keeps all of them in memory, about 1 KB each."""
ACCOUNT_NAME_CHARACTERS_MAX = 64
"""Name of a service account, without its suffix."""
USERNAME_CHARACTERS_MAX = 128
"""User name of a service account, its suffix included."""
HASH_CHARACTERS_MAX = 128
"""Hash of a secret, as argon2id writes it."""

# Saved reports, dashboards, cohorts and annotations
BOOKMARKS_MAX = 500
"""Saved reports of a project. A list gives all of them."""
DASHBOARDS_MAX = 100
"""Dashboards of a project."""
DASHBOARD_CARDS_MAX = 24
"""Reports on a dashboard. A page asks all of them."""
SHARE_LINKS_MAX = 500
"""Links of a project that share reports and dashboards, expired ones included until somebody revokes them."""
SHARE_LINK_DAYS_MAX = 366
"""How long a link may be valid."""
COHORTS_MAX = 100
"""Cohorts of a project. A list counts the members of each."""
ANNOTATIONS_MAX = 10_000
"""Annotations of a project."""
ANNOTATION_TAGS_MAX = 100
"""Tags that a project has for its annotations."""
LOOKUP_MAPPINGS_MAX = 100
"""Properties of a project that are mapped to lookup tables."""
SAVED_NAME_CHARACTERS_MAX = 255
"""Name of a saved report, a dashboard, a cohort or a tag."""
SAVED_DESCRIPTION_CHARACTERS_MAX = 1024
"""Description of a saved report, a dashboard or a cohort."""
ANNOTATION_CHARACTERS_MAX = 512
"""Text of an annotation."""
SAVED_JSON_BYTES_MAX = 64 * 1024
"""Definition of a saved report or a cohort, as JSON."""

# Sessions
ENDED_SESSIONS_MAX = 100_000
"""Ended sessions that are kept. Beyond it the older half are deleted, and all sessions that began as early end."""

# The audit
AUDIT_ROWS_MAX = 100_000
"""Entries of the audit, some 200 bytes each. Beyond it the oldest are deleted."""
AUDIT_REFUSALS_MAX = 20_000
"""Entries of refused sign-ins and credentials, by name and address, among them."""
AUDIT_REFUSALS_JOINED_S = 3600
"""Refusals of one name and address within this time are one entry with their number."""
AUDIT_SUBJECT_CHARACTERS_MAX = 256
"""Subject of an entry: a key, an account, an id. A longer text is cut."""

# The database
MISS_INTERVAL_S_MIN = 0.001
"""Shortest time between two reads of SQLite for an unknown key. A read takes 15 µs: a new project works at once."""
AWAY_MISS_INTERVAL_S_MIN = 2.0
"""The same while the database cannot be read, since an attempt may block for a while."""
SQLITE_BUSY_S_MAX = 10.0
"""How long a change or a command waits for another process that writes the SQLite file."""
SQLITE_READ_BUSY_S_MAX = 0.25
"""The same for a reader in an event loop. It waits only while the write-ahead log is rebuilt."""
POSTGRESQL_STATEMENT_MS_MAX = 10_000
"""Time of a statement in PostgreSQL. A change waits this long for another change."""
