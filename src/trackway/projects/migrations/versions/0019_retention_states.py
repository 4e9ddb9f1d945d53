"""What somebody has confirmed about ageing: the retention of the server's settings, and the clock."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retention_states",
        sa.Column("region", sa.String(8), primary_key=True),
        sa.Column("default_days", sa.Integer, nullable=False),
        sa.Column("clock_ms", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("retention_states")
