"""Links for everybody: what they show, to whom, and when they are gone."""

import hashlib
import re
import time
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import MakeProjects
from tests.support.demo_shop import load_demo_shop
from tests.support.http.events import import_all, record
from tests.support.http.exchange import Reply, Request, ask
from tests.support.reports import at, report
from tests.support.server import Project, Server
from tests.support.service_accounts import Credentials, accounts_of, everywhere, new_account
from tests.support.web.browser_window import PHONE
from tests.support.web.saved import below, new_dashboard, number_of, numbers_in, save, saved_by_api
from tests.support.web.visitor import HTML, Visit, looks_from, signed_in
from tests.wire.web.conftest import OpenWindow
from trackway.projects.saved import ShareLink
from trackway.projects.saved_table import Saved
from trackway.projects.share_token import hash_of
from trackway.web.limits import SHARED_GUESSES_PER_MINUTE, SHARED_VALUE_USERS_MIN, SHARED_VISITS_PER_MINUTE

RANGE = {"range": "custom", "from": "2025-03-01", "to": "2025-03-30"}
WEEKS = {"event": "Order placed", "unit": "week", **RANGE}


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    [made] = make_projects(1)
    load_demo_shop(server, made)
    noon, users = at("2025-03-05 12:00"), [f"user-{number}" for number in range(SHARED_VALUE_USERS_MIN)]
    mails = [
        record(made, "Mail", time=noon, insert_id=user, distinct_id=user, contact="ann@example.com") for user in users
    ]
    import_all(server, made, mails)
    server.wait_loaded()
    return made


@pytest.fixture(scope="module")
def owner(server: Server, project: Project) -> Credentials:
    return new_account(server, {project.project_id: "owner"})


@pytest.fixture
def visit(server: Server, owner: Credentials) -> Visit:
    return signed_in(server, owner.username, owner.secret)


def share(visit: Visit, project: Project, target: str, **fields: str) -> str:
    """The path of a new link."""
    reply = visit.post(below(project, "/shares/create"), {"target": target, "expires": "7", **fields})
    assert reply.status == 200, reply
    found = re.search(r'id="made-link">http://[^/<]*([^<]*)<', reply.body.decode())
    assert found
    return found[1]


def look(server: Server, path: str) -> Reply:
    """What a stranger gets."""
    return server.ask(Request("GET", path, (HTML,)))


STRANGERS = count(1)


def is_gone(server: Server, path: str) -> bool:
    """As another client each time: one that asks until a link is gone may guess no more at last."""
    source = f"127.0.1.{next(STRANGERS) % 250 + 1}", 0
    return ask(server.port, Request("GET", path, (HTML,)), source=source).status == 404


def test_a_report_is_shown_to_a_stranger_with_the_numbers_of_the_api(
    server: Server, project: Project, visit: Visit
) -> None:
    number = number_of(save(visit, project, "Orders by week", **WEEKS))
    path = share(visit, project, f"report {number}")
    reply = look(server, path)
    assert reply.status == 200, reply
    headers, page = dict(reply.headers), reply.body.decode()
    [points] = report(server, project, "insights", bookmark_id=number)["series"].values()
    assert numbers_in(page) == list(points.values())[::-1] and any(points.values())
    assert headers["x-robots-tag"] == "noindex, nofollow"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "set-cookie" not in headers and "frame-ancestors 'none'" in headers["content-security-policy"]
    assert '<meta name="robots" content="noindex, nofollow">' in page
    for hidden in (project.token, project.secret, project.name, "SELECT", f"/projects/{project.project_id}"):
        assert hidden not in page, hidden


