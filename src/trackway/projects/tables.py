"""The tables of the projects database after all migrations, in SQLAlchemy Core.

Each migration below `migrations/` names its own columns, so that an old migration never changes its meaning. A test
compares the tables that they build with these.
"""

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from trackway.domain.identity_mode import SIMPLIFIED
from trackway.domain.limits import PROPERTY_NAME_CHARACTERS_MAX, TIME_ZONE_CHARACTERS_MAX
from trackway.domain.time_zone import MONDAY, UTC_NAME
from trackway.projects.limits import (
    ALERT_DETAIL_CHARACTERS_MAX,
    ALERT_LINK_CHARACTERS_MAX,
    ALERT_OBSERVED_CHARACTERS_MAX,
    ALERT_URL_CHARACTERS_MAX,
    ANNOTATION_CHARACTERS_MAX,
    AUDIT_SUBJECT_CHARACTERS_MAX,
    FACTOR_SECRET_CHARACTERS_MAX,
    HASH_CHARACTERS_MAX,
    PERSON_NAME_CHARACTERS_MAX,
    PROJECT_DESCRIPTION_CHARACTERS_MAX,
    PROJECT_NAME_CHARACTERS_MAX,
    SAVED_DESCRIPTION_CHARACTERS_MAX,
    SAVED_NAME_CHARACTERS_MAX,
    USERNAME_CHARACTERS_MAX,
)
from trackway.projects.project import KEY_HEX_DIGITS

