"""Saved reports, cohorts, annotations and their tags."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _project(table: str) -> sa.Column[int]:
    key = sa.ForeignKey("projects.project_id", ondelete="CASCADE", name=f"fk_{table}_project_id")
    return sa.Column("project_id", sa.Integer, key, nullable=False)


def _made() -> list[sa.Column[object]]:
    return [
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("modified_at_ms", sa.BigInteger, nullable=False),
        sa.Column("creator_id", sa.Integer, nullable=True),
        sa.Column("creator_name", sa.String(128), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "bookmarks",
        sa.Column("bookmark_id", sa.Integer, primary_key=True, autoincrement=True),
        _project("bookmarks"),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("description", sa.String(1024), nullable=False),
        sa.Column("params", sa.Text, nullable=False),
        *_made(),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_bookmarks_project_id", "bookmarks", ["project_id"])
    op.create_table(
        "cohorts",
        sa.Column("cohort_id", sa.Integer, primary_key=True, autoincrement=True),
        _project("cohorts"),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.String(1024), nullable=False),
        sa.Column("is_visible", sa.Boolean, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        *_made(),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_cohorts_project_id", "cohorts", ["project_id"])
    op.create_table(
        "annotations",
        sa.Column("annotation_id", sa.Integer, primary_key=True, autoincrement=True),
        _project("annotations"),
        sa.Column("date", sa.String(19), nullable=False),
        sa.Column("description", sa.String(512), nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        *_made(),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_annotations_project_id", "annotations", ["project_id"])
    op.create_table(
        "annotation_tags",
        sa.Column("tag_id", sa.Integer, primary_key=True, autoincrement=True),
        _project("annotation_tags"),
        sa.Column("name", sa.String(255), nullable=False),
        *_made(),
        sa.UniqueConstraint("project_id", "name", name="uq_annotation_tags_project_id"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    for table in ("annotation_tags", "annotations", "cohorts", "bookmarks"):
        op.drop_table(table)