def test_a_dashboard_is_shown_without_the_reports_that_name_people(
    server: Server, project: Project, visit: Visit
) -> None:
    asked: list[tuple[str, dict[str, Any]]] = [
        ("Weeks", {}),
        ("By person", {"by": "distinct_id"}),
        ("By address", {"event": "Mail", "by": "contact"}),
    ]
    reports = [number_of(save(visit, project, name, **WEEKS | question)) for name, question in asked]
    made = saved_by_api(server, project, "POST", body={"name": "People", "type": "user", "params": {"a": 1}})
    board = new_dashboard(visit, project, "Shop", *reports, made["id"])
    path = share(visit, project, f"dashboard {board}")
    page = look(server, path).body.decode()
    [points] = report(server, project, "insights", bookmark_id=reports[0])["series"].values()
    assert numbers_in(page) == list(points.values())[::-1]
    assert "ann@example.com" not in page and "values of this report look like e-mail addresses" in page
    assert "this report has a series for each" in page and "does not show reports of type user" in page
    for target in (f"report {reports[1]}", f"report {made['id']}"):
        refused = visit.post(below(project, "/shares/create"), {"target": target, "expires": "7"})
        assert (refused.status, b"Not done: a link" in refused.body) == (400, True), target


FEW = SHARED_VALUE_USERS_MIN - 1
CHOICES: dict[str, dict[str, str]] = {
    "insights": {"event": "Kauf"},
    "funnels": {"event1": "Ansicht", "event2": "Kauf"},
    "retention": {"event1": "Ansicht", "event2": "Kauf", "periods": "2"},
}


@pytest.fixture(scope="module")
def customers(server: Server, make_projects: MakeProjects) -> Project:
    """Users with properties that no list of names knows: each a number of its own, and all but FEW the plan Basis."""
    [made] = make_projects(1)
    records = [
        record(
            made, event, distinct_id=f"user-{number}", time=at("2025-03-05 12:00") + hour * 3_600_000,
            insert_id=f"{event}-{number}-{again}", Kundennummer=f"K-{number}",
            Tarif="Sonder" if number < FEW else "Basis",
        )
        for number in range(FEW + SHARED_VALUE_USERS_MIN)
        for hour, event in enumerate(("Ansicht", "Kauf"))
        for again in range(10 if number < FEW else 1)
    ]  # fmt: skip
    import_all(server, made, records)
    server.wait_loaded()
    return made


def shared_report(server: Server, visit: Visit, project: Project, type: str, **question: str) -> str:
    """The page that a stranger gets of a new report."""
    fields = {"type": type, "name": "Kept", "question": urlencode(question | RANGE)}
    number = number_of(visit.post(below(project, "/reports/save"), fields))
    return look(server, share(visit, project, f"report {number}")).body.decode()


@pytest.mark.parametrize("type", CHOICES)
def test_values_that_few_users_have_are_left_out_whatever_they_are_called(
    server: Server, customers: Project, admin: Visit, type: str
) -> None:
    page = shared_report(server, admin, customers, type, **CHOICES[type], by="Tarif")
    assert "Basis" in page and "Sonder" not in page, "many events of few users are no many users"
    assert f"Values that fewer than {SHARED_VALUE_USERS_MIN} users have are left out." in page
    people = shared_report(server, admin, customers, type, **CHOICES[type], by="Kundennummer")
    assert "K-1" not in people and "A link shows no people, and each value of this report has fewer than" in people
    assert "left out" not in shared_report(server, admin, customers, type, **CHOICES[type])


def test_the_second_level_of_a_breakdown_names_nobody_either(server: Server, customers: Project, admin: Visit) -> None:
    levels = {"by": "Tarif", "by2": "Kundennummer", "compare": "before"}
    page = shared_report(server, admin, customers, "insights", event="Kauf", **levels)
    assert "K-" not in page and "Sonder" not in page
    own = admin.get(below(customers, f"/trends?{urlencode({'event': 'Kauf', **levels, **RANGE})}")).body.decode()
    assert "Basis · K-" in own, "the rule is for links alone"


def test_only_the_hash_of_a_token_is_stored(server: Server, project: Project, visit: Visit) -> None:
    number = number_of(save(visit, project, "Kept", **WEEKS))
    token = share(visit, project, f"report {number}").rpartition("/")[2]
    [link] = Saved(server.projects).all(ShareLink, project.project_id, target=f"report {number}")
    assert link.token_hash == hash_of(token)
    assert token not in visit.get(below(project, "/shares")).body.decode()


