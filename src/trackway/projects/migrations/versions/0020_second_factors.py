"""Second factors of personal accounts, and their recovery codes."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    account = sa.ForeignKey("accounts.account_id", ondelete="CASCADE")
    op.create_table(
        "second_factors",
        sa.Column("account_id", sa.Integer, account, primary_key=True),
        sa.Column("secret", sa.String(256), nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("tries_from_ms", sa.BigInteger, nullable=False),
    )
    of_code = sa.ForeignKey("accounts.account_id", ondelete="CASCADE")
    op.create_table(
        "recovery_codes",
        sa.Column("account_id", sa.Integer, of_code, primary_key=True),
        sa.Column("code_hash", sa.String(64), primary_key=True),
    )


def downgrade() -> None:
    op.drop_table("recovery_codes")
    op.drop_table("second_factors")
