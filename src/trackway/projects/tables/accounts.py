"""The tables of accounts, of their roles and sessions."""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from trackway.projects.limits import (
    FACTOR_SECRET_CHARACTERS_MAX,
    HASH_CHARACTERS_MAX,
    PERSON_NAME_CHARACTERS_MAX,
    USERNAME_CHARACTERS_MAX,
)
from trackway.projects.tables.base import metadata

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
