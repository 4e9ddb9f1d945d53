"""The pages of alerts: who sees them, their forms, the test button, and what a browser without scripts can do."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.alerts.receiver import Receiver, respond, running_receiver
from tests.support.http.exchange import Reply
from tests.support.sdk.browser import Chromium
from tests.support.server import Project, Server, running_server
from tests.support.service_accounts import new_account
from tests.support.web.browser_window import PHONE, Window, open_window
from tests.support.web.saved import below, number_of, save
from tests.support.web.visitor import Visit, admin_password, signed_in
from trackway.projects.alert import Alert
from trackway.projects.alert_condition import Quiet, Rejected, ReportValue
from trackway.projects.alert_table import Alerts
from trackway.projects.limits import ALERTS_MAX
from trackway.projects.roles import ROLES

QUIET = {"kind": "quiet", "name": "Silence", "minutes": "30", "tells_end": "1"}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    arguments = ["--workers", "2", "--alert-hosts", "127.0.0.1", "--alert-interval-s", "1"]
    with running_server(tmp_path_factory.mktemp("alerts") / "data", *arguments) as running:
        yield running


@pytest.fixture(scope="module")
def cookies(watching: Server) -> dict[str, str]:
    return signed_in(watching, "admin", admin_password(watching)).cookies


@pytest.fixture
def admin(watching: Server, cookies: dict[str, str]) -> Visit:
    return Visit(watching, dict(cookies))


@pytest.fixture
def mine(watching: Server) -> Project:
    """A project of the test."""
    return watching.create_project()


def made(visit: Visit, project: Project, **fields: str) -> Alert:
    """A new alert, made by the form."""
    reply = visit.post(below(project, "/alerts/create"), QUIET | fields)
    assert reply.status == 200, reply
    return Alerts(visit.server.projects).all(project.project_id)[-1]


def page(reply: Reply) -> str:
    assert reply.status == 200, reply
    return reply.body.decode()


def test_each_kind_is_made_and_shown_with_its_secret_once(
    watching: Server, admin: Visit, mine: Project, receiver: Receiver
) -> None:
    report = number_of(save(admin, mine, "Orders by day", event="Order"))
    kept = {"type": "retention", "name": "Back with an order", "question": "event1=Sign+up&event2=Order"}
    back = number_of(admin.post(below(mine, "/reports/save"), kept))
    forms: list[tuple[dict[str, str], object, str]] = [
        (QUIET, Quiet(30), "no events for 30 minutes"),
        (
            {"kind": "rejected", "name": "Broken", "percent": "2.5", "minutes": "10", "records": "100"},
            Rejected(2.5, 10, 100),
            "more than 2.5 % of at least 100 records rejected in 10 minutes",
        ),
        (
            {"kind": "report", "name": "Few", "report": str(report), "side": "below", "value": "-7.5"},
            ReportValue(report, "below", -7.5),
            "Orders by day below -7.5",
        ),
        (
            {"kind": "report", "name": "Back", "report": str(back), "side": "below", "value": "20", "period": "7"},
            ReportValue(back, "below", 20, 7),
            "Back with an order, period 7, below 20",
        ),
    ]
    for fields, condition, words in forms:
        assert page(admin.get(below(mine, f"/alerts/new?kind={fields['kind']}"))).count("<form") == 2
        reply = admin.post(below(mine, "/alerts/create"), fields | {"webhook": receiver.url()})
        alert = Alerts(watching.projects).all(mine.project_id)[-1]
        assert alert.condition == condition and alert.tells_end is (fields is QUIET)
        assert alert.secret in page(reply) and words in page(reply)
        for path in ("/alerts", f"/alerts/{alert.alert_id}"):
            shown = page(admin.get(below(mine, path)))
            assert alert.name in shown and words in shown and alert.secret not in shown
        assert alert.link.endswith(below(mine, "/alerts"))
    replaced = admin.post(below(mine, f"/alerts/{alert.alert_id}/secret"))
    now = Alerts(watching.projects).one(mine.project_id, alert.alert_id)
    assert now.secret != alert.secret and now.secret in page(replaced)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": ""}, "name must be 1 to 255 printable characters"),
        ({"minutes": "0"}, "minutes must be a whole number from 1 to 10080"),
        ({"minutes": "1.5"}, "minutes must be a whole number"),
        ({"webhook": ""}, "an alert needs a webhook or an e-mail address"),
        ({"webhook": "ftp://example.com"}, "webhook must be a URL such as"),
        ({"webhook": "http://a:b@example.com"}, "webhook must not hold a user name"),
        ({"emails": "ann@example.com"}, "this server sends no mail"),
        ({"emails": "ann"}, "e-mail must list addresses"),
        ({"kind": "report", "report": "", "side": "above", "value": "7"}, "choose a saved report"),
        (
            {"kind": "report", "report": "7", "side": "beside", "value": "7"},
            "choose whether the report is above or below",
        ),
        ({"kind": "report", "report": "7", "side": "above", "value": "nan"}, "value must be a number"),
        (
            {"kind": "report", "report": "7", "side": "above", "value": "7", "period": "7"},
            "only retention has periods",
        ),
        ({"kind": "rejected", "percent": "100", "records": "1"}, "percent must be a number from 0 to less than 100"),
    ],
)
def test_a_form_that_is_wrong_is_shown_again_with_what_was_filled_in(
    watching: Server, admin: Visit, mine: Project, fields: dict[str, str], problem: str
) -> None:
    if fields.get("kind") == "report":
        number = number_of(save(admin, mine, "Orders", event="Order"))
        fields = fields | {"report": fields["report"] and str(number)}
    filled = QUIET | {"webhook": "https://kept.example.com/x?a=<b>"} | fields
    if "<b>" in filled["webhook"]:
        filled["webhook"] = filled["webhook"].replace("<b>", "%3Cb%3E")
    reply = admin.post(below(mine, "/alerts/create"), filled)
    shown = reply.body.decode()
    assert reply.status == 400 and f"Not done: {problem}" in shown.replace("&#39;", "'")
    if filled["webhook"].startswith("https"):
        assert 'value="https://kept.example.com/x?a=%3Cb%3E"' in shown
    assert Alerts(watching.projects).all(mine.project_id) == []


def test_an_alert_is_changed_paused_resumed_and_deleted(
    watching: Server, admin: Visit, mine: Project, receiver: Receiver
) -> None:
    alert = made(admin, mine, webhook=receiver.url())
    one, alerts = below(mine, f"/alerts/{alert.alert_id}"), Alerts(watching.projects)
    change = QUIET | {"name": "<i>Other</i>", "minutes": "45", "webhook": receiver.url("/other"), "tells_end": ""}
    assert admin.post(f"{one}/change", change).status == 303
    changed = alerts.one(mine.project_id, alert.alert_id)
    assert (changed.condition, changed.webhook_url, changed.tells_end) == (Quiet(45), receiver.url("/other"), False)
    shown = page(admin.get(f"{one}?done=changed"))
    assert "&lt;i&gt;Other&lt;/i&gt;" in shown and "<i>Other" not in shown and "The alert is changed." in shown
    wrong = admin.post(f"{one}/change", change | {"minutes": "x"})
    assert wrong.status == 400 and 'value="x"' in wrong.body.decode()
    assert admin.post(f"{one}/pause").status == 303
    assert not alerts.one(mine.project_id, alert.alert_id).is_enabled
    assert "paused" in page(admin.get(one)) and "Watch again" in page(admin.get(one))
    assert admin.post(f"{one}/resume").status == 303
    assert alerts.one(mine.project_id, alert.alert_id).is_enabled
    assert admin.post(f"{one}/delete").status == 303
    assert alerts.all(mine.project_id) == [] and admin.get(one).status == 404
    assert "The alert is deleted." in page(admin.get(below(mine, "/alerts?done=deleted")))


def test_a_test_shows_its_outcome(admin: Visit, mine: Project, receiver: Receiver) -> None:
    alert = made(admin, mine, webhook=receiver.url("/tested"))
    test = below(mine, f"/alerts/{alert.alert_id}/test")
    shown = page(admin.post(test))
    assert re.search(r"Test by webhook: <b class=\"good\">delivered</b>: answered 200", shown)
    [received] = receiver.at("/tested")
    assert received.message["type"] == "alert.test" and received.is_signed_with(alert.secret)
    assert received.message_id in shown, "the log has it"
    again = admin.post(test)
    assert again.status == 400 and "try again in a moment" in again.body.decode()
    failing = made(admin, mine, webhook="http://127.0.0.2/")
    failed = page(admin.post(below(mine, f"/alerts/{failing.alert_id}/test")))
    assert "failed</b>: the host has an address that is not public" in failed
    health = page(admin.get(below(mine, "/health")))
    assert "1 message could not be sent" in health and below(mine, "/alerts") in health


def test_only_owners_and_admins_see_alerts_and_only_those_of_their_project(
    watching: Server, admin: Visit, mine: Project, receiver: Receiver
) -> None:
    theirs = watching.create_project()
    number = made(admin, theirs, webhook=receiver.url()).alert_id
    own = made(admin, mine, webhook=receiver.url()).alert_id
    forms = ("change", "pause", "resume", "secret", "test", "delete")
    for role in ROLES[:2]:
        account = new_account(watching, {mine.project_id: role})
        visit = signed_in(watching, account.username, account.secret)
        assert page(visit.get(below(mine, "/alerts")))
        assert visit.get(below(mine, f"/alerts/{number}")).status == 404
        for form in forms:
            assert (
                visit.post(below(mine, f"/alerts/{number}/{form}"), QUIET | {"webhook": receiver.url()}).status == 404
            )
            assert visit.post(below(theirs, f"/alerts/{number}/{form}"), QUIET).status == 404
    for role in ROLES[2:]:
        account = new_account(watching, {mine.project_id: role})
        visit = signed_in(watching, account.username, account.secret)
        assert below(mine, "/alerts") not in page(visit.get(below(mine, "/health")))
        for path in ("/alerts", "/alerts/new?kind=quiet", f"/alerts/{own}"):
            assert visit.get(below(mine, path)).status == 403, (role, path)
        for path in ("/alerts/create", *(f"/alerts/{own}/{form}" for form in forms)):
            assert visit.post(below(mine, path), QUIET | {"webhook": receiver.url()}).status == 403, (role, path)
    assert [each.alert_id for each in Alerts(watching.projects).all(mine.project_id)] == [own]


def test_no_form_is_taken_from_another_origin_or_session(admin: Visit, mine: Project, receiver: Receiver) -> None:
    number = made(admin, mine, webhook=receiver.url()).alert_id
    for path in ("/alerts/create", f"/alerts/{number}/delete", f"/alerts/{number}/test"):
        fields = QUIET | {"webhook": receiver.url(), "csrf": admin.csrf}
        assert admin.send(below(mine, path), fields, ("Origin", "https://evil.example.com")).status == 403
        assert admin.send(below(mine, path), fields | {"csrf": "x"}, ("Origin", admin.origin)).status == 403
    assert len(Alerts(admin.server.projects).all(mine.project_id)) == 1


def test_too_many_alerts_are_refused_and_addresses_that_name_none_are_not_found(admin: Visit, mine: Project) -> None:
    for _ in range(ALERTS_MAX):
        made(admin, mine, webhook="https://hooks.example.com/")
    reply = admin.post(below(mine, "/alerts/create"), QUIET | {"webhook": "https://hooks.example.com/"})
    assert reply.status == 400 and f"must not have more than {ALERTS_MAX} alerts" in reply.body.decode()
    for path in ("/alerts/0", "/alerts/x", "/alerts/99999999999", "/alerts/999999"):
        assert admin.get(below(mine, path)).status == 404, path
    for path in ("/alerts/new", "/alerts/new?kind=other"):
        assert admin.get(below(mine, path)).status == 400, path


def test_an_archived_project_shows_its_alerts_and_takes_no_change(
    watching: Server, admin: Visit, mine: Project, receiver: Receiver
) -> None:
    number = made(admin, mine, webhook=receiver.url()).alert_id
    watching.projects.archive(mine.project_id, archived=True)
    shown = ""
    for _ in range(50):
        shown = page(admin.get(below(mine, f"/alerts/{number}")))
        if "archived" in shown:
            break
    assert "Silence" in shown and "Send a test" not in shown
    for form in ("pause", "test", "delete"):
        assert admin.post(below(mine, f"/alerts/{number}/{form}")).status == 403


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def window(
    request: pytest.FixtureRequest, chromium: Chromium, watching: Server, cookies: dict[str, str]
) -> Iterator[Window]:
    opened = open_window(chromium, watching.url, java_script_enabled=request.param)
    opened.take_cookies(cookies)
    yield opened
    opened.close()


def test_somebody_makes_and_tests_an_alert_in_a_browser(window: Window, mine: Project, receiver: Receiver) -> None:
    window.open(below(mine, "/alerts"))
    assert "No alert yet" in window.text()
    window.follow("No events come in")
    window.fill("Name", "Silence of the shop")
    window.fill("Minutes without an event", "15")
    window.fill("Webhook", receiver.url("/browser"))
    window.press("Make the alert")
    window.until(lambda: window.count("#alert-secret") == 1)
    window.press("Send a test")
    window.until(lambda: "Test by webhook: delivered" in window.text())
    assert len(receiver.at("/browser")) >= 1
    window.follow("All alerts")
    window.until(lambda: window.texts("tbody th") == ["Silence of the shop"])


@pytest.mark.parametrize(
    "options", [{}, {"viewport": PHONE}, {"color_scheme": "dark"}], ids=["desktop", "phone", "dark"]
)
def test_pages_shut_nobody_out(
    chromium: Chromium,
    watching: Server,
    cookies: dict[str, str],
    mine: Project,
    receiver: Receiver,
    options: dict[str, Any],
) -> None:
    admin = Visit(watching, dict(cookies))
    save(admin, mine, "Orders by day", event="Order")
    window = open_window(chromium, watching.url, **options)
    window.take_cookies(cookies)
    try:
        paths = ["/alerts", "/alerts/new?kind=quiet", "/alerts/new?kind=rejected", "/alerts/new?kind=report"]
        for path in paths:
            window.open(below(mine, path))
            assert window.violations() == [] and not window.is_wider_than_screen(), path
        receiver.answer = lambda handler: respond(handler, 500)
        alert = made(admin, mine, webhook=receiver.url("/axe"))
        admin.post(below(mine, f"/alerts/{alert.alert_id}/test"))
        for path in ("/alerts", f"/alerts/{alert.alert_id}", "/health"):
            window.open(below(mine, path))
            assert window.violations() == [] and not window.is_wider_than_screen(), path
    finally:
        receiver.answer = lambda handler: respond(handler, 200)
        window.close()
