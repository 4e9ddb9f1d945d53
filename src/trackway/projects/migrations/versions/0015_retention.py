"""For how many days projects keep events and profiles; 0 is forever, none what the server says."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_NAMES = ("event_retention", "profile_retention")


def upgrade() -> None:
    for name in _NAMES:
        op.add_column("projects", sa.Column(name, sa.Integer, nullable=True))


def downgrade() -> None:
    for name in reversed(_NAMES):
        op.drop_column("projects", name)