metadata: Final = MetaData(
    naming_convention={
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

projects: Final = Table(
    "projects",
    metadata,
    Column("project_id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(PROJECT_NAME_CHARACTERS_MAX), nullable=False, unique=True),
    Column("token", String(KEY_HEX_DIGITS), nullable=False, unique=True),
    Column("secret", String(KEY_HEX_DIGITS), nullable=False, unique=True),
    Column("region", String(8), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("identity_mode", String(16), nullable=False, server_default=SIMPLIFIED),
    Column("time_zone", String(TIME_ZONE_CHARACTERS_MAX), nullable=False, server_default=UTC_NAME),
    Column("week_start", String(8), nullable=False, server_default=MONDAY),
    Column("description", String(PROJECT_DESCRIPTION_CHARACTERS_MAX), nullable=True),
    Column("archived_at_ms", BigInteger, nullable=True),
    Column("deleted_at_ms", BigInteger, nullable=True),  # no reader finds such a row; a task erases its data
    Column("event_retention", Integer, nullable=True),
    Column("profile_retention", Integer, nullable=True),
    CheckConstraint("name <> ''", name="name_not_empty"),
    sqlite_autoincrement=True,  # no id is used twice, even after the newest project is deleted
)

# Replaced keys, each valid until its end. A key belongs to one project, also after it was replaced.
old_keys: Final = Table(
    "old_keys",
    metadata,
    Column("key", String(KEY_HEX_DIGITS), primary_key=True),
    Column("project_id", ForeignKey("projects.project_id"), nullable=False),
    Column("kind", String(6), nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    CheckConstraint("kind IN ('token', 'secret')", name="kind_known"),
)

# One row. Every change of the tables above increments it in the same transaction, so that a reader notices a change
# with one number.
revisions: Final = Table(
    "revisions",
    metadata,
    Column("only_id", Integer, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    CheckConstraint("only_id = 1", name="one_row"),
)

# Accounts of programs and of people: these have a name, and their e-mail address in lower case is the user name.
accounts: Final = Table(
    "accounts",
    metadata,
    Column("account_id", Integer, primary_key=True, autoincrement=True),
    Column("username", String(USERNAME_CHARACTERS_MAX), nullable=False),
    Column("secret_hash", String(HASH_CHARACTERS_MAX), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=True),
    Column("creator", Integer, nullable=True),  # no foreign key: the id stays after the creator is deleted
    Column("person_name", String(PERSON_NAME_CHARACTERS_MAX), nullable=True),
    Column("signed_out_ms", BigInteger, nullable=True),  # sessions that began under another value have ended
    Column("proved_at_ms", BigInteger, nullable=True),  # when a provider proved the address
    UniqueConstraint("username", name="uq_service_accounts_username"),  # the table's first name
    sqlite_autoincrement=True,  # no id is used twice: `creator` means one account for ever
)

# One row or none. The operator's password for the web pages.
admin_passwords: Final = Table(
    "admin_passwords",
    metadata,
    Column("only_id", Integer, primary_key=True, autoincrement=False),
    Column("password_hash", String(HASH_CHARACTERS_MAX), nullable=False),
    CheckConstraint("only_id = 1", name="one_row"),
)

# The role of an account in a project. A row grants access, so deleting the account or the project deletes the row.
memberships: Final = Table(
    "memberships",
    metadata,
    Column("account_id", Integer, ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True),
    Column("project_id", Integer, ForeignKey("projects.project_id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(16), nullable=False),
)

# Sessions of people, as they see them. The id is a keyed digest, as that of an ended session.
sessions: Final = Table(
    "sessions",
    metadata,
    Column("session_id", String(48), primary_key=True),
    Column("account_id", Integer, ForeignKey("accounts.account_id", ondelete="CASCADE"), nullable=False),
    Column("begun_s", BigInteger, nullable=False),
    Column("seen_s", BigInteger, nullable=False),
    Column("address", String(64), nullable=False),
    Column("browser", String(64), nullable=False),
    Index("ix_sessions_account_id", "account_id"),
)

# The second factor of a personal account. The secret is sealed (`factor_secrets`). `last_step` is that of the last code
# that was used: no code is used twice.
second_factors: Final = Table(
    "second_factors",
    metadata,
    Column("account_id", Integer, ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True),
    Column("secret", String(FACTOR_SECRET_CHARACTERS_MAX), nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("tries_from_ms", BigInteger, nullable=False),
)

# Recovery codes that were not used yet, as hashes.
recovery_codes: Final = Table(
    "recovery_codes",
    metadata,
    Column("account_id", Integer, ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True),
    Column("code_hash", String(64), primary_key=True),
)

# Links that open an account: invitations with roles by project id, and links that set a new password. Only the hash of
# a token is stored. A link is deleted when it is used.
account_links: Final = Table(
    "account_links",
    metadata,
    Column("link_id", Integer, primary_key=True, autoincrement=True),
    Column("purpose", String(16), nullable=False),
    Column("email", String(USERNAME_CHARACTERS_MAX), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("token_hash", String(64), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("creator_id", Integer, nullable=True),  # no foreign key: a link ends with its creator's rights
    Column("creator_name", String(USERNAME_CHARACTERS_MAX), nullable=False),
    UniqueConstraint("token_hash"),
    sqlite_autoincrement=True,
)


def _of_project() -> Column[Any]:
    return Column("project_id", Integer, ForeignKey("projects.project_id", ondelete="CASCADE"), nullable=False)


def _made() -> list[Column[Any]]:
    """When a saved thing was made and changed, and who made it: an account, or a key of the project without an id."""
    return [
        Column("created_at_ms", BigInteger, nullable=False),
        Column("modified_at_ms", BigInteger, nullable=False),
        Column("creator_id", Integer, nullable=True),  # no foreign key: the id stays after the creator is deleted
        Column("creator_name", String(USERNAME_CHARACTERS_MAX), nullable=False),
    ]


# What people save in a project. No edge process keeps these in memory, so their changes do not increment the revision.
bookmarks: Final = Table(
    "bookmarks",
    metadata,
    Column("bookmark_id", Integer, primary_key=True, autoincrement=True),
    _of_project(),
    Column("name", String(SAVED_NAME_CHARACTERS_MAX), nullable=False),
    Column("type", String(32), nullable=False),
    Column("description", String(SAVED_DESCRIPTION_CHARACTERS_MAX), nullable=False),
    Column("params", Text, nullable=False),
    *_made(),
    Index("ix_bookmarks_project_id", "project_id"),
    sqlite_autoincrement=True,  # no id is used twice: clients keep ids of reports
)
dashboards: Final = Table(
    "dashboards",
    metadata,
    Column("dashboard_id", Integer, primary_key=True, autoincrement=True),
    _of_project(),
    Column("name", String(SAVED_NAME_CHARACTERS_MAX), nullable=False),
    Column("description", String(SAVED_DESCRIPTION_CHARACTERS_MAX), nullable=False),
    Column("cards", JSON, nullable=False),  # ids of bookmarks with their widths; a deleted one leaves its card
    *_made(),
    Index("ix_dashboards_project_id", "project_id"),
    sqlite_autoincrement=True,
)
share_links: Final = Table(
    "share_links",
    metadata,
    Column("link_id", Integer, primary_key=True, autoincrement=True),
    _of_project(),
    Column("target", String(32), nullable=False),  # a report or dashboard, which may have been deleted
    Column("token_hash", String(64), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    *_made(),
    UniqueConstraint("token_hash"),
    Index("ix_share_links_project_id", "project_id"),
    sqlite_autoincrement=True,
)
cohorts: Final = Table(
    "cohorts",
    metadata,
    Column("cohort_id", Integer, primary_key=True, autoincrement=True),
    _of_project(),
    Column("name", String(SAVED_NAME_CHARACTERS_MAX), nullable=False),
    Column("description", String(SAVED_DESCRIPTION_CHARACTERS_MAX), nullable=False),
    Column("is_visible", Boolean, nullable=False),
    Column("definition", Text, nullable=False),
    *_made(),
    Index("ix_cohorts_project_id", "project_id"),
    sqlite_autoincrement=True,
)
annotations: Final = Table(
    "annotations",
    metadata,
    Column("annotation_id", Integer, primary_key=True, autoincrement=True),
    _of_project(),
    Column("date", String(19), nullable=False),  # 2026-11-29 12:00:00, in the project's time zone
    Column("description", String(ANNOTATION_CHARACTERS_MAX), nullable=False),
    Column("tags", JSON, nullable=False),  # ids; a tag is never deleted
    *_made(),
    Index("ix_annotations_project_id", "project_id"),
    sqlite_autoincrement=True,
)
annotation_tags: Final = Table(
    "annotation_tags",
    metadata,
    Column("tag_id", Integer, primary_key=True, autoincrement=True),
    _of_project(),
    Column("name", String(SAVED_NAME_CHARACTERS_MAX), nullable=False),
    *_made(),
    UniqueConstraint("project_id", "name"),
    sqlite_autoincrement=True,
)
lookup_mappings: Final = Table(
    "lookup_mappings",
    metadata,
    Column("mapping_id", Integer, primary_key=True, autoincrement=True),
    _of_project(),
    Column("property", String(PROPERTY_NAME_CHARACTERS_MAX), nullable=False),
    Column("of_user", Boolean, nullable=False),
    Column("table_id", String(36), nullable=False),  # of a lookup table, which is in the store
    *_made(),
    UniqueConstraint("project_id", "of_user", "property"),
    sqlite_autoincrement=True,
)

# Conditions that the server watches for a project, and their state. No edge process keeps them in memory.
alerts: Final = Table(
    "alerts",
    metadata,
    Column("alert_id", Integer, primary_key=True, autoincrement=True),
    _of_project(),
    Column("name", String(SAVED_NAME_CHARACTERS_MAX), nullable=False),
    Column("kind", String(16), nullable=False),  # of the condition, so that each kind is looked at in a line of its own
    Column("condition", Text, nullable=False),
    Column("webhook_url", String(ALERT_URL_CHARACTERS_MAX), nullable=False),  # "" for none
    Column("emails", JSON, nullable=False),
    Column("secret", String(64), nullable=False),  # in clear: it signs
    Column("link", String(ALERT_LINK_CHARACTERS_MAX), nullable=False),  # its page, as its author reached it
    Column("tells_end", Boolean, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("version", Integer, nullable=False),  # grows with each change, so that no look at an older one counts
    Column("watched_from_ms", BigInteger, nullable=False),
    Column("is_firing", Boolean, nullable=False),
    Column("since_ms", BigInteger, nullable=True),
    Column("looked_at_ms", BigInteger, nullable=True),
    Column("next_look_ms", BigInteger, nullable=False),
    Column("observed", String(ALERT_OBSERVED_CHARACTERS_MAX), nullable=False),
    *_made(),
    Index("ix_alerts_project_id", "project_id"),
    sqlite_autoincrement=True,  # no id is used twice: receivers know alerts by their ids
)

# Messages of alerts: what is to be sent, and what was. One is written together with the state that it is about.
alert_deliveries: Final = Table(
    "alert_deliveries",
    metadata,
    Column("delivery_id", Integer, primary_key=True, autoincrement=True),
    Column("alert_id", Integer, ForeignKey("alerts.alert_id", ondelete="CASCADE"), nullable=False),
    Column("message_id", String(40), nullable=False),
    Column("channel", String(8), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try_ms", BigInteger, nullable=True),  # none when it has ended
    Column("outcome", String(16), nullable=False),
    Column("detail", String(ALERT_DETAIL_CHARACTERS_MAX), nullable=False),
    Column("ended_at_ms", BigInteger, nullable=True),
    UniqueConstraint("message_id"),
    Index("ix_alert_deliveries_alert_id", "alert_id"),
    Index("ix_alert_deliveries_next_try_ms", "next_try_ms"),
    sqlite_autoincrement=True,
)

# Which server watches the alerts of a region's projects, and until when it may without saying so again.
alert_claims: Final = Table(
    "alert_claims",
    metadata,
    Column("region", String(8), primary_key=True),
    Column("holder", String(32), nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)

# Tasks about persons. No edge process keeps these in memory. `ids` are those that were asked for, and keyed hashes of
# them once the task's day is over: then `has_ids` is false. The certificate stays in `report`.
person_tasks: Final = Table(
    "person_tasks",
    metadata,
    Column("task_id", Integer, primary_key=True, autoincrement=True),
    _of_project(),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("compliance", String(8), nullable=False),
    Column("disclosure", String(16), nullable=False),
    Column("requester", String(USERNAME_CHARACTERS_MAX), nullable=False),
    Column("ids", JSON, nullable=False),
    Column("has_ids", Boolean, nullable=False),
    Column("id_count", Integer, nullable=False),
    Column("asked_at_ms", BigInteger, nullable=False),
    Column("starts_at_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),  # the end of the task's day
    Column("started_at_ms", BigInteger, nullable=True),
    Column("ended_at_ms", BigInteger, nullable=True),
    Column("report", JSON, nullable=False),
    Index("ix_person_tasks_project_id", "project_id"),
    Index("ix_person_tasks_state", "state", "has_ids"),
    sqlite_autoincrement=True,  # no id is used twice: the store names tasks by them
)

# Keys of the server itself, which all servers of one PostgreSQL database share (`server_keys`).
server_keys: Final = Table(
    "server_keys",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("key", String(128), nullable=False),  # in hex
    Column("created_at_ms", BigInteger, nullable=False),
)

# Sessions that were signed out, for the other machines (`shared_ended_sessions`). An empty id is all that had begun by
# then. No id is used twice, since readers continue behind the last one.
ended_sessions: Final = Table(
    "ended_sessions",
    metadata,
    Column("entry_id", Integer, primary_key=True, autoincrement=True),
    Column("id", String(48), nullable=False),
    Column("begun_s", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

# What counts for the ageing of a region's data (`retention_states`).
retention_states: Final = Table(
    "retention_states",
    metadata,
    Column("region", String(8), primary_key=True),
    Column("default_days", Integer, nullable=False),
    Column("clock_ms", BigInteger, nullable=False),
)

# Who did what, and from which address. It has no foreign keys, since an entry outlives its project. Refusals of one
# name and address are one row, with the time of the first and of the last.
audit: Final = Table(
    "audit",
    metadata,
    Column("entry_id", Integer, primary_key=True, autoincrement=True),
    Column("time_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("name", String(AUDIT_SUBJECT_CHARACTERS_MAX), nullable=False),
    Column("address", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("project_id", Integer, nullable=True),
    Column("subject", String(AUDIT_SUBJECT_CHARACTERS_MAX), nullable=False),
    Index("ix_audit_address", "address", "action"),
    sqlite_autoincrement=True,  # the newest id is always the greatest, also after all rows are deleted
)