def test_a_link_is_gone_when_it_is_revoked_and_when_its_report_is_deleted(
    server: Server, project: Project, visit: Visit
) -> None:
    numbers = [number_of(save(visit, project, name, **WEEKS)) for name in ("One", "Two")]
    revoked, deleted = (share(visit, project, f"report {number}") for number in numbers)
    assert [look(server, each).status for each in (revoked, deleted)] == [200, 200]
    [link] = Saved(server.projects).all(ShareLink, project.project_id, target=f"report {numbers[0]}")
    assert visit.post(below(project, "/shares/revoke"), {"link": str(link.link_id)}).status == 303
    saved_by_api(server, project, "DELETE", f"/{numbers[1]}")
    for path in (revoked, deleted):
        assert everywhere(partial(is_gone, server, path), times=6)
    assert b"a deleted report" in visit.get(below(project, "/shares")).body


def test_a_link_is_gone_when_it_expires(server: Server, project: Project, visit: Visit) -> None:
    number = number_of(save(visit, project, "Short", **WEEKS))
    path = share(visit, project, f"report {number}")
    assert look(server, path).status == 200
    saved = Saved(server.projects)
    [link] = saved.all(ShareLink, project.project_id, target=f"report {number}")
    saved.change(ShareLink, project.project_id, link.link_id, {"expires_at_ms": int(time.time() * 1000) - 1})
    assert everywhere(partial(is_gone, server, path), times=6)
    assert b">expired " in visit.get(below(project, "/shares")).body


@pytest.mark.parametrize("how", ["role", "revoked"])
def test_a_link_is_gone_when_its_author_may_no_longer_save(server: Server, project: Project, how: str) -> None:
    author = new_account(server, {project.project_id: "analyst"})
    visit = signed_in(server, author.username, author.secret)
    path = share(visit, project, f"report {number_of(save(visit, project, 'Theirs', **WEEKS))}")
    assert look(server, path).status == 200
    if how == "role":
        accounts_of(server).add([author.account_id], {project.project_id: "consumer"})
    else:
        accounts_of(server).revoke(author.account_id)
    assert everywhere(partial(is_gone, server, path), times=6)


def test_answers_are_kept_so_that_strangers_cost_no_query(server: Server, project: Project, visit: Visit) -> None:
    number = number_of(save(visit, project, "Often", **WEEKS))
    path = share(visit, project, f"report {number}")
    asked = {re.findall(r'As of <time datetime="([^"]*)"', look(server, path).body.decode())[0] for _ in range(12)}
    assert len(asked) <= 2, "two edge processes ask once each"


def test_what_is_no_token_opens_nothing(server: Server) -> None:
    for token in ("x", "a" * 43, "a" * 2000, "..%2f..%2f", "%00"):
        reply = look(server, f"/app/shared/{token}")
        assert reply.status == 404, token
    assert dict(look(server, "/app/shared/" + "a" * 43).headers)["x-robots-tag"] == "noindex, nofollow"


def test_only_who_may_save_shares_and_only_their_own(
    server: Server, project: Project, visit: Visit, make_projects: MakeProjects, admin: Visit
) -> None:
    [other] = make_projects(1)
    theirs = number_of(save(admin, other, "Theirs", event="a"))
    share(admin, other, f"report {theirs}")
    [link] = Saved(server.projects).all(ShareLink, other.project_id)
    board = new_dashboard(admin, other, "Theirs")
    for target in (f"report {theirs}", f"dashboard {board}", "report 999999999"):
        fields = {"target": target, "expires": "7"}
        assert visit.post(below(project, "/shares/create"), fields).status == 404, target
        assert visit.get(below(project, f"/shares?target={target.replace(' ', '+')}")).status == 404, target
    assert visit.post(below(project, "/shares/revoke"), {"link": str(link.link_id)}).status == 404
    assert visit.post(below(other, "/shares/revoke"), {"link": str(link.link_id)}).status == 404
    reader = new_account(server, {project.project_id: "consumer"})
    reading = signed_in(server, reader.username, reader.secret)
    mine = number_of(save(visit, project, "Mine", **WEEKS))
    fields = {"target": f"report {mine}", "expires": "7", "link": str(link.link_id)}
    assert reading.get(below(project, "/shares")).status == 403
    for path in ("create", "revoke"):
        assert reading.post(below(project, f"/shares/{path}"), fields).status == 403
        forged = visit.send(below(project, f"/shares/{path}"), {**fields, "csrf": "x"}, ("Origin", visit.origin))
        assert forged.status == 403
    for wrong in ({"target": "user 7"}, {"target": f"report {mine}", "expires": "8"},
                  {"target": f"report {mine}", "expires": "date", "until": "2020-01-01"}):  # fmt: skip
        assert visit.post(below(project, "/shares/create"), {"expires": "7", **wrong}).status == 400, wrong
    assert Saved(server.projects).all(ShareLink, other.project_id) == [link]


