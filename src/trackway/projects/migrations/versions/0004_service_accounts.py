"""Service accounts, and their role in each of their projects."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "service_accounts",
        sa.Column("account_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("username", sa.String(128), nullable=False),
        sa.Column("secret_hash", sa.String(128), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=True),
        sa.Column("creator", sa.Integer, nullable=True),
        sa.UniqueConstraint("username", name="uq_service_accounts_username"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "memberships",
        sa.Column(
            "account_id",
            sa.Integer,
            sa.ForeignKey("service_accounts.account_id", ondelete="CASCADE", name="fk_memberships_account_id"),
            primary_key=True,
        ),
        sa.Column(
            "project_id",
            sa.Integer,
            sa.ForeignKey("projects.project_id", ondelete="CASCADE", name="fk_memberships_project_id"),
            primary_key=True,
        ),
        sa.Column("role", sa.String(16), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("memberships")
    op.drop_table("service_accounts")
