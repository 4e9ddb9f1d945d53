"""The first tables: projects, and their revision, which every change raises."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("project_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("secret", sa.String(32), nullable=False),
        sa.Column("region", sa.String(8), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.UniqueConstraint("name", name="uq_projects_name"),
        sa.UniqueConstraint("token", name="uq_projects_token"),
        sa.UniqueConstraint("secret", name="uq_projects_secret"),
        sa.CheckConstraint("name <> ''", name="ck_projects_name_not_empty"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "revisions",
        sa.Column("only_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.CheckConstraint("only_id = 1", name="ck_revisions_one_row"),
    )
    op.execute("INSERT INTO revisions (only_id, revision) VALUES (1, 0)")


def downgrade() -> None:
    op.drop_table("revisions")
    op.drop_table("projects")
