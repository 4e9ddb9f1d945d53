"""Sessions of people, which they see and end."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("signed_out_ms", sa.BigInteger, nullable=True))
    key = sa.ForeignKey("accounts.account_id", ondelete="CASCADE", name="fk_sessions_account_id")
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.String(48), primary_key=True),
        sa.Column("account_id", sa.Integer, key, nullable=False),
        sa.Column("begun_s", sa.BigInteger, nullable=False),
        sa.Column("seen_s", sa.BigInteger, nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("browser", sa.String(64), nullable=False),
        sa.Index("ix_sessions_account_id", "account_id"),
    )


def downgrade() -> None:
    op.drop_table("sessions")
    op.drop_column("accounts", "signed_out_ms")
