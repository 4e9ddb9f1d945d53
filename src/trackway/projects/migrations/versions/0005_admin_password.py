"""The password that opens the web pages of every project."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "admin_passwords",
        sa.Column("only_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("password_hash", sa.String(128), nullable=False),
        sa.CheckConstraint("only_id = 1", name="ck_admin_passwords_one_row"),
    )


def downgrade() -> None:
    op.drop_table("admin_passwords")
