"""The tables of the projects database, as SQLAlchemy Core sees them after every migration.

The migrations below `migrations/` spell their own columns out, so that an old migration never changes its meaning; a
test compares what they build with what stands here.
"""

from typing import Final

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, ForeignKey, Integer, MetaData, String, Table

from trackway.identity import SIMPLIFIED
from trackway.projects.account import HASH_CHARACTERS_MAX, USERNAME_CHARACTERS_MAX
from trackway.projects.project import KEY_HEX_DIGITS, NAME_CHARACTERS_MAX

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
    Column("name", String(NAME_CHARACTERS_MAX), nullable=False, unique=True),
    Column("token", String(KEY_HEX_DIGITS), nullable=False, unique=True),
    Column("secret", String(KEY_HEX_DIGITS), nullable=False, unique=True),
    Column("region", String(8), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("identity_mode", String(16), nullable=False, server_default=SIMPLIFIED),
    CheckConstraint("name <> ''", name="name_not_empty"),
    sqlite_autoincrement=True,  # an id is never given twice, not even after the newest project was deleted
)

# Keys that were replaced, each valid until its end. A key is one project's, also among those that were replaced.
old_keys: Final = Table(
    "old_keys",
    metadata,
    Column("key", String(KEY_HEX_DIGITS), primary_key=True),
    Column("project_id", ForeignKey("projects.project_id"), nullable=False),
    Column("kind", String(6), nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    CheckConstraint("kind IN ('token', 'secret')", name="kind_known"),
)

# One row. Every change of the tables above adds one to it within its own transaction, so that a reader notices any
# change with one look at one number.
revisions: Final = Table(
    "revisions",
    metadata,
    Column("only_id", Integer, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    CheckConstraint("only_id = 1", name="one_row"),
)

service_accounts: Final = Table(
    "service_accounts",
    metadata,
    Column("account_id", Integer, primary_key=True, autoincrement=True),
    Column("username", String(USERNAME_CHARACTERS_MAX), nullable=False, unique=True),
    Column("secret_hash", String(HASH_CHARACTERS_MAX), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=True),
    Column("creator", Integer, nullable=True),  # no foreign key: who made an account stays known when gone
    sqlite_autoincrement=True,  # an id is never given twice: `creator` means one account for ever
)

# One row or none. The password of whoever runs the server, for its web pages.
admin_passwords: Final = Table(
    "admin_passwords",
    metadata,
    Column("only_id", Integer, primary_key=True, autoincrement=False),
    Column("password_hash", String(HASH_CHARACTERS_MAX), nullable=False),
    CheckConstraint("only_id = 1", name="one_row"),
)

# The role of an account in a project. A row less is access less, so both ways of going take the row along.
memberships: Final = Table(
    "memberships",
    metadata,
    Column("account_id", Integer, ForeignKey("service_accounts.account_id", ondelete="CASCADE"), primary_key=True),
    Column("project_id", Integer, ForeignKey("projects.project_id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(16), nullable=False),
)
