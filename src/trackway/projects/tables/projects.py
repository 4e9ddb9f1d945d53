"""The tables of projects: their keys, what is erased of them, and how long they keep their data."""

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table

from trackway.domain.identity_mode import SIMPLIFIED
from trackway.domain.limits import TIME_ZONE_CHARACTERS_MAX
from trackway.domain.time_zone import MONDAY, UTC_NAME
from trackway.projects.limits import (
    PROJECT_DESCRIPTION_CHARACTERS_MAX,
    PROJECT_NAME_CHARACTERS_MAX,
    USERNAME_CHARACTERS_MAX,
)
from trackway.projects.project import KEY_HEX_DIGITS
from trackway.projects.tables.base import metadata, of_project

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

# Tasks about persons. No edge process keeps these in memory. `ids` are those that were asked for, and keyed hashes of
# them once the task's day is over: then `has_ids` is false. The certificate stays in `report`.
person_tasks: Final = Table(
    "person_tasks",
    metadata,
    Column("task_id", Integer, primary_key=True, autoincrement=True),
    of_project(),
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

# What counts for the ageing of a region's data (`retention_states`).
retention_states: Final = Table(
    "retention_states",
    metadata,
    Column("region", String(8), primary_key=True),
    Column("default_days", Integer, nullable=False),
    Column("clock_ms", BigInteger, nullable=False),
)
