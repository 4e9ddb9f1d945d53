"""The tables of alerts, their messages, and who watches."""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from trackway.projects.limits import (
    ALERT_DETAIL_CHARACTERS_MAX,
    ALERT_LINK_CHARACTERS_MAX,
    ALERT_OBSERVED_CHARACTERS_MAX,
    ALERT_URL_CHARACTERS_MAX,
    SAVED_NAME_CHARACTERS_MAX,
)
from trackway.projects.tables.base import made, metadata, of_project

# Conditions that the server watches for a project, and their state. No edge process keeps them in memory.
alerts: Final = Table(
    "alerts",
    metadata,
    Column("alert_id", Integer, primary_key=True, autoincrement=True),
    of_project(),
    Column("name", String(SAVED_NAME_CHARACTERS_MAX), nullable=False),
    Column("kind", String(16), nullable=False),  # of the condition, so that each kind is looked at in a line of its own
    Column("condition", Text, nullable=False),
    Column("webhook_url", String(ALERT_URL_CHARACTERS_MAX), nullable=False),  # "" for none
    Column("emails", JSON, nullable=False),
    Column("secret", String(64), nullable=False),  # in clear: it signs
    Column("link", String(ALERT_LINK_CHARACTERS_MAX), nullable=False),  # its page, as its author reached it
    Column("tells_end", Boolean, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("version", Integer, nullable=False),  # grows with each change, so that no look at an older one counts
    Column("watched_from_ms", BigInteger, nullable=False),
    Column("is_firing", Boolean, nullable=False),
    Column("since_ms", BigInteger, nullable=True),
    Column("looked_at_ms", BigInteger, nullable=True),
    Column("next_look_ms", BigInteger, nullable=False),
    Column("observed", String(ALERT_OBSERVED_CHARACTERS_MAX), nullable=False),
    *made(),
    Index("ix_alerts_project_id", "project_id"),
    sqlite_autoincrement=True,  # no id is used twice: receivers know alerts by their ids
)

# Messages of alerts: what is to be sent, and what was. One is written together with the state that it is about.
alert_deliveries: Final = Table(
    "alert_deliveries",
    metadata,
    Column("delivery_id", Integer, primary_key=True, autoincrement=True),
    Column("alert_id", Integer, ForeignKey("alerts.alert_id", ondelete="CASCADE"), nullable=False),
    Column("message_id", String(40), nullable=False),
    Column("channel", String(8), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try_ms", BigInteger, nullable=True),  # none when it has ended
    Column("outcome", String(16), nullable=False),
    Column("detail", String(ALERT_DETAIL_CHARACTERS_MAX), nullable=False),
    Column("ended_at_ms", BigInteger, nullable=True),
    UniqueConstraint("message_id"),
    Index("ix_alert_deliveries_alert_id", "alert_id"),
    Index("ix_alert_deliveries_next_try_ms", "next_try_ms"),
    sqlite_autoincrement=True,
)

# Which server watches the alerts of a region's projects, and until when it may without saying so again.
alert_claims: Final = Table(
    "alert_claims",
    metadata,
    Column("region", String(8), primary_key=True),
    Column("holder", String(32), nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)
