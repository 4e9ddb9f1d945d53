"""The tables of the server itself: its keys, and the audit."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from trackway.projects.limits import AUDIT_SUBJECT_CHARACTERS_MAX
from trackway.projects.tables.base import metadata

# Keys of the server itself, which all servers of one PostgreSQL database share (`server_keys`).
server_keys: Final = Table(
    "server_keys",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("key", String(128), nullable=False),  # in hex
    Column("created_at_ms", BigInteger, nullable=False),
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
