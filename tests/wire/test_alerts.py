"""Alerts of a running server: what fires them, who is told, and that a restart repeats nothing."""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.support.alerts.mail_receiver import running_mail_receiver
from tests.support.alerts.receiver import Receiver, respond, running_receiver
from tests.support.http.encodings import JSON
from tests.support.http.events import import_all, record, track
from tests.support.http.exchange import Request
from tests.support.projects.postgresql import Cluster
from tests.support.reports import at
from tests.support.server import Project, Server, running_server
from tests.support.waiting import wait_until
from tests.support.web.saved import saved_by_api
from trackway.alerts.limits import SEND_S_MAX
from trackway.projects.alert import Alert, Delivery, Wanted
from trackway.projects.alert_condition import Condition, Quiet, Rejected, ReportValue
from trackway.projects.alert_table import Alerts
from trackway.projects.limits import ALERT_CLAIM_S
from trackway.projects.saved import Creator
from trackway.projects.tables.alerts import alerts

ADMIN = Creator(None, "admin")
ARGUMENTS = ("--workers", "1", "--alert-hosts", "127.0.0.1", "--alert-interval-s", "1")
SOON_S = 4.0
"""Some looks at an alert."""
TIMEOUT_S = 30.0


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def told(receiver: Receiver) -> Iterator[Receiver]:
    """The receiver, which answers 200 again afterwards."""
    usual = receiver.answer
    yield receiver
    receiver.answer = usual


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("alerts") / "data", *ARGUMENTS) as running:
        yield running


def new_alert(server: Server, project: Project, condition: Condition, url: str) -> Alert:
    wanted = Wanted("It is quiet", condition, url, (), True, "http://127.0.0.1/app/projects/1/alerts")
    return Alerts(server.projects).create(project.project_id, wanted, ADMIN, None)


def old_alert(server: Server, project: Project, url: str) -> Alert:
    """An alert about a minute of silence that counts from a time long ago: it fires at once."""
    alert = new_alert(server, project, Quiet(1), url)
    write(server, alert, watched_from_ms=0)
    return alert


def write(server: Server, alert: Alert, **columns: int) -> None:
    with server.projects.saving() as change:
        change.note()
        chosen = alerts.c.alert_id == alert.alert_id
        change.connection.execute(update(alerts).where(chosen).values(next_look_ms=0, **columns))


def current(server: Server, alert: Alert) -> Alert:
    return Alerts(server.projects).one(alert.project_id, alert.alert_id)


def wait_observed(server: Server, alert: Alert, text: str) -> None:
    """Return once a look has found this."""
    wait_until(lambda: text in current(server, alert).observed, TIMEOUT_S, lambda: str(current(server, alert)))


def log(server: Server, alert: Alert) -> list[Delivery]:
    return Alerts(server.projects).deliveries(alert.project_id, alert.alert_id)


def ended(server: Server, alert: Alert) -> Delivery:
    """The newest message of an alert, as soon as its tries have ended."""
    wait_until(
        lambda: any(each.outcome != "waiting" for each in log(server, alert)[:1]),
        TIMEOUT_S,
        lambda: f"still {log(server, alert)}, {current(server, alert)}",
    )
    return log(server, alert)[0]


def outcome_of_test(server: Server, project: Project, url: str) -> Delivery:
    """How a test of an alert with that webhook ended."""
    alert = new_alert(server, project, Quiet(10_000), url)
    Alerts(server.projects).test(project.project_id, alert.alert_id, None)
    return ended(server, alert)


def test_silence_fires_once_and_ends_with_an_event(watching: Server, receiver: Receiver) -> None:
    project = watching.create_project()
    alert = new_alert(watching, project, Quiet(1), receiver.url("/silence"))
    wait_until(lambda: bool(current(watching, alert).looked_at_ms), TIMEOUT_S, lambda: "not looked at")
    assert not current(watching, alert).is_firing, "a minute has not passed since the alert was made"
    write(watching, alert, watched_from_ms=0)
    [fired] = receiver.wait("/silence", 1)
    assert fired.is_signed_with(alert.secret) and not fired.is_signed_with(alert.secret.swapcase())
    assert fired.message["type"] == "alert.firing"
    assert fired.message["data"]["alert"] == {
        "id": alert.alert_id, "name": "It is quiet", "condition": "no events for 1 minute"
    }  # fmt: skip
    assert fired.headers["content-type"] == "application/json" and fired.headers["user-agent"].startswith("trackway/")
    time.sleep(SOON_S)
    assert len(receiver.at("/silence")) == 1, "it tells once while it lasts"
    track(watching, [record(project)])
    _, resolved = receiver.wait("/silence", 2)
    assert resolved.message["type"] == "alert.resolved" and resolved.is_signed_with(alert.secret)
    assert resolved.message_id != fired.message_id
    ended(watching, alert)
    assert [each.outcome for each in log(watching, alert)] == ["delivered"] * 2


