"""The audit: who did what, when, and from which address."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("entry_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("project_id", sa.Integer, nullable=True),
        sa.Column("subject", sa.String(256), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_address", "audit", ["address", "action"])


def downgrade() -> None:
    op.drop_table("audit")
