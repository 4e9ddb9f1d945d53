"""Accounts of people beside those of programs, and the links that open them."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.rename_table("service_accounts", "accounts")
    op.add_column("accounts", sa.Column("person_name", sa.String(128), nullable=True))
    op.create_table(
        "account_links",
        sa.Column("link_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("email", sa.String(128), nullable=False),
        sa.Column("roles", sa.JSON, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("creator_id", sa.Integer, nullable=True),
        sa.Column("creator_name", sa.String(128), nullable=False),
        sa.UniqueConstraint("token_hash", name="uq_account_links_token_hash"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("account_links")
    op.execute("DELETE FROM memberships WHERE account_id IN (SELECT account_id FROM accounts WHERE person_name <> '')")
    op.execute("DELETE FROM accounts WHERE person_name IS NOT NULL")
    op.drop_column("accounts", "person_name")
    op.rename_table("accounts", "service_accounts")
