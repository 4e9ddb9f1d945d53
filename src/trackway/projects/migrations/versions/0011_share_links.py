"""Links that share reports and dashboards."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.ForeignKey("projects.project_id", ondelete="CASCADE", name="fk_share_links_project_id")
    op.create_table(
        "share_links",
        sa.Column("link_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("project_id", sa.Integer, key, nullable=False),
        sa.Column("target", sa.String(32), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("modified_at_ms", sa.BigInteger, nullable=False),
        sa.Column("creator_id", sa.Integer, nullable=True),
        sa.Column("creator_name", sa.String(128), nullable=False),
        sa.UniqueConstraint("token_hash", name="uq_share_links_token_hash"),
        sa.Index("ix_share_links_project_id", "project_id"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("share_links")
