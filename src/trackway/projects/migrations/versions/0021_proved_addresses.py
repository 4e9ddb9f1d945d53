"""When a provider proved the address of a personal account."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("proved_at_ms", sa.BigInteger, nullable=True))


def downgrade() -> None:
    op.drop_column("accounts", "proved_at_ms")
