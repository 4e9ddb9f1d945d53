"""The rows of alerts and their messages, as values. Statements of one transaction, which the caller begins."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, insert, select

from trackway.projects.alert import Alert, Channel, Delivery, MessageKind, new_message_id
from trackway.projects.alert_condition import decoded
from trackway.projects.limits import ALERT_DELIVERIES_KEPT_MAX
from trackway.projects.saved import Made
from trackway.projects.tables.alerts import alert_deliveries, alerts
from trackway.projects.tables.projects import projects

PRESENT: Final = (
    projects.c.project_id == alerts.c.project_id,
    projects.c.archived_at_ms.is_(None),
    projects.c.deleted_at_ms.is_(None),
)
"""The condition of a selection from `alerts` and `projects`: those of projects that take something."""


def found_alerts(connection: Connection, *conditions: ColumnElement[bool], rows_max: int | None = None) -> list[Alert]:
    """The alerts for which the conditions hold, by when they are due and id."""
    chosen = select(*alerts.c).where(*conditions).order_by(alerts.c.next_look_ms, alerts.c.alert_id).limit(rows_max)
    return [alert_of(row) for row in connection.execute(chosen).mappings()]


def alert_of(row: RowMapping) -> Alert:
    """Raises StorageError for a row that this version cannot have written."""
    return Alert(
        alert_id=row["alert_id"],
        project_id=row["project_id"],
        name=row["name"],
        condition=decoded(row["condition"]),
        webhook_url=row["webhook_url"],
        emails=tuple(row["emails"]),
        secret=row["secret"],
        link=row["link"],
        tells_end=row["tells_end"],
        is_enabled=row["is_enabled"],
        version=row["version"],
        watched_from_ms=row["watched_from_ms"],
        is_firing=row["is_firing"],
        since_ms=row["since_ms"],
        looked_at_ms=row["looked_at_ms"],
        observed=row["observed"],
        made=Made(row["created_at_ms"], row["modified_at_ms"], row["creator_id"], row["creator_name"]),
    )


def found_deliveries(connection: Connection, *conditions: ColumnElement[bool], rows_max: int) -> list[Delivery]:
    """Messages for which the conditions hold, the newest first."""
    chosen = select(*alert_deliveries.c).where(*conditions).order_by(alert_deliveries.c.delivery_id.desc())
    return [delivery_of(row) for row in connection.execute(chosen.limit(rows_max))]


def delivery_of(row: Sequence[Any]) -> Delivery:
    """A row with the columns of `alert_deliveries`."""
    return Delivery(*row)


def add_message(connection: Connection, alert: Alert, kind: MessageKind, body: str, now_ms: int) -> list[int]:
    """A message that is to be sent on each channel of the alert; returns their ids. The oldest are dropped."""
    made = [_add(connection, alert.alert_id, channel, kind, body, now_ms) for channel in alert.channels]
    mine = alert_deliveries.c.alert_id == alert.alert_id
    kept = (
        select(alert_deliveries.c.delivery_id)
        .where(mine)
        .order_by(alert_deliveries.c.delivery_id.desc())
        .limit(ALERT_DELIVERIES_KEPT_MAX)
    )
    connection.execute(delete(alert_deliveries).where(mine, alert_deliveries.c.delivery_id.not_in(kept)))
    return made


def _add(connection: Connection, alert_id: int, channel: Channel, kind: MessageKind, body: str, now_ms: int) -> int:
    row = {
        "alert_id": alert_id,
        "message_id": new_message_id(),
        "channel": channel,
        "kind": kind,
        "body": body,
        "created_at_ms": now_ms,
        "tries": 0,
        "next_try_ms": now_ms,
        "outcome": "waiting",
        "detail": "",
        "ended_at_ms": None,
    }
    key = connection.execute(insert(alert_deliveries).values(row)).inserted_primary_key
    assert key is not None, "an insert of one row reports its key"
    return int(key[0])
