"""The tables of what people save in a project."""

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint

from trackway.domain.limits import PROPERTY_NAME_CHARACTERS_MAX
from trackway.projects.limits import (
    ANNOTATION_CHARACTERS_MAX,
    SAVED_DESCRIPTION_CHARACTERS_MAX,
    SAVED_NAME_CHARACTERS_MAX,
)
from trackway.projects.tables.base import made, metadata, of_project

# What people save in a project. No edge process keeps these in memory, so their changes do not increment the revision.
bookmarks: Final = Table(
    "bookmarks",
    metadata,
    Column("bookmark_id", Integer, primary_key=True, autoincrement=True),
    of_project(),
    Column("name", String(SAVED_NAME_CHARACTERS_MAX), nullable=False),
    Column("type", String(32), nullable=False),
    Column("description", String(SAVED_DESCRIPTION_CHARACTERS_MAX), nullable=False),
    Column("params", Text, nullable=False),
    *made(),
    Index("ix_bookmarks_project_id", "project_id"),
    sqlite_autoincrement=True,  # no id is used twice: clients keep ids of reports
)

dashboards: Final = Table(
    "dashboards",
    metadata,
    Column("dashboard_id", Integer, primary_key=True, autoincrement=True),
    of_project(),
    Column("name", String(SAVED_NAME_CHARACTERS_MAX), nullable=False),
    Column("description", String(SAVED_DESCRIPTION_CHARACTERS_MAX), nullable=False),
    Column("cards", JSON, nullable=False),  # ids of bookmarks with their widths; a deleted one leaves its card
    *made(),
    Index("ix_dashboards_project_id", "project_id"),
    sqlite_autoincrement=True,
)

share_links: Final = Table(
    "share_links",
    metadata,
    Column("link_id", Integer, primary_key=True, autoincrement=True),
    of_project(),
    Column("target", String(32), nullable=False),  # a report or dashboard, which may have been deleted
    Column("token_hash", String(64), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    *made(),
    UniqueConstraint("token_hash"),
    Index("ix_share_links_project_id", "project_id"),
    sqlite_autoincrement=True,
)

cohorts: Final = Table(
    "cohorts",
    metadata,
    Column("cohort_id", Integer, primary_key=True, autoincrement=True),
    of_project(),
    Column("name", String(SAVED_NAME_CHARACTERS_MAX), nullable=False),
    Column("description", String(SAVED_DESCRIPTION_CHARACTERS_MAX), nullable=False),
    Column("is_visible", Boolean, nullable=False),
    Column("definition", Text, nullable=False),
    *made(),
    Index("ix_cohorts_project_id", "project_id"),
    sqlite_autoincrement=True,
)

annotations: Final = Table(
    "annotations",
    metadata,
    Column("annotation_id", Integer, primary_key=True, autoincrement=True),
    of_project(),
    Column("date", String(19), nullable=False),  # 2026-11-29 12:00:00, in the project's time zone
    Column("description", String(ANNOTATION_CHARACTERS_MAX), nullable=False),
    Column("tags", JSON, nullable=False),  # ids; a tag is never deleted
    *made(),
    Index("ix_annotations_project_id", "project_id"),
    sqlite_autoincrement=True,
)

annotation_tags: Final = Table(
    "annotation_tags",
    metadata,
    Column("tag_id", Integer, primary_key=True, autoincrement=True),
    of_project(),
    Column("name", String(SAVED_NAME_CHARACTERS_MAX), nullable=False),
    *made(),
    UniqueConstraint("project_id", "name"),
    sqlite_autoincrement=True,
)

lookup_mappings: Final = Table(
    "lookup_mappings",
    metadata,
    Column("mapping_id", Integer, primary_key=True, autoincrement=True),
    of_project(),
    Column("property", String(PROPERTY_NAME_CHARACTERS_MAX), nullable=False),
    Column("of_user", Boolean, nullable=False),
    Column("table_id", String(36), nullable=False),  # of a lookup table, which is in the store
    *made(),
    UniqueConstraint("project_id", "of_user", "property"),
    sqlite_autoincrement=True,
)
