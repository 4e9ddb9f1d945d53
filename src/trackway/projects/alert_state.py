"""The state of alerts, as the process that watches them reads and writes it.

Each method is one transaction. A change of state is one conditional UPDATE, committed together with the messages
about it. So two processes that look at once send one message, and a message is never lost between the change and its
sending. A message is claimed for each try: its number of tries grows before anything is sent. A try that was cut off
with its process is repeated with the same id once its lease has ended.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Select, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from trackway.projects.alert import Alert, Delivery, MessageKind, Outcome
from trackway.projects.alert_condition import Kind
from trackway.projects.alert_message import Told, message_of
from trackway.projects.alert_rows import PRESENT, add_message, alert_of, delivery_of, found_alerts
from trackway.projects.alert_table import report_name
from trackway.projects.database import ProjectsDatabase
from trackway.projects.limits import (
    ALERT_CLAIM_S,
    ALERT_CLOCK_BACK_S_MAX,
    ALERT_CLOCK_SKEW_S_MAX,
    ALERT_DETAIL_CHARACTERS_MAX,
    ALERT_DUE_ROWS_MAX,
    ALERT_MESSAGE_AGE_S_MAX,
    ALERT_OBSERVED_CHARACTERS_MAX,
    ALERT_SECOND_TRY_S,
    ALERT_THIRD_TRY_S,
    ALERT_TRIES_MAX,
    ALERT_TRY_LEASE_S,
)
from trackway.projects.tables.alerts import alert_claims, alert_deliveries, alerts
from trackway.projects.tables.projects import projects


class Look(NamedTuple):
    """What a look at an alert found. `change`: the state that begins now, None for none. `next_look_ms`: when it is due
    again."""

    observed: str
    change: MessageKind | None
    now_ms: int
    next_look_ms: int


class Due(NamedTuple):
    """A message that is to be sent now, and its alert."""

    delivery: Delivery
    alert: Alert


class AlertState:
    """Every method raises StorageError when the database is away. `region`: that of the server, which watches the
    projects of its region alone, since only their data is in its store."""

    def __init__(self, database: ProjectsDatabase, region: str):
        self._database = database
        self._region = region

    def claim(self, holder: str, now_ms: int) -> bool:
        """Whether this holder watches the alerts now: for ALERT_CLAIM_S, unless it claims again."""
        until_ms = now_ms + int(ALERT_CLAIM_S * 1000)
        table = alert_claims
        future_ms = until_ms + int(ALERT_CLOCK_SKEW_S_MAX * 1000)
        free = or_(table.c.holder == holder, table.c.until_ms < now_ms, table.c.until_ms > future_ms)
        mine = update(table).where(table.c.region == self._region, free).values(holder=holder, until_ms=until_ms)
        with self._database.saving() as change:
            change.note()
            if change.connection.execute(mine).rowcount:
                return True
            known = select(table.c.holder).where(table.c.region == self._region)
            if change.connection.execute(known).first() is not None:
                return False
        try:
            with self._database.saving() as change:
                change.note()
                row = {"region": self._region, "holder": holder, "until_ms": until_ms}
                change.connection.execute(insert(table).values(row))
        except IntegrityError:  # another server was first
            return False
        return True

    def release(self, holder: str) -> None:
        """Let another server watch at once."""
        mine = alert_claims.c.region == self._region, alert_claims.c.holder == holder
        with self._database.saving() as change:
            change.note()
            change.connection.execute(update(alert_claims).where(*mine).values(until_ms=0))

    def firing(self) -> int:
        """How many alerts are firing."""
        with self._database.reading() as connection:
            return int(connection.execute(self._mine(func.count()).where(alerts.c.is_firing)).scalar_one())

    def due(self, kinds: Collection[Kind], now_ms: int, but_projects: Collection[int]) -> list[Alert]:
        """Alerts with these kinds of conditions that are to be looked at, the longest due first: none of the projects
        `but_projects`."""
        late_ms = now_ms + int(ALERT_CLOCK_BACK_S_MAX * 1000)
        is_due = or_(alerts.c.next_look_ms <= now_ms, alerts.c.next_look_ms > late_ms)
        mine = alerts.c.alert_id.in_(self._mine(alerts.c.alert_id))
        with self._database.reading() as connection:
            return found_alerts(
                connection,
                mine,
                is_due,
                alerts.c.is_enabled,
                alerts.c.kind.in_(list(kinds)),
                alerts.c.project_id.not_in(list(but_projects)),
                rows_max=ALERT_DUE_ROWS_MAX,
            )

    def looked(self, alert: Alert, look: Look) -> bool:
        """Write what a look found, and the messages of a change of state. False, and no change, when the alert was
        changed or has changed its state since it was read."""
        columns: dict[str, Any] = {
            "looked_at_ms": look.now_ms,
            "next_look_ms": look.next_look_ms,
            "observed": look.observed[:ALERT_OBSERVED_CHARACTERS_MAX],
        }
        if look.change is not None:
            columns |= {"is_firing": look.change == "firing", "since_ms": look.now_ms}
        seen = (
            alerts.c.alert_id == alert.alert_id,
            alerts.c.version == alert.version,
            alerts.c.is_firing == alert.is_firing,
            alerts.c.is_enabled,
        )
        with self._database.saving() as change:
            change.note()
            if not change.connection.execute(update(alerts).where(*seen).values(columns)).rowcount:
                return False
            if look.change == "firing" or (look.change == "resolved" and alert.tells_end):
                name = select(projects.c.name).where(projects.c.project_id == alert.project_id)
                told = Told(
                    str(change.connection.execute(name).scalar_one()),
                    report_name(change.connection, alert.project_id, alert.condition),
                    look.observed,
                    look.now_ms,
                )
                add_message(change.connection, alert, look.change, message_of(alert, look.change, told), look.now_ms)
        return True

    def due_deliveries(self, now_ms: int, but: Collection[int], but_projects: Collection[int]) -> list[Due]:
        """Messages that are to be sent now, the oldest first: none with the ids `but`, none of the projects
        `but_projects`. A message waits for all earlier ones of its alert on the same channel, so that they arrive in
        order. A test waits for none."""
        earlier = alert_deliveries.alias()
        waits = (
            select(earlier.c.delivery_id)
            .where(
                earlier.c.alert_id == alert_deliveries.c.alert_id,
                earlier.c.channel == alert_deliveries.c.channel,
                earlier.c.outcome == "waiting",
                earlier.c.kind != "test",
                alert_deliveries.c.kind != "test",
                earlier.c.delivery_id < alert_deliveries.c.delivery_id,
            )
            .exists()
        )
        late_ms = now_ms + int(ALERT_CLOCK_BACK_S_MAX * 1000)
        is_due = or_(alert_deliveries.c.next_try_ms <= now_ms, alert_deliveries.c.next_try_ms > late_ms)
        chosen = (
            self._mine(*alert_deliveries.c, *alerts.c)
            .where(alert_deliveries.c.alert_id == alerts.c.alert_id, alert_deliveries.c.outcome == "waiting")
            .where(is_due, ~waits, alert_deliveries.c.delivery_id.not_in(list(but)))
            .where(alerts.c.project_id.not_in(list(but_projects)))
            .order_by(alert_deliveries.c.delivery_id)
            .limit(ALERT_DUE_ROWS_MAX)
        )
        width = len(alert_deliveries.c)
        with self._database.reading() as connection:
            found = []
            for row in connection.execute(chosen):
                delivery = delivery_of(row[:width])
                of = dict(zip(alerts.c.keys(), row[width:], strict=True))
                found.append(Due(delivery, alert_of(of)))  # type: ignore[arg-type]  # a mapping by column, as of a row
        return found

    def begin_try(self, delivery: Delivery, now_ms: int) -> bool:
        """Claim a message for one try. False when another process has claimed it, or when it was given up: after its
        last try was cut off, or when it is too old."""
        is_old = now_ms - delivery.created_at_ms > ALERT_MESSAGE_AGE_S_MAX * 1000
        if delivery.tries >= ALERT_TRIES_MAX or is_old:
            detail = "it could not be sent for a day" if is_old else "its last try was cut off with the server"
            self._write(delivery, _ended("failed", detail, now_ms))
            return False
        lease_ms = now_ms + int(ALERT_TRY_LEASE_S * 1000)
        return self._write(delivery, {"tries": delivery.tries + 1, "next_try_ms": lease_ms})

    def end_try(self, delivery: Delivery, detail: str, now_ms: int, *, delivered: bool) -> Outcome:
        """Write how a try ended that `begin_try` began with this value; returns what the message is now. A test has one
        try, every other message ALERT_TRIES_MAX."""
        tries = delivery.tries + 1
        if delivered:
            columns = _ended("delivered", detail, now_ms)
        elif tries >= ALERT_TRIES_MAX or delivery.kind == "test":
            columns = _ended("failed", detail, now_ms)
        else:
            wait_ms = int((ALERT_SECOND_TRY_S if tries == 1 else ALERT_THIRD_TRY_S) * 1000)
            columns = {"outcome": "waiting", "detail": _cut(detail), "next_try_ms": now_ms + wait_ms}
        self._write(delivery, columns, tries=tries)
        outcome: Outcome = columns["outcome"]
        return outcome

    def _write(self, delivery: Delivery, columns: Mapping[str, Any], tries: int | None = None) -> bool:
        """Change a message that still waits and has had so many tries: as many as it was read with, unless given."""
        seen = (
            alert_deliveries.c.delivery_id == delivery.delivery_id,
            alert_deliveries.c.outcome == "waiting",
            alert_deliveries.c.tries == (delivery.tries if tries is None else tries),
        )
        with self._database.saving() as change:
            change.note()
            return bool(change.connection.execute(update(alert_deliveries).where(*seen).values(**columns)).rowcount)

    def _mine(self, *columns: Any) -> Select[Any]:
        """Of the alerts of projects of this region that are neither archived nor deleted."""
        return select(*columns).where(*PRESENT, projects.c.region == self._region).select_from(alerts, projects)


def _ended(outcome: Outcome, detail: str, now_ms: int) -> dict[str, Any]:
    return {"outcome": outcome, "detail": _cut(detail), "next_try_ms": None, "ended_at_ms": now_ms}


def _cut(detail: str) -> str:
    return detail[:ALERT_DETAIL_CHARACTERS_MAX]