def test_rejected_records_fire_above_their_part(watching: Server, receiver: Receiver) -> None:
    project = watching.create_project()
    alert = new_alert(watching, project, Rejected(50, 60, 4), receiver.url("/rejected"))
    broken = record(project) | {"event": ""}
    track(watching, [record(project), record(project)])
    watching.ask(Request("POST", "/track", (JSON,), _json([broken])))
    watching.wait_loaded()
    write(watching, alert)
    wait_observed(watching, alert, "3 records")
    assert not current(watching, alert).is_firing
    watching.ask(Request("POST", "/track", (JSON,), _json([broken, broken])))
    [fired] = receiver.wait("/rejected", 1)
    assert fired.message["data"]["observed"] == "3 of 5 records were rejected (60 %)"
    track(watching, [record(project) for _ in range(5)])
    assert receiver.wait("/rejected", 2)[1].message["type"] == "alert.resolved"


def _json(records: Sequence[object]) -> bytes:
    return json.dumps(records).encode()


def test_a_saved_report_fires_above_a_value_and_a_deleted_one_is_unknown(watching: Server, receiver: Receiver) -> None:
    project = watching.create_project()
    question = {
        "sections": {
            "show": [
                {
                    "behavior": {"type": "event", "name": "Order", "resourceType": "events"},
                    "measurement": {"math": "total"},
                }
            ],
            "time": [{"dateRangeType": "between", "unit": "day", "value": ["2025-03-01", "2025-03-05"]}],
        },
        "displayOptions": {"chartType": "line"},
    }
    body = {"name": "Orders", "type": "insights", "params": question}
    report = saved_by_api(watching, project, "POST", body=body)["id"]
    alert = new_alert(watching, project, ReportValue(report, "above", 1), receiver.url("/report"))
    wait_observed(watching, alert, "0 (5 Mar 2025)")
    assert not current(watching, alert).is_firing
    orders = [
        record(project, "Order", time=at(f"2025-03-0{day} 12:00"), insert_id=f"order-{number}")
        for number, day in enumerate((4, 4, 4, 5, 5))
    ]
    import_all(watching, project, orders)
    [fired] = receiver.wait("/report", 1)
    assert "is 2 (5 Mar 2025)" in fired.message["data"]["observed"], "of the last day alone"
    assert fired.message["data"]["alert"]["condition"] == "Orders above 1"
    saved_by_api(watching, project, "DELETE", f"/{report}")
    write(watching, alert)
    wait_observed(watching, alert, "was not found")
    assert current(watching, alert).is_firing and len(receiver.at("/report")) == 1, "unknown is no change"


def test_retention_fires_below_a_percentage_of_those_who_came_back(watching: Server, receiver: Receiver) -> None:
    project = watching.create_project()
    born, back = ({"type": "event", "name": name, "resourceType": "events"} for name in ("Join", "Order"))
    behavior = {"type": "retention", "behaviors": [born, back], "retentionCustomBucketSizes": [1, 2, 3]}
    question = {
        "sections": {
            "show": [{"behavior": behavior, "measurement": {"math": "retention_rate"}}],
            "time": [{"dateRangeType": "between", "unit": "day", "value": ["2025-03-01", "2025-03-02"]}],
        },
        "displayOptions": {"chartType": "retention-curve"},
    }
    body = {"name": "Back", "type": "retention", "params": question}
    report = saved_by_api(watching, project, "POST", body=body)["id"]
    alert = new_alert(watching, project, ReportValue(report, "below", 60, 1), receiver.url("/retention"))
    wait_observed(watching, alert, "no figure for day 1, in percent")
    events = [
        record(project, "Join", distinct_id=who, time=at("2025-03-01 12:00"), insert_id=f"join-{who}") for who in "ab"
    ]
    events.append(record(project, "Order", distinct_id="a", time=at("2025-03-02 13:00"), insert_id="order"))
    import_all(watching, project, events)
    [fired] = receiver.wait("/retention", 1)
    assert fired.message["data"]["observed"] == "retention is 50 (day 1, in percent)"
    assert fired.message["data"]["alert"]["condition"] == "Back, period 1, below 60"


