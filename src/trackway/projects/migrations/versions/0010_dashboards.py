"""Dashboards: saved reports, arranged."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.ForeignKey("projects.project_id", ondelete="CASCADE", name="fk_dashboards_project_id")
    op.create_table(
        "dashboards",
        sa.Column("dashboard_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("project_id", sa.Integer, key, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.String(1024), nullable=False),
        sa.Column("cards", sa.JSON, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("modified_at_ms", sa.BigInteger, nullable=False),
        sa.Column("creator_id", sa.Integer, nullable=True),
        sa.Column("creator_name", sa.String(128), nullable=False),
        sa.Index("ix_dashboards_project_id", "project_id"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("dashboards")
