"""The time zone and the week start of a project. Existing projects get UTC and Monday, as their pages had."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("time_zone", sa.String(64), nullable=False, server_default="UTC"))
    op.add_column("projects", sa.Column("week_start", sa.String(8), nullable=False, server_default="monday"))


def downgrade() -> None:
    op.drop_column("projects", "week_start")
    op.drop_column("projects", "time_zone")