def test_a_receiver_that_fails_is_tried_again_with_the_same_id(watching: Server, told: Receiver) -> None:
    def fail_once(handler: BaseHTTPRequestHandler) -> None:
        respond(handler, 500 if len(told.at("/again")) == 1 else 204)

    told.answer = fail_once
    alert = old_alert(watching, watching.create_project(), told.url("/again"))
    first, second = told.wait("/again", 2)
    assert first.message_id == second.message_id and first.body == second.body
    assert second.at_s - first.at_s >= 9, "the second try waits"
    assert second.is_signed_with(alert.secret)
    assert (ended(watching, alert).outcome, ended(watching, alert).tries) == ("delivered", 2)


def test_a_redirect_is_not_followed(watching: Server, told: Receiver) -> None:
    told.answer = lambda handler: respond(handler, 302, Location=told.url("/elsewhere"))
    found = outcome_of_test(watching, watching.create_project(), told.url("/redirect"))
    assert (found.outcome, found.detail) == ("failed", "answered 302, and redirects are not followed")
    assert len(told.at("/redirect")) == 1 and not told.at("/elsewhere") and not told.at("GET /elsewhere")


def test_a_receiver_that_drips_is_cut_off_in_time_and_delays_no_other(watching: Server, told: Receiver) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        if handler.path != "/slow":
            return respond(handler, 200)
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:  # until the sender has gone
            handler.wfile.write(b"X-Drip: 1\r\n")
            handler.wfile.flush()
            time.sleep(0.2)

    told.answer = drip
    slow, quick = watching.create_project(), watching.create_project()
    waiting = [new_alert(watching, slow, Quiet(10_000), told.url("/slow")) for _ in range(4)]
    for each in waiting:
        Alerts(watching.projects).test(slow.project_id, each.alert_id, None)
    told.wait("/slow", 2)
    began_s = time.monotonic()
    assert outcome_of_test(watching, quick, told.url("/quick")).outcome == "delivered"
    assert time.monotonic() - began_s < SEND_S_MAX - 2, "it waits for no receiver of another project"
    assert len(told.at("/slow")) == 2, "a project has two tries at once"
    found = ended(watching, waiting[0])
    assert (found.outcome, found.detail) == ("failed", f"no answer within {SEND_S_MAX:.0f} s")
    took_s = ((found.ended_at_ms or 0) - found.created_at_ms) / 1000
    assert SEND_S_MAX <= took_s < SEND_S_MAX + 3


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (b"", "the connection was closed without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "answered 101"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"a" * 40_000, "the head of the answer is longer than 16384 bytes"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\n", "answered 202"),
        (b"HTTP/1.0 404 Not Found\r\n\r\n" + b"x" * 1_000_000, "answered 404"),
    ],
)
def test_any_answer_has_an_outcome(watching: Server, told: Receiver, answer: bytes, detail: str) -> None:
    def write_it(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(answer)
        handler.wfile.flush()
        handler.close_connection = True

    told.answer = write_it
    found = outcome_of_test(watching, watching.create_project(), told.url("/odd"))
    assert found.detail.startswith(detail)
    assert (found.outcome == "delivered") is ("202" in detail)


def test_addresses_that_are_not_public_are_refused_unless_they_are_listed(
    watching: Server, tmp_path: Path, receiver: Receiver
) -> None:
    project = watching.create_project()
    for host in ("127.0.0.2", "localhost.localdomain", "[::1]", "0.0.0.0", "169.254.169.254", "2130706434", "0x7f.2"):
        found = outcome_of_test(watching, project, f"http://{host}:{receiver.port}/refused")
        assert found.outcome == "failed" and ("not public" in found.detail or "not known" in found.detail), (
            host,
            found,
        )
    assert not receiver.at("/refused")
    with running_server(tmp_path / "data", "--workers", "1", "--alert-hosts", "localhost") as listed:
        own = listed.create_project()
        assert outcome_of_test(listed, own, f"http://127.0.0.1:{receiver.port}/by-address").outcome == "failed"
        assert outcome_of_test(listed, own, f"http://localhost:{receiver.port}/by-name").outcome == "delivered"
    assert receiver.at("/by-name")[0].headers["host"] == f"localhost:{receiver.port}"


def test_what_refuses_connections_has_an_outcome(watching: Server) -> None:
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        assert "connection failed" in outcome_of_test(watching, watching.create_project(), url).detail


def test_kills_lose_and_repeat_no_message(tmp_path: Path, told: Receiver) -> None:
    """Killed while a try is under way, the process of alerts sends it again with the same id; and nothing else."""
    hold = [True]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        while hold[0] and handler.path == "/killed":
            time.sleep(0.05)
        respond(handler, 200)

    told.answer = answer
    with running_server(tmp_path / "data", *ARGUMENTS) as server:
        project = server.create_project()
        alert = old_alert(server, project, told.url("/killed"))
        [first] = told.wait("/killed", 1)
        killed = server.processes()["alerts"]
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: server.processes().get("alerts", killed) != killed, TIMEOUT_S, lambda: "not started again")
        hold[0] = False
        second = told.wait("/killed", 2, timeout_s=60)[1]
        assert second.message_id == first.message_id and second.body == first.body
        assert ended(server, alert).outcome == "delivered"
        os.kill(server.processes()["alerts"], signal.SIGKILL)
        looked_ms = current(server, alert).looked_at_ms or 0
        wait_until(
            lambda: (current(server, alert).looked_at_ms or 0) > looked_ms + 3000,
            TIMEOUT_S + ALERT_CLAIM_S,
            lambda: "not looked at again",
        )
    with running_server(tmp_path / "data", *ARGUMENTS) as server:
        looked_ms = current(server, alert).looked_at_ms or 0
        wait_until(
            lambda: (current(server, alert).looked_at_ms or 0) > looked_ms + 3000, TIMEOUT_S, lambda: "not looked at"
        )
        assert current(server, alert).is_firing
        assert len(told.at("/killed")) == 2 and len(log(server, alert)) == 1