def test_links_are_in_the_audit(server: Server, make_projects: MakeProjects, admin: Visit) -> None:
    [project] = make_projects(1)
    number = number_of(save(admin, project, "Kept", event="a"))
    share(admin, project, f"report {number}")
    [link] = Saved(server.projects).all(ShareLink, project.project_id)
    admin.post(below(project, "/shares/revoke"), {"link": str(link.link_id)})
    entries = server.projects.audit(2, project_id=project.project_id)
    assert [(each.name, each.action, each.subject) for each in reversed(entries)] == [
        ("admin", "link shared", f"{link.link_id} report {number}"),
        ("admin", "link revoked", f"{link.link_id} report {number}"),
    ]


@pytest.mark.parametrize("options", [{}, {"viewport": PHONE, "java_script_enabled": True}], ids=["desk", "phone"])
def test_a_link_is_made_copied_and_opened_in_a_browser(
    server: Server, windows: OpenWindow, owner: Credentials, project: Project, visit: Visit, options: dict[str, Any]
) -> None:
    board = new_dashboard(visit, project, "Board", number_of(save(visit, project, "Orders", **WEEKS)))
    window = windows(**options)
    window.take_cookies(visit.cookies)
    window.open(below(project, f"/dashboards/{board}"))
    window.follow("Share")
    window.until(lambda: "Share Board" in window.text())
    window.press("Make the link")
    window.until(lambda: window.count("#made-link") == 1)
    assert window.violations() == [] and not window.is_wider_than_screen()
    path = window.text("#made-link").removeprefix(server.url)
    stranger = windows(**options)
    stranger.open(path)
    assert "Orders" in stranger.text() and stranger.count("img.chart") == 1
    assert stranger.violations() == [] and not stranger.is_wider_than_screen()
    stranger.screenshot("shared-dashboard")
    window.press("Revoke link " + window.run("() => document.querySelector('input[name=link]').value"))
    window.until(lambda: "The link is revoked." in window.text())
    assert window.complaints == stranger.complaints == []


def test_who_guesses_tokens_keeps_no_reader_out(server: Server, project: Project, visit: Visit) -> None:
    """Each of two edge processes counts by itself."""

    def status(path: str, address: str) -> int:
        with closing(HTTPConnection("127.0.0.1", server.port, 10, source_address=(address, 0))) as connection:
            connection.request("GET", path)
            return connection.getresponse().status

    path = share(visit, project, f"report {number_of(save(visit, project, 'Read by others', **WEEKS))}")
    tokens = [hashlib.sha256(b"%d" % number).hexdigest()[:43] for number in range(2 * SHARED_GUESSES_PER_MINUTE + 1)]
    assert 429 in {status(f"/app/shared/{token}", "127.0.0.3") for token in tokens}
    assert status(path, "127.0.0.4") == 200


def test_a_client_looks_so_often_in_a_minute(server: Server) -> None:
    """Each of two edge processes counts by itself."""
    paths = ["/app/shared/x"] * (2 * SHARED_VISITS_PER_MINUTE + 2)
    assert looks_from("127.0.0.6", server, paths) == {404, 429}
