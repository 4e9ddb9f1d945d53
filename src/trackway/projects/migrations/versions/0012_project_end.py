"""Descriptions of projects, and when they were archived and deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("description", sa.String(1024), nullable=True))
    op.add_column("projects", sa.Column("archived_at_ms", sa.BigInteger, nullable=True))
    op.add_column("projects", sa.Column("deleted_at_ms", sa.BigInteger, nullable=True))


def downgrade() -> None:
    for name in ("deleted_at_ms", "archived_at_ms", "description"):
        op.drop_column("projects", name)
