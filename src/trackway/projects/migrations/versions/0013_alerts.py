"""Alerts, their messages, and which server watches them."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.ForeignKey("projects.project_id", ondelete="CASCADE", name="fk_alerts_project_id")
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("project_id", sa.Integer, key, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("condition", sa.Text, nullable=False),
        sa.Column("webhook_url", sa.String(2048), nullable=False),
        sa.Column("emails", sa.JSON, nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("link", sa.String(512), nullable=False),
        sa.Column("tells_end", sa.Boolean, nullable=False),
        sa.Column("is_enabled", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("watched_from_ms", sa.BigInteger, nullable=False),
        sa.Column("is_firing", sa.Boolean, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=True),
        sa.Column("looked_at_ms", sa.BigInteger, nullable=True),
        sa.Column("next_look_ms", sa.BigInteger, nullable=False),
        sa.Column("observed", sa.String(512), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("modified_at_ms", sa.BigInteger, nullable=False),
        sa.Column("creator_id", sa.Integer, nullable=True),
        sa.Column("creator_name", sa.String(128), nullable=False),
        sa.Index("ix_alerts_project_id", "project_id"),
        sqlite_autoincrement=True,
    )
    key = sa.ForeignKey("alerts.alert_id", ondelete="CASCADE", name="fk_alert_deliveries_alert_id")
    op.create_table(
        "alert_deliveries",
        sa.Column("delivery_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("alert_id", sa.Integer, key, nullable=False),
        sa.Column("message_id", sa.String(40), nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_try_ms", sa.BigInteger, nullable=True),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("detail", sa.String(255), nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger, nullable=True),
        sa.UniqueConstraint("message_id", name="uq_alert_deliveries_message_id"),
        sa.Index("ix_alert_deliveries_alert_id", "alert_id"),
        sa.Index("ix_alert_deliveries_next_try_ms", "next_try_ms"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alert_claims",
        sa.Column("region", sa.String(8), primary_key=True),
        sa.Column("holder", sa.String(32), nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for name in ("alert_claims", "alert_deliveries", "alerts"):
        op.drop_table(name)
