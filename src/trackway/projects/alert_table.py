"""Alerts as people make, change, test and delete them, with their entries in the audit.

Each method is one transaction. It locks the row of the project first, so that changes of one project have one order and
no bound is passed. `by` is the id of the acting service account, None for the admin. Its right is checked in the same
transaction. `alert_state` has the statements of the process that watches the alerts.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from trackway.domain.errors import StateError
from trackway.projects.alert import Alert, Delivery, Wanted, check_targets, new_secret
from trackway.projects.alert_condition import (
    Condition,
    ReportValue,
    check_compares,
    check_condition,
    encoded,
    kind_of,
)
from trackway.projects.alert_message import Told, message_of
from trackway.projects.alert_rows import add_message, found_alerts, found_deliveries
from trackway.projects.audit import Action, Note
from trackway.projects.authorization import NotGranted, check_manages_project
from trackway.projects.change import Change
from trackway.projects.database import ProjectsDatabase, acting_account
from trackway.projects.limits import (
    ALERT_DELIVERIES_KEPT_MAX,
    ALERT_LINK_CHARACTERS_MAX,
    ALERT_TEST_INTERVAL_S_MIN,
    ALERTS_MAX,
)
from trackway.projects.roles import ARCHIVED, Right
from trackway.projects.saved import Creator, UnknownSaved, check_saved_name
from trackway.projects.tables.alerts import alert_deliveries, alerts
from trackway.projects.tables.projects import projects
from trackway.projects.tables.saved import bookmarks


class Alerts:
    """The alerts of the projects of a database. Every method raises StorageError when the database is away. A change
    raises UnknownSaved, InvalidInput, and NotGranted to an account without the right or in an archived project."""

    def __init__(self, database: ProjectsDatabase):
        self._database = database

    def all(self, project_id: int) -> list[Alert]:
        """The alerts of a project, by id."""
        with self._database.reading() as connection:
            found = found_alerts(connection, alerts.c.project_id == project_id)
        return sorted(found, key=lambda each: each.alert_id)

    def one(self, project_id: int, alert_id: int) -> Alert:
        """Raises UnknownSaved."""
        with self._database.reading() as connection:
            return _one(connection, project_id, alert_id)

    def deliveries(self, project_id: int, alert_id: int) -> list[Delivery]:
        """The messages of an alert that are kept, the newest first. Raises UnknownSaved."""
        with self._database.reading() as connection:
            _one(connection, project_id, alert_id)
            mine = alert_deliveries.c.alert_id == alert_id
            return found_deliveries(connection, mine, rows_max=ALERT_DELIVERIES_KEPT_MAX)

    def failed_since(self, project_id: int, since_ms: int) -> int:
        """How many messages of a project were given up since that moment."""
        table = alert_deliveries
        counted = (
            select(func.count())
            .select_from(table.join(alerts, table.c.alert_id == alerts.c.alert_id))
            .where(alerts.c.project_id == project_id, table.c.outcome == "failed", table.c.ended_at_ms >= since_ms)
        )
        with self._database.reading() as connection:
            return int(connection.execute(counted).scalar_one())

    def create(self, project_id: int, wanted: Wanted, creator: Creator, by: int | None) -> Alert:
        """A new alert with a secret of its own, durable at return. Raises StateError when there are too many."""
        now_ms = _now_ms()
        with self._changing(project_id, by) as change:
            mine = select(func.count()).select_from(alerts).where(alerts.c.project_id == project_id)
            if change.connection.execute(mine).scalar_one() >= ALERTS_MAX:
                raise StateError(f"a project must not have more than {ALERTS_MAX} alerts")
            row = {
                "project_id": project_id,
                **_checked(change.connection, project_id, wanted),
                **_fresh(now_ms),
                "secret": new_secret(),
                "is_enabled": True,
                "version": 1,
                "created_at_ms": now_ms,
                "modified_at_ms": now_ms,
                "creator_id": creator.account_id,
                "creator_name": creator.name,
            }
            key = change.connection.execute(insert(alerts).values(row)).inserted_primary_key
            assert key is not None, "an insert of one row reports its key"
            return _noted(change, "alert created", project_id, key[0])

    def change(self, project_id: int, alert_id: int, wanted: Wanted, by: int | None) -> Alert:
        """It with what is wanted now. Another condition is watched from now on, as that of a new alert."""
        with self._changing(project_id, by) as change:
            old = _one(change.connection, project_id, alert_id)
            columns = _checked(change.connection, project_id, wanted)
            if wanted.condition != old.condition:
                columns |= _fresh(_now_ms())
            _update(change.connection, old, columns)
            return _noted(change, "alert changed", project_id, alert_id)

    def pause(self, project_id: int, alert_id: int, by: int | None, *, paused: bool) -> Alert:
        """Look at it no more, or again, as at a new one. A pause ends its state without a message."""
        with self._changing(project_id, by) as change:
            old = _one(change.connection, project_id, alert_id)
            _update(change.connection, old, {"is_enabled": not paused, **_fresh(_now_ms())})
            return _noted(change, "alert paused" if paused else "alert resumed", project_id, alert_id)

    def replace_secret(self, project_id: int, alert_id: int, by: int | None) -> Alert:
        """It with a new secret, which signs every message from now on."""
        with self._changing(project_id, by) as change:
            _update(change.connection, _one(change.connection, project_id, alert_id), {"secret": new_secret()})
            return _noted(change, "alert secret replaced", project_id, alert_id)

    def delete(self, project_id: int, alert_id: int, by: int | None) -> None:
        """Delete it with its messages, sent or not."""
        with self._changing(project_id, by) as change:
            _noted(change, "alert deleted", project_id, alert_id)
            change.connection.execute(delete(alerts).where(alerts.c.alert_id == alert_id))

    def test(self, project_id: int, alert_id: int, by: int | None) -> list[int]:
        """Have a message sent that is marked as a test; returns the ids of its deliveries. Raises StateError shortly
        after another test."""
        now_ms = _now_ms()
        with self._changing(project_id, by) as change:
            alert = _one(change.connection, project_id, alert_id)
            table = alert_deliveries
            tests = select(func.max(table.c.created_at_ms)).where(
                table.c.alert_id == alert_id, table.c.kind == "test", table.c.created_at_ms <= now_ms
            )
            last_ms = change.connection.execute(tests).scalar_one()
            if last_ms is not None and now_ms - last_ms < ALERT_TEST_INTERVAL_S_MIN * 1000:
                raise StateError(f"an alert is tested once in {ALERT_TEST_INTERVAL_S_MIN:.0f} s: try again in a moment")
            told = Told(
                _project_name(change.connection, project_id),
                report_name(change.connection, project_id, alert.condition),
                "this is a test: the condition was not looked at",
                now_ms,
            )
            _noted(change, "alert tested", project_id, alert_id)
            return add_message(change.connection, alert, "test", message_of(alert, "test", told), now_ms)

    @contextmanager
    def _changing(self, project_id: int, by: int | None) -> Iterator[Change]:
        """SQLite has locked the whole file already, and ignores the lock of the row."""
        mine = projects.c.project_id == project_id
        locked = select(projects.c.archived_at_ms).where(mine, projects.c.deleted_at_ms.is_(None)).with_for_update()
        with self._database.saving() as change:
            if by is not None:
                check_manages_project(acting_account(change.connection, by), project_id, Right.ALERTS)
            rows: Sequence[Any] = change.connection.execute(locked).all()
            if not rows:
                raise UnknownSaved(f"project {project_id} was not found")
            if rows[0][0] is not None:
                raise NotGranted(ARCHIVED)
            yield change


def report_name(connection: Connection, project_id: int, condition: Condition) -> str:
    """The name of the saved report that a condition compares, "" for none and for one that was deleted."""
    if not isinstance(condition, ReportValue):
        return ""
    mine = bookmarks.c.project_id == project_id, bookmarks.c.bookmark_id == condition.report_id
    return connection.execute(select(bookmarks.c.name).where(*mine)).scalar_one_or_none() or ""


def _checked(connection: Connection, project_id: int, wanted: Wanted) -> dict[str, Any]:
    """The columns of what is wanted. Raises InvalidInput."""
    check_targets(wanted.webhook_url, wanted.emails)
    condition = check_condition(wanted.condition)
    if isinstance(condition, ReportValue):
        mine = bookmarks.c.project_id == project_id, bookmarks.c.bookmark_id == condition.report_id
        type = connection.execute(select(bookmarks.c.type).where(*mine)).scalar_one_or_none()
        if type is None:
            raise UnknownSaved(f"report {condition.report_id} was not found")
        check_compares(condition, type)
    return {
        "name": check_saved_name(wanted.name),
        "kind": kind_of(condition),
        "condition": encoded(condition),
        "webhook_url": wanted.webhook_url,
        "emails": list(wanted.emails),
        "tells_end": wanted.tells_end,
        "link": wanted.link if len(wanted.link) < ALERT_LINK_CHARACTERS_MAX else "",
    }


def _fresh(now_ms: int) -> dict[str, Any]:
    """The state of an alert that is watched from now on."""
    return {
        "watched_from_ms": now_ms,
        "is_firing": False,
        "since_ms": None,
        "looked_at_ms": None,
        "next_look_ms": 0,
        "observed": "",
    }


def _update(connection: Connection, old: Alert, columns: dict[str, Any]) -> None:
    changed = {**columns, "version": old.version + 1, "modified_at_ms": _now_ms()}
    connection.execute(update(alerts).where(alerts.c.alert_id == old.alert_id).values(changed))


def _noted(change: Change, action: Action, project_id: int, alert_id: int) -> Alert:
    """The alert as it is now, noted in the audit."""
    alert = _one(change.connection, project_id, alert_id)
    change.note(Note(action, project_id, f"{alert_id} {alert.name}"))
    return alert


def _one(connection: Connection, project_id: int, alert_id: int) -> Alert:
    for alert in found_alerts(connection, alerts.c.project_id == project_id, alerts.c.alert_id == alert_id):
        return alert
    raise UnknownSaved(f"alert {alert_id} was not found")


def _project_name(connection: Connection, project_id: int) -> str:
    return str(connection.execute(select(projects.c.name).where(projects.c.project_id == project_id)).scalar_one())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
