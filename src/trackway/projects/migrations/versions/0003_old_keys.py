"""Old keys: they were replaced, and stay valid for a while."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "old_keys",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("project_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(6), nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.project_id"], name="fk_old_keys_project_id"),
        sa.CheckConstraint("kind IN ('token', 'secret')", name="ck_old_keys_kind_known"),
    )


def downgrade() -> None:
    op.drop_table("old_keys")
