"""Properties that are mapped to lookup tables."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.ForeignKey("projects.project_id", ondelete="CASCADE", name="fk_lookup_mappings_project_id")
    op.create_table(
        "lookup_mappings",
        sa.Column("mapping_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("project_id", sa.Integer, key, nullable=False),
        sa.Column("property", sa.String(255), nullable=False),
        sa.Column("of_user", sa.Boolean, nullable=False),
        sa.Column("table_id", sa.String(36), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("modified_at_ms", sa.BigInteger, nullable=False),
        sa.Column("creator_id", sa.Integer, nullable=True),
        sa.Column("creator_name", sa.String(128), nullable=False),
        sa.UniqueConstraint("project_id", "of_user", "property", name="uq_lookup_mappings_project_id"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("lookup_mappings")
