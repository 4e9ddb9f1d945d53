"""Projects are described, archived, taken up and deleted on their settings page; the list shows how lively they are."""

import json
import re
import time
from functools import partial
from html import unescape
from urllib.parse import urlencode

import pytest

from tests.conftest import MakeProjects
from tests.support.http.encodings import JSON
from tests.support.http.events import import_all, record, track
from tests.support.http.exchange import Reply, Request
from tests.support.reports import ask_report
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import ORGANIZATION, Credentials, ask_json, everywhere, new_account
from tests.support.web.saved import below, new_dashboard, number_of, save
from tests.support.web.visitor import HTML, Visit, signed_in
from tests.wire.web.conftest import OpenWindow


@pytest.fixture
def project(make_projects: MakeProjects) -> Project:
    return make_projects(1)[0]


@pytest.fixture
def owner(server: Server, project: Project) -> Credentials:
    return new_account(server, {project.project_id: "owner"})


def listed(visit: Visit, name: str) -> list[str]:
    """The cells of a project's row in the list."""
    page = visit.get(f"/app/?{urlencode({'search': name})}").body.decode()
    rows = [row for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL) if name in unescape(row)]
    cells = [cell for row in rows for cell in re.findall("<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)]
    return [" ".join(unescape(re.sub("<[^>]*>", " ", cell)).split()) for cell in cells]


def sent(server: Server, project: Project) -> int:
    """How many of one event are accepted."""
    reply = server.ask(Request("POST", "/track?verbose=1", (JSON,), json.dumps([record(project, "a")]).encode()))
    return int(json.loads(reply.body).get("status", 0)) if reply.status == 200 else 0


def imported(server: Server, project: Project, *credentials: tuple[str, str]) -> Reply:
    target = f"/import?strict=1&project_id={project.project_id}"
    body = json.dumps([record(project, "a", insert_id="i", time=int(time.time()))]).encode()
    return server.ask(Request("POST", target, (JSON, *credentials), body))


def test_the_list_shows_the_events_of_the_last_day_and_the_last_one(
    server: Server, project: Project, owner: Credentials
) -> None:
    visit = signed_in(server, owner.username, owner.secret)
    assert listed(visit, project.name)[-2:] == ["0", "none yet"]
    before_s = time.time()
    track(server, [record(project, "a", insert_id="1"), record(project, "b", insert_id="2")])
    import_all(server, project, [record(project, "old", insert_id="3", time=1_600_000_000)])
    server.ask(
        Request(
            "POST", "/engage", (JSON,), json.dumps({"$token": project.token, "$distinct_id": "u", "$set": {}}).encode()
        )
    )
    server.wait_loaded()
    events, latest = listed(visit, project.name)[-2:]
    assert events == "3"
    shown_s = time.mktime(time.strptime(latest, "%Y-%m-%d %H:%M:%S UTC")) - time.timezone
    assert before_s - 60 <= shown_s <= time.time()


def test_a_project_is_described_and_renamed(
    server: Server, windows: OpenWindow, project: Project, owner: Credentials
) -> None:
    window, name = windows(), f"{project.name} <b>2</b>"
    window.take_cookies(signed_in(server, owner.username, owner.secret).cookies)
    window.open(below(project, "/settings"))
    window.fill("Name of the project", name)
    window.fill("Description", "What we <i>sell</i>")
    window.press("Change the name")
    window.until(lambda: "The name and the description were changed." in window.text())
    assert window.text(".project-name") == name and "What we <i>sell</i>" in window.text()
    assert window.violations() == [] and window.complaints == []
    visit = signed_in(server, owner.username, owner.secret)
    taken = visit.post(below(project, "/settings/describe"), {"name": server.project.name, "description": ""})
    assert (taken.status, b"is taken" in taken.body) == (400, True)
    assert server.projects.named(name).description == "What we <i>sell</i>"


@pytest.mark.parametrize("javascript", [True, False])
def test_an_archived_project_takes_nothing_until_it_is_taken_up(
    server: Server, windows: OpenWindow, project: Project, owner: Credentials, javascript: bool
) -> None:
    window = windows(java_script_enabled=javascript)
    visit = signed_in(server, owner.username, owner.secret)
    number = number_of(save(visit, project, "Kept", event="a"))
    window.take_cookies(visit.cookies)
    window.open(below(project, "/settings"))
    assert sent(server, project) == 1
    window.press("Archive the project")
    window.until(lambda: "It takes nothing any more." in window.text())
    assert "This project is archived" in window.text()
    assert not window.count("text=Replace the token") and not window.count("text=Change the name")
    unknown = server.ask(
        Request("POST", "/track?verbose=1", (JSON,), json.dumps([record(project, "a", token="f" * 32)]).encode())
    )

    def answers_as_unknown() -> bool:
        reply = server.ask(Request("POST", "/track?verbose=1", (JSON,), json.dumps([record(project, "a")]).encode()))
        return (reply.status, reply.body) == (unknown.status, unknown.body)

    assert everywhere(answers_as_unknown)
    for key in (project.secret, project.token):
        assert everywhere(lambda key=key: imported(server, project, basic(key)).status == 401)  # type: ignore[misc]
    assert everywhere(lambda: ask_report(server, project, "events/names").status == 401)
    refused = imported(server, project, owner.basic)
    assert refused.status == 403 and b"this project is archived" in refused.body
    reading = server.ask(Request("GET", f"/api/query/events/names?project_id={project.project_id}", (owner.basic,)))
    assert reading.status == 200
    assert "Saved report" in visit.get(below(project, f"/trends?event=a&report={number}")).body.decode()
    assert "Keep this report" not in visit.get(below(project, f"/trends?event=a&report={number}")).body.decode()
    for path, fields in (
        ("/reports/save", {"type": "insights", "name": "n", "question": "event=a"}),
        (f"/reports/{number}/delete", {}),
        ("/settings/describe", {"name": "n"}),
        ("/settings/keys/replace", {"kind": "token", "overlap": "0"}),
        ("/events/test", {}),
    ):
        reply = visit.post(below(project, path), fields)
        assert (reply.status, b"archived" in reply.body) == (403, True), path
    change = Request(
        "PATCH", f"/api/app/projects/{project.project_id}", (JSON, owner.basic), b'{"time_zone":"Asia/Tokyo"}'
    )
    unchanged = server.ask(change)
    assert (unchanged.status, b"archived" in unchanged.body) == (403, True)
    assert "archived" in " ".join(listed(visit, project.name))
    window.open(below(project, "/settings"))
    if javascript:
        assert window.violations() == [] and not window.is_wider_than_screen()
    window.press("Take the project up again")
    window.until(lambda: "The project takes events again" in window.text())
    assert everywhere(lambda: sent(server, project) == 1)
    assert imported(server, project, basic(project.secret)).status == 200
    assert window.complaints == []


def test_links_of_an_archived_project_are_revoked(server: Server, project: Project, owner: Credentials) -> None:
    visit = signed_in(server, owner.username, owner.secret)
    target = f"report {number_of(save(visit, project, 'Kept', event='a'))}"
    shared = visit.post(below(project, "/shares/create"), {"target": target, "expires": "7"})
    found = re.search(r'id="made-link">http://[^/<]*([^<]*)<', shared.body.decode())
    assert found
    assert visit.post(below(project, "/settings/archive")).status == 303
    assert everywhere(lambda: not sent(server, project))
    assert server.ask(Request("GET", found[1], (HTML,))).status == 200
    assert b"Shared links" in visit.get(below(project, "/reports")).body
    page = visit.get(below(project, f"/shares?{urlencode({'target': target})}")).body.decode()
    assert "Make the link" not in page
    number = re.search(r'name="link" value="([0-9]+)"', page)
    assert number
    assert visit.post(below(project, "/shares/create"), {"target": target, "expires": "7"}).status == 403
    assert visit.post(below(project, "/shares/revoke"), {"link": number[1]}).status == 303
    assert everywhere(lambda: server.ask(Request("GET", found[1], (HTML,))).status == 404)


def test_members_of_an_archived_project_are_as_the_page_and_the_api_say_alike(
    server: Server, project: Project, owner: Credentials, windows: OpenWindow
) -> None:
    visit = signed_in(server, owner.username, owner.secret)
    member, leaked = (new_account(server, {project.project_id: "consumer"}) for _ in range(2))
    assert visit.post(below(project, "/settings/archive")).status == 303
    given = {"projects": [{"id": project.project_id, "role": "analyst"}], "service_account_ids": [member.account_id]}
    taken = {"projects": [{"id": project.project_id, "service_account_ids": [member.account_id]}]}
    created = {"username": "new", "role": "consumer", "projects": [{"id": project.project_id}]}
    for below_accounts, body in (("/add-to-project", given), ("/remove-from-project", taken), ("", created)):
        reply = ask_json(server, "POST", ORGANIZATION + below_accounts, owner, body)
        assert (reply.status, b"archived" in reply.body) == (403, True), below_accounts
    for path, fields in (("role", {"role": "analyst"}), ("remove", {}), ("create", {"name": "n", "role": "consumer"})):
        reply = visit.post(below(project, f"/settings/accounts/{path}"), {"username": member.username, **fields})
        assert (reply.status, b"archived" in reply.body) == (403, True), path
    window = windows()
    window.take_cookies(visit.cookies)
    window.open(below(project, "/settings"))
    page = window.text()
    assert member.username in page and "Create a service account" not in page and "Remove" not in page
    assert window.violations() == []
    window.press(f"Revoke {leaked.username}")
    window.until(lambda: "The account was revoked" in window.text())
    assert member.username in window.text() and leaked.username not in window.text()
    assert ask_json(server, "DELETE", f"{ORGANIZATION}/{member.account_id}", owner).status == 200


def test_a_deleted_project_is_gone_for_all(
    server: Server, windows: OpenWindow, project: Project, owner: Credentials, admin: Visit
) -> None:
    visit = signed_in(server, owner.username, owner.secret)
    board = new_dashboard(visit, project, "Board", number_of(save(visit, project, "Kept", event="a")))
    shared = visit.post(below(project, "/shares/create"), {"target": f"dashboard {board}", "expires": "7"})
    found = re.search(r'id="made-link">http://[^/<]*([^<]*)<', shared.body.decode())
    assert found and server.ask(Request("GET", found[1], (HTML,))).status == 200
    window = windows()
    window.take_cookies(visit.cookies)
    window.open(below(project, "/settings"))
    window.fill("Type the name of the project", "another")
    window.press("Delete the project")
    window.until(lambda: "type the name of the project as it is" in window.text())
    window.fill("Type the name of the project", project.name)
    window.press("Delete the project")
    window.until(lambda: window.path == "/app/" and "You are in no project" in window.text())
    assert window.asked == ["Delete this project for good?"] * 2

    def is_gone(visitor: Visit) -> bool:
        return visitor.get(below(project, "/settings")).status == 404

    for visitor in (visit, admin):
        assert everywhere(partial(is_gone, visitor))
    assert project.name not in admin.get(f"/app/?{urlencode({'search': project.name})}").body.decode().replace(
        f'value="{project.name}"', ""
    )
    assert everywhere(lambda: imported(server, project, basic(project.secret)).status == 401)
    assert imported(server, project, owner.basic).status == 401
    assert everywhere(lambda: sent(server, project) == 0)
    assert everywhere(lambda: server.ask(Request("GET", found[1], (HTML,))).status == 404)
    [entry] = [each for each in server.projects.audit(5, project_id=project.project_id) if "deleted" in each.action]
    assert (entry.name, entry.action, entry.subject) == (owner.username, "project deleted", project.name)


def test_only_an_owner_ends_a_project(server: Server, project: Project, owner: Credentials, admin: Visit) -> None:
    helper = new_account(server, {project.project_id: "admin"})
    visit = signed_in(server, helper.username, helper.secret)
    page = visit.get(below(project, "/settings")).body.decode()
    assert "Change the name" in page and "End of the project" not in page
    mine = signed_in(server, owner.username, owner.secret)
    for path in ("archive", "take-up", "delete"):
        fields = {"name": project.name}
        assert visit.post(below(project, f"/settings/{path}"), fields).status == 403, path
        forged = mine.send(below(project, f"/settings/{path}"), {**fields, "csrf": "x"}, ("Origin", mine.origin))
        assert forged.status == 403, path
    elsewhere = new_account(server, {server.project.project_id: "owner"})
    stranger = signed_in(server, elsewhere.username, elsewhere.secret)
    assert stranger.post(below(project, "/settings/delete"), {"name": project.name}).status == 404
    assert not server.projects.named(project.name).is_archived