def test_a_store_that_stands_still_is_no_silence_and_delays_no_message(tmp_path: Path, receiver: Receiver) -> None:
    with running_server(tmp_path / "data", *ARGUMENTS, "--hang-s-max", "60") as server:
        project = server.create_project()
        track(server, [record(project)])
        server.wait_loaded()
        alert = new_alert(server, project, Quiet(1), receiver.url("/still"))
        wait_until(lambda: bool(current(server, alert).looked_at_ms), TIMEOUT_S, lambda: "not looked at")
        store = server.processes()["store"]
        os.kill(store, signal.SIGSTOP)
        try:
            write(server, alert, watched_from_ms=0)
            began_s = time.monotonic()
            assert outcome_of_test(server, project, receiver.url("/meanwhile")).outcome == "delivered"
            assert time.monotonic() - began_s < 8
            time.sleep(SOON_S)
            assert not current(server, alert).is_firing and not receiver.at("/still")
        finally:
            os.kill(store, signal.SIGCONT)


def test_a_mail_arrives_through_a_running_server_whose_log_has_no_password(tmp_path: Path) -> None:
    with running_mail_receiver(user="alerts", password="s3cret-word") as mails:
        (tmp_path / "password").write_text("s3cret-word\n")
        arguments = ["--smtp-url", f"smtp://alerts@127.0.0.1:{mails.port}", "--smtp-from", "alerts@example.com"]
        arguments += ["--smtp-password-file", str(tmp_path / "password"), "--log-level", "debug"]
        with running_server(tmp_path / "data", *ARGUMENTS, *arguments) as server:
            project = server.create_project()
            wanted = Wanted("Silence", Quiet(1), "", ("ann@example.com", "bob@example.com"), True, "")
            alert = Alerts(server.projects).create(project.project_id, wanted, ADMIN, None)
            write(server, alert, watched_from_ms=0)
            [arrived] = mails.wait(1)
            assert ended(server, alert).outcome == "delivered"
        assert arrived.recipients == ("ann@example.com", "bob@example.com")
        assert arrived.message["Subject"] == f"[{project.name}] Silence is firing"
        assert "no events for 1 minute" in arrived.message.get_content()
        written = [path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()]
        assert not any(b"s3cret-word" in each for each in written)


def test_of_two_servers_one_watches_and_the_other_continues(
    tmp_path: Path, receiver: Receiver, cluster: Cluster
) -> None:
    shared = ("--projects-url", cluster.new_database())
    with running_server(tmp_path / "one", *ARGUMENTS, *shared) as one:
        with running_server(tmp_path / "two", *ARGUMENTS, *shared) as two:
            project = one.create_project()
            alert = old_alert(one, project, receiver.url("/two"))
            receiver.wait("/two", 1)
            assert ended(one, alert).outcome == "delivered"
            time.sleep(SOON_S)
            # The one that does not watch is killed, or the one that does: who it is shows only in the claim.
            os.kill(two.processes()["alerts"], signal.SIGKILL)
        looked_ms = current(one, alert).looked_at_ms or 0
        wait_until(
            lambda: (current(one, alert).looked_at_ms or 0) > looked_ms + 2000,
            TIMEOUT_S + ALERT_CLAIM_S,
            lambda: "nobody watches",
        )
        assert current(one, alert).is_firing
        assert len(receiver.at("/two")) == 1 == len(log(one, alert))
