"""Alerts in the projects database, on SQLite and PostgreSQL alike: changes, states, and messages."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from trackway.domain.errors import InvalidInput, StateError
from trackway.projects.account_changes import ServiceAccounts
from trackway.projects.alert import Alert, Wanted
from trackway.projects.alert_condition import Kind, Quiet, Rejected, ReportValue
from trackway.projects.alert_state import AlertState, Due, Look
from trackway.projects.alert_table import Alerts
from trackway.projects.audit import Author
from trackway.projects.authorization import NotGranted
from trackway.projects.database import ProjectsDatabase
from trackway.projects.limits import (
    ALERT_CLAIM_S,
    ALERT_DELIVERIES_KEPT_MAX,
    ALERT_MESSAGE_AGE_S_MAX,
    ALERT_SECOND_TRY_S,
    ALERT_THIRD_TRY_S,
    ALERT_TRIES_MAX,
    ALERT_TRY_LEASE_S,
    ALERTS_MAX,
)
from trackway.projects.read_statements import Reader
from trackway.projects.roles import ROLES
from trackway.projects.saved import Bookmark, Creator, UnknownSaved
from trackway.projects.saved_table import Saved

ADMIN = Creator(None, "admin")
URL = "https://hooks.example.com/a"
WANTED = Wanted("Silence", Quiet(30), URL, (), True, "https://t.example.com/app/projects/1/alerts")
KINDS: tuple[Kind, ...] = ("quiet", "rejected", "report")


@pytest.fixture
def projects(database: ProjectsDatabase) -> ProjectsDatabase:
    for name, region in (("one", "us"), ("two", "us"), ("away", "eu")):
        database.create(name, region)
    return database.by(Author("somebody", "192.0.2.1"))


@pytest.fixture
def alerts(projects: ProjectsDatabase) -> Alerts:
    return Alerts(projects)


@pytest.fixture
def state(projects: ProjectsDatabase) -> AlertState:
    return AlertState(projects, "us")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def make(alerts: Alerts, project_id: int = 1, wanted: Wanted = WANTED) -> Alert:
    return alerts.create(project_id, wanted, ADMIN, None)


def look(change: str | None = None, at_ms: int = 0) -> Look:
    at_ms = at_ms or now_ms()
    return Look("no event came in in that time", change, at_ms, at_ms + 60_000)  # type: ignore[arg-type]  # a literal


def due(state: AlertState, at_ms: int = 0) -> list[Due]:
    return state.due_deliveries(at_ms or now_ms(), (), ())


def fired(alerts: Alerts, state: AlertState, wanted: Wanted = WANTED) -> Alert:
    """An alert that has just begun to fire."""
    alert = make(alerts, wanted=wanted)
    assert state.looked(alert, look("firing"))
    return alerts.one(1, alert.alert_id)


def test_an_alert_is_made_read_changed_and_deleted(alerts: Alerts) -> None:
    made = make(alerts)
    assert (made.name, made.condition, made.webhook_url, made.emails) == ("Silence", Quiet(30), URL, ())
    assert made.is_enabled and not made.is_firing and made.since_ms is None and made.looked_at_ms is None
    assert made.secret.startswith("whsec_") and made.secret not in repr(made)
    other = make(alerts, wanted=WANTED._replace(condition=Rejected(5, 10, 100), emails=("ann@example.com",)))
    assert other.secret != made.secret
    assert alerts.all(1) == [made, other] and alerts.all(2) == []
    changed = alerts.change(1, made.alert_id, WANTED._replace(name="Qu\u00efet", tells_end=False), None)
    assert (changed.name, changed.tells_end, changed.secret) == ("Qu\u00efet", False, made.secret)
    assert alerts.replace_secret(1, made.alert_id, None).secret not in (made.secret, other.secret)
    alerts.delete(1, made.alert_id, None)
    assert alerts.all(1) == [other]


def test_no_project_reaches_the_alerts_of_another(alerts: Alerts) -> None:
    number = make(alerts).alert_id
    changes: list[Callable[[], object]] = [
        lambda: alerts.one(2, number),
        lambda: alerts.deliveries(2, number),
        lambda: alerts.change(2, number, WANTED, None),
        lambda: alerts.pause(2, number, None, paused=True),
        lambda: alerts.replace_secret(2, number, None),
        lambda: alerts.test(2, number, None),
        lambda: alerts.delete(2, number, None),
    ]
    for change in changes:
        with pytest.raises(UnknownSaved):
            change()


def test_each_change_is_in_the_audit_without_the_secret(alerts: Alerts, projects: ProjectsDatabase) -> None:
    number = make(alerts).alert_id
    alerts.change(1, number, WANTED, None)
    alerts.pause(1, number, None, paused=True)
    alerts.pause(1, number, None, paused=False)
    secret = alerts.replace_secret(1, number, None).secret
    alerts.test(1, number, None)
    alerts.delete(1, number, None)
    entries = projects.audit(7, project_id=1)[::-1]
    assert [each.action.removeprefix("alert ") for each in entries] == [
        "created", "changed", "paused", "resumed", "secret replaced", "tested", "deleted"
    ]  # fmt: skip
    assert {(each.name, each.address, each.subject) for each in entries} == {
        ("somebody", "192.0.2.1", f"{number} Silence")
    }
    assert secret not in str(entries)


def test_only_owners_and_admins_change_alerts_and_nobody_in_an_archived_project(
    alerts: Alerts, projects: ProjectsDatabase
) -> None:
    accounts = ServiceAccounts(projects)
    ids = {role: accounts.create(role, {1: role})[0].account_id for role in ROLES}
    for role in ROLES[:2]:
        assert alerts.create(1, WANTED, Creator(ids[role], role), ids[role]).made.creator_id == ids[role]
        with pytest.raises(StateError):
            alerts.create(2, WANTED, ADMIN, ids[role])
    for role in ROLES[2:]:
        with pytest.raises(NotGranted, match="see and change alerts"):
            alerts.create(1, WANTED, ADMIN, ids[role])
    accounts.revoke(ids["owner"])
    with pytest.raises(NotGranted):
        alerts.create(1, WANTED, ADMIN, ids["owner"])
    projects.archive(1, archived=True)
    for by in (None, ids["admin"]):
        with pytest.raises(NotGranted, match="archived"):
            alerts.create(1, WANTED, ADMIN, by)


def test_what_is_wanted_is_checked(alerts: Alerts, projects: ProjectsDatabase) -> None:
    saved = Saved(projects)
    columns = {"name": "Orders", "description": "", "params": "{}"}
    insights = saved.create(Bookmark, 1, {**columns, "type": "insights"}, ADMIN).bookmark_id
    flows = saved.create(Bookmark, 1, {**columns, "type": "flows"}, ADMIN).bookmark_id
    retention = saved.create(Bookmark, 1, {**columns, "type": "retention"}, ADMIN).bookmark_id
    theirs = saved.create(Bookmark, 2, {**columns, "type": "insights"}, ADMIN).bookmark_id
    make(alerts, wanted=WANTED._replace(condition=ReportValue(insights, "above", 7)))
    make(alerts, wanted=WANTED._replace(condition=ReportValue(retention, "above", 7, 0)))
    for wrong in (
        WANTED._replace(name=" "),
        WANTED._replace(name="a\nb"),
        WANTED._replace(webhook_url=""),
        WANTED._replace(condition=Quiet(0)),
        WANTED._replace(condition=ReportValue(flows, "above", 7)),
        WANTED._replace(condition=ReportValue(retention, "above", 7)),
        WANTED._replace(condition=ReportValue(insights, "above", 7, 0)),
        WANTED._replace(condition=ReportValue(theirs, "above", 7)),
        WANTED._replace(condition=ReportValue(999, "above", 7)),
    ):
        with pytest.raises(InvalidInput):
            make(alerts, wanted=wrong)
    assert len(alerts.all(1)) == 2


def test_a_project_has_a_bounded_number_of_alerts(alerts: Alerts) -> None:
    for _ in range(ALERTS_MAX):
        make(alerts)
    with pytest.raises(StateError, match=f"more than {ALERTS_MAX} alerts"):
        make(alerts)
    make(alerts, 2)


def test_a_change_of_state_is_written_once_with_its_message(alerts: Alerts, state: AlertState) -> None:
    alert = make(alerts, wanted=WANTED._replace(emails=("ann@example.com",)))
    assert state.looked(alert, look("firing"))
    assert not state.looked(alert, look("firing")), "another process saw the same, and was later"
    first = alerts.one(1, alert.alert_id)
    assert first.is_firing and first.since_ms and first.observed == "no event came in in that time"
    sent = alerts.deliveries(1, alert.alert_id)
    assert sorted(each.channel for each in sent) == ["email", "webhook"]
    assert len({each.message_id for each in sent}) == 2
    body = json.loads(sent[0].body)
    assert body["type"] == "alert.firing" and body["data"]["project"] == {"id": 1, "name": "one"}
    assert body["data"]["link"] == f"{WANTED.link}/{alert.alert_id}"
    assert state.looked(alerts.one(1, alert.alert_id), look("resolved"))
    assert not alerts.one(1, alert.alert_id).is_firing
    assert [each.kind for each in alerts.deliveries(1, alert.alert_id)] == ["resolved"] * 2 + ["firing"] * 2


def test_many_processes_that_see_the_same_send_one_message(alerts: Alerts, state: AlertState) -> None:
    alert = make(alerts)
    with ThreadPoolExecutor(8) as threads:
        wrote = list(threads.map(lambda _: state.looked(alert, look("firing")), range(16)))
    assert wrote.count(True) == 1 == len(alerts.deliveries(1, alert.alert_id))


def test_no_message_tells_of_an_end_where_none_is_wanted(alerts: Alerts, state: AlertState) -> None:
    alert = fired(alerts, state, WANTED._replace(tells_end=False))
    assert state.looked(alert, look("resolved"))
    assert [each.kind for each in alerts.deliveries(1, alert.alert_id)] == ["firing"]


def test_a_look_at_what_was_changed_meanwhile_counts_for_nothing(alerts: Alerts, state: AlertState) -> None:
    alert = make(alerts)
    alerts.change(1, alert.alert_id, WANTED._replace(condition=Quiet(99)), None)
    assert not state.looked(alert, look("firing"))
    alert = alerts.one(1, alert.alert_id)
    alerts.pause(1, alert.alert_id, None, paused=True)
    assert not state.looked(alert, look("firing"))
    assert alerts.deliveries(1, alert.alert_id) == []


def test_another_condition_and_a_pause_end_the_state_and_another_name_does_not(
    alerts: Alerts, state: AlertState
) -> None:
    alert = fired(alerts, state)
    renamed = alerts.change(1, alert.alert_id, WANTED._replace(name="Other", webhook_url=URL + "b"), None)
    assert renamed.is_firing and renamed.since_ms == alert.since_ms
    other = alerts.change(1, alert.alert_id, WANTED._replace(condition=Quiet(31)), None)
    assert not other.is_firing and other.watched_from_ms >= (alert.since_ms or 0)
    assert state.looked(other, look("firing"))
    assert not alerts.pause(1, alert.alert_id, None, paused=True).is_firing
    assert state.due(KINDS, now_ms(), ()) == []
    resumed = alerts.pause(1, alert.alert_id, None, paused=False)
    assert resumed.is_enabled and not resumed.is_firing
    assert [each.kind for each in alerts.deliveries(1, alert.alert_id)] == ["firing"] * 2


def test_alerts_are_due_by_kind_time_and_project(alerts: Alerts, state: AlertState) -> None:
    quiet, rejected = make(alerts), make(alerts, 2, WANTED._replace(condition=Rejected(5, 10, 100)))
    make(alerts, 3)  # of a region that another server watches
    assert state.due(KINDS, now_ms(), ()) == [quiet, rejected]
    assert state.due(KINDS[1:2], now_ms(), ()) == [rejected]
    assert state.due(KINDS, now_ms(), [2]) == [quiet]
    state.looked(quiet, look())
    assert [each.alert_id for each in state.due(KINDS, now_ms(), ())] == [rejected.alert_id]
    assert len(state.due(KINDS, now_ms() + 61_000, ())) == 2
    a_week_ago = now_ms() - 7 * 86_400_000
    assert len(state.due(KINDS, a_week_ago, ())) == 2, "the clock was set back"


@pytest.mark.parametrize("ends", ["archived", "deleted"])
def test_a_project_that_ended_is_not_watched_and_tells_nobody(
    alerts: Alerts, state: AlertState, projects: ProjectsDatabase, ends: str
) -> None:
    alert = fired(alerts, state)
    assert len(due(state)) == 1 == state.firing()
    if ends == "archived":
        projects.archive(1, archived=True)
    else:
        projects.delete(1, "one")
    assert state.due(KINDS, now_ms() + 100_000, ()) == [] == due(state)
    assert state.firing() == 0
    if ends == "archived":
        projects.archive(1, archived=False)
        assert [each.alert.alert_id for each in due(state)] == [alert.alert_id]


def test_a_message_is_tried_three_times_and_then_given_up(alerts: Alerts, state: AlertState) -> None:
    alert, at_ms = fired(alerts, state), now_ms()
    for tries in range(1, ALERT_TRIES_MAX + 1):
        [(delivery, _)] = due(state, at_ms)
        assert state.begin_try(delivery, at_ms)
        assert due(state, at_ms) == [], "it is being sent"
        last = tries == ALERT_TRIES_MAX
        outcome = state.end_try(delivery, "answered 500", at_ms, delivered=False)
        assert outcome == ("failed" if last else "waiting")
        if not last:
            wait_ms = int((ALERT_SECOND_TRY_S, ALERT_THIRD_TRY_S)[tries - 1] * 1000)
            assert due(state, at_ms + wait_ms - 1) == []
            at_ms += wait_ms
    assert due(state, at_ms + 10_000_000) == []
    [given_up] = alerts.deliveries(1, alert.alert_id)
    assert (given_up.outcome, given_up.detail, given_up.tries) == ("failed", "answered 500", 3)
    assert alerts.failed_since(1, at_ms - 1) == 1 and alerts.failed_since(2, 0) == 0
    assert alerts.failed_since(1, at_ms + 1) == 0


def test_a_try_is_claimed_by_one_and_repeated_with_the_same_id_when_it_was_cut_off(
    alerts: Alerts, state: AlertState
) -> None:
    fired(alerts, state)
    [(delivery, _)] = due(state)
    at_ms = now_ms()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: state.begin_try(delivery, at_ms), range(16))).count(True) == 1
    later_ms = at_ms + int(ALERT_TRY_LEASE_S * 1000)
    [(again, _)] = due(state, later_ms)
    assert (again.message_id, again.tries) == (delivery.message_id, 1)
    assert state.begin_try(again, later_ms)
    # The first process was not dead, only slow: what it writes now is of no try that counts.
    state.end_try(delivery, "answered 500", later_ms, delivered=False)
    assert due(state, later_ms + 11_000) == []
    assert state.end_try(again, "answered 200", later_ms, delivered=True) == "delivered"
    [log] = alerts.deliveries(1, again.alert_id)
    assert (log.outcome, log.detail, log.tries) == ("delivered", "answered 200", 2)


def test_a_message_whose_last_try_was_cut_off_or_that_is_a_day_old_is_given_up(
    alerts: Alerts, state: AlertState
) -> None:
    alert, at_ms = fired(alerts, state), now_ms()
    for _ in range(ALERT_TRIES_MAX):
        [(delivery, _)] = due(state, at_ms)
        assert state.begin_try(delivery, at_ms)
        at_ms += int(ALERT_TRY_LEASE_S * 1000)
    [(delivery, _)] = due(state, at_ms)
    assert not state.begin_try(delivery, at_ms)
    assert "cut off" in alerts.deliveries(1, alert.alert_id)[0].detail
    state.looked(alerts.one(1, alert.alert_id), look("resolved"))
    late_ms = now_ms() + int(ALERT_MESSAGE_AGE_S_MAX * 1000) + 1000
    [(delivery, _)] = due(state, late_ms)
    assert not state.begin_try(delivery, late_ms)
    assert {each.outcome for each in alerts.deliveries(1, alert.alert_id)} == {"failed"}


def test_messages_of_an_alert_are_sent_in_order_and_a_test_waits_for_none(alerts: Alerts, state: AlertState) -> None:
    alert = fired(alerts, state)
    state.looked(alert, look("resolved"))
    [test] = alerts.test(1, alert.alert_id, None)
    assert [each.delivery.kind for each in due(state)] == ["firing", "test"]
    first = due(state)[0].delivery
    assert state.begin_try(first, now_ms()) and state.end_try(first, "answered 200", now_ms(), delivered=True)
    assert [each.delivery.kind for each in due(state)] == ["resolved", "test"]
    assert [each.delivery.kind for each in state.due_deliveries(now_ms(), [test], ())] == ["resolved"]
    assert state.due_deliveries(now_ms(), (), [1]) == []


def test_a_test_has_one_try_and_comes_once_in_a_while(alerts: Alerts, state: AlertState) -> None:
    alert = make(alerts)
    alerts.test(1, alert.alert_id, None)
    with pytest.raises(StateError, match="once in"):
        alerts.test(1, alert.alert_id, None)
    [(delivery, _)] = due(state)
    assert json.loads(delivery.body)["type"] == "alert.test"
    assert state.begin_try(delivery, now_ms())
    assert state.end_try(delivery, "answered 500", now_ms(), delivered=False) == "failed"
    assert not alerts.one(1, alert.alert_id).is_firing


def test_the_log_keeps_a_bounded_number_of_messages(alerts: Alerts, state: AlertState) -> None:
    alert, other = make(alerts), fired(alerts, state)
    for number in range(ALERT_DELIVERIES_KEPT_MAX + 10):
        alert = alerts.one(1, alert.alert_id)
        assert state.looked(alert, look("resolved" if number % 2 else "firing"))
    log = alerts.deliveries(1, alert.alert_id)
    assert len(log) == ALERT_DELIVERIES_KEPT_MAX and log[0].kind == "resolved"
    assert [each.delivery_id for each in log] == sorted((each.delivery_id for each in log), reverse=True)
    assert len(alerts.deliveries(1, other.alert_id)) == 1


def test_one_server_watches_at_a_time_and_another_after_its_claim(projects: ProjectsDatabase) -> None:
    state, at_ms = AlertState(projects, "us"), now_ms()
    with ThreadPoolExecutor(8) as threads:
        holders = [f"holder {number}" for number in range(8)]
        watches = list(threads.map(lambda holder: state.claim(holder, at_ms), holders))
    assert watches.count(True) == 1
    first = holders[watches.index(True)]
    assert state.claim(first, at_ms + 5000) and not state.claim("other", at_ms + 5000)
    assert AlertState(projects, "eu").claim("other", at_ms), "a region has a claim of its own"
    assert not state.claim("other", at_ms + 5000 + int(ALERT_CLAIM_S * 1000))
    assert state.claim("other", at_ms + 5001 + int(ALERT_CLAIM_S * 1000))
    assert not state.claim(first, at_ms + 5001)
    state.release(first)
    assert not state.claim(first, at_ms + 5001)
    state.release("other")
    assert state.claim(first, at_ms + 5001)
    assert state.claim("other", at_ms - 7 * 86_400_000), "the clock was set back"


def test_a_reader_knows_when_something_is_due(alerts: Alerts, state: AlertState, reader: Reader) -> None:
    assert reader.alerts_due() == (False, None)
    alert = make(alerts)
    assert reader.alerts_due() == (True, 0)
    found = look(at_ms=1_000_000)
    assert state.looked(alert, found)
    assert reader.alerts_due() == (True, found.next_look_ms)
    alerts.pause(1, alert.alert_id, None, paused=True)
    assert reader.alerts_due() == (True, None)
    alerts.test(1, alert.alert_id, None)
    assert (reader.alerts_due().next_ms or 0) > 1_000_000
