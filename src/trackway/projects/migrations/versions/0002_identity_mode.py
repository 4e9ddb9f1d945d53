"""The identity mode of a project. Existing projects stay simplified."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("identity_mode", sa.String(16), nullable=False, server_default="simplified"))


def downgrade() -> None:
    op.drop_column("projects", "identity_mode")
