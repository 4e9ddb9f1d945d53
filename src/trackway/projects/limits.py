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

# Accounts
ACCOUNTS_MAX = 10_000
"""Accounts of programs and people on a server. Every edge process keeps all of them in memory, about 1 KB each."""
ACCOUNT_NAME_CHARACTERS_MAX = 64
"""Name of a service account, without its suffix."""
USERNAME_CHARACTERS_MAX = 128
"""User name of a service account, its suffix included, or e-mail address of a personal account."""
RECOVERY_CODES = 10
"""Recovery codes of a second factor, each valid once."""
FACTOR_TRIES_MAX = 5
FACTOR_TRIES_S = 600
"""Wrong codes of a second factor in this time. Then even a right one is refused until it is over: of a million codes
three are right at a time, so somebody who knows the password has a chance of 0.2 % a day."""
FACTOR_SECRET_CHARACTERS_MAX = 256
"""The sealed secret of a second factor."""
PERSON_NAME_CHARACTERS_MAX = 128
"""Name of the person whom a personal account belongs to."""
PERSON_PASSWORD_CHARACTERS_MIN = 12
"""Password of a personal account. There is no other rule for it, but for its longest form."""
PERSON_PASSWORD_BYTES_MAX = 256
"""The same as UTF-8, so that hashing it is bounded."""
INVITATION_S_MAX = 7 * 86_400
"""How long an invitation is valid."""
RESET_S_MAX = 86_400
"""How long a link is valid that sets a new password."""
PERSON_SESSIONS_MAX = 20
"""Sessions of a person at once. Beyond it the one that was not used for longest ends."""
INVITATIONS_OF_AUTHOR_MAX = 100
"""Open invitations of one account. The admin and the command line may make more."""
INVITATIONS_MAX = 10_000
"""Open invitations of a server. Beyond it the admin and the command line alone invite. Links for new passwords are not
among them: each account has one at most."""
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

# Alerts
ALERTS_MAX = 50
"""Alerts of a project."""
ALERT_DELIVERIES_KEPT_MAX = 100
"""Messages of an alert that its log keeps, the newest ones. Older ones are dropped, even if they were not sent."""
ALERT_EMAILS_MAX = 5
"""Addresses that get the mail of an alert."""
ALERT_EMAIL_CHARACTERS_MAX = 254
"""One of these addresses (RFC 5321)."""
ALERT_URL_CHARACTERS_MAX = 2048
"""The address of a webhook."""
ALERT_LINK_CHARACTERS_MAX = 512
"""The address of an alert's page, which its messages name. A longer one is left out."""
ALERT_MINUTES_MAX = 7 * 24 * 60
"""How far back an alert looks at what came in."""
ALERT_RECORDS_MIN_MAX = 1_000_000_000
"""How many records an alert may need before it judges the rejected ones."""
ALERT_VALUE_MAX = 1e15
"""Largest value, with either sign, that a report is compared with."""
ALERT_PERIOD_MAX = 730
"""Latest period of retention that is compared: no report has a later one."""
ALERT_DETAIL_CHARACTERS_MAX = 255
"""What the log says about a try to send. A longer text is cut."""
ALERT_OBSERVED_CHARACTERS_MAX = 512
"""What was found at the last look. A longer text is cut."""
ALERT_TRIES_MAX = 3
"""Tries to send one message."""
ALERT_TRY_LEASE_S = 30.0
"""A try that has not ended after this time was cut off with its process. It is longer than any try."""
ALERT_SECOND_TRY_S = 10.0
"""Wait before the second try."""
ALERT_THIRD_TRY_S = 60.0
"""Wait before the third try."""
ALERT_MESSAGE_AGE_S_MAX = 86_400.0
"""A message that could not be sent for so long is given up: it would be about the past."""
ALERT_CLAIM_S = 10.0
"""How long a server is known to watch the alerts after it last said so."""
ALERT_CLOCK_SKEW_S_MAX = 60.0
"""How far the clocks of two servers may differ. A claim that ends later was made before a clock was set back."""
ALERT_TEST_INTERVAL_S_MIN = 5.0
"""Time between two tests of an alert."""
ALERT_DUE_ROWS_MAX = 32
"""Alerts or messages that are read at once to be looked at or sent."""
ALERT_CLOCK_BACK_S_MAX = 86_400.0
"""A look that is due later than this was planned before the clock was set back, and is due now."""

# Tasks about persons
ERASED_IDS_MAX = 1999
"""Ids of one task that erases persons, as Mixpanel documents it."""
HANDED_OUT_IDS_MAX = 2000
"""Ids of one task that hands out what is stored of persons, as Mixpanel documents it."""
PERSON_TASKS_OPEN_MAX = 100
"""Tasks of a project that have not ended."""
PERSON_TASKS_MAX = 10_000
"""Tasks of a project. They are kept for ever, since each has a certificate."""
PERSON_TASK_DAY_MS = 86_400_000
"""The day of a task: what comes under its ids within this time after it was asked for is erased, too."""
PERSON_TASKS_SHOWN_MAX = 100
"""Newest tasks in a list."""

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
