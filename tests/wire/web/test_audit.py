"""The page of the audit: what everybody did, for those whose business it is, and nobody's secrets."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic, running_server
from tests.support.service_accounts import ORGANIZATION, Credentials, new_account
from tests.support.waiting import wait_until
from tests.support.web.visitor import Visit, admin_password, signed_in
from trackway.projects.database import ProjectsDatabase

VISIBLE_TIMEOUT_S = 30
CLIENT = "203.0.113.77"
FORWARDED = ("X-Forwarded-For", CLIENT)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server behind a trusted proxy."""
    place = tmp_path_factory.mktemp("audit") / "data"
    with running_server(place, "--workers", "2", "--trusted-proxies", "127.0.0.1", "--log-format", "json") as server:
        yield server


@pytest.fixture(scope="module")
def admin(watched: Server) -> Visit:
    return signed_in(watched, "admin", admin_password(watched))


def rows(visit: Visit, project: Project | None = None) -> list[list[str]]:
    """The entries that the visitor sees, newest first: the texts of their cells after the time."""
    page = visit.get(f"/app/projects/{project.project_id}/audit" if project else "/app/audit")
    assert page.status == 200, page
    found = re.findall(r"<tr>\s*<td\b.*?</tr>", page.body.decode(), re.DOTALL)
    return [re.findall(r"<td\b[^>]*>(.*?)</td>", each, re.DOTALL)[1:] for each in found]


def wait_for(visit: Visit, wanted: list[str], project: Project | None = None) -> None:
    wait_until(
        lambda: wanted in rows(visit, project), VISIBLE_TIMEOUT_S, lambda: f"{wanted} not in {rows(visit, project)}"
    )


def owner_of(server: Server, *projects: Project) -> Credentials:
    return new_account(server, dict.fromkeys((each.project_id for each in projects), "owner"))


def test_sign_ins_and_what_is_done_on_pages_are_kept_with_the_address_behind_the_proxy(watched: Server) -> None:
    project, (member, stranger) = watched.create_project(), (Visit(watched), Visit(watched))
    owner = owner_of(watched, project)
    origin = ("Origin", member.origin)
    for _ in range(3):
        wrong = {"name": owner.username, "secret": "wrong-secret"}
        assert member.send("/app/sign-in", wrong, origin, FORWARDED).status == 403
    assert stranger.send("/app/sign-in", {"name": "typed-secret", "secret": "x"}, origin, FORWARDED).status == 403
    right = {"name": owner.username, "secret": owner.secret}
    assert member.send("/app/sign-in", right, origin, FORWARDED).status == 303
    settings = f"/app/projects/{project.project_id}/settings"
    assert member.post(f"{settings}/keys/show", {"kind": "secret"}, FORWARDED).status == 200
    assert member.post(f"{settings}/keys/replace", {"kind": "token", "overlap": "1h"}, FORWARDED).status == 303
    assert member.post(f"{settings}/limits", {"export_concurrent_max": "3"}, FORWARDED).status == 303
    made = member.post(f"{settings}/accounts/create", {"name": "Ben", "role": "analyst"}, FORWARDED)
    [username] = set(re.findall(r"Ben\.\w+\.mp-service-account", made.body.decode()))
    wait_for(member, [owner.username, "account created", f"{username}: analyst", CLIENT], project)
    wait_for(member, [owner.username, "sign-in refused, 3 times", "", CLIENT], project)
    found = rows(member, project)
    for what in (["signed in", ""], ["key shown", "secret"], ["limits changed", "export_concurrent_max is 3"]):
        assert [owner.username, *what, CLIENT] in found
    assert [owner.username, "key replaced", "token, the old one ends after 3600 s", CLIENT] in found
    page = member.get(f"/app/projects/{project.project_id}/audit").body.decode()
    assert not any(word in page for word in ("typed-secret", "wrong-secret", owner.secret, project.secret))
    assert member.post("/app/sign-out", {}, FORWARDED).status == 303


def test_what_is_done_over_the_api_is_kept(watched: Server) -> None:
    project = watched.create_project()
    owner = owner_of(watched, project)
    visit, number = signed_in(watched, owner.username, owner.secret), project.project_id
    created = {"username": "Cat", "projects": [{"id": number, "role": "consumer"}]}
    requests = [
        Request("POST", ORGANIZATION, (JSON, FORWARDED, owner.basic), json.dumps(created).encode()),
        Request("POST", "/lookup-tables?name=places", (FORWARDED, basic(project.secret))),
        Request(
            "POST",
            f"/api/app/identity/unlink?project_id={number}",
            (JSON, FORWARDED, owner.basic),
            b'{"id":"some-id","reason":"test"}',
        ),
    ]
    replies = [watched.ask(each) for each in requests]
    assert [each.status for each in replies] == [201, 200, 200], replies
    table_id = json.loads(replies[1].body)["results"][0]["id"]
    for method, body in (("PUT", b"id,a\n1,2\n"), ("DELETE", b"")):
        target = f"/lookup-tables/{table_id}?project_id={number}"
        assert watched.ask(Request(method, target, (FORWARDED, owner.basic), body)).status == 200
    wrong = Request("GET", f"/api/app/rate-limits?project_id={number}", (FORWARDED, basic(owner.username, "wrong")))
    assert watched.ask(wrong).status == 401
    wait_for(visit, [owner.username, "credentials refused", "", CLIENT], project)
    found = rows(visit, project)
    for who, what, about in (
        ("project secret", "lookup table created", f"{table_id} places"),
        (owner.username, "lookup table replaced", table_id),
        (owner.username, "lookup table deleted", table_id),
        (owner.username, "id unlinked", "some-id"),
    ):
        assert [who, what, about, CLIENT] in found
    assert any(who == owner.username and what == "account created" for who, what, *_ in found)


def test_no_project_sees_what_is_done_in_another_and_only_owners_see_anything(watched: Server, admin: Visit) -> None:
    ours, theirs = watched.create_project(), watched.create_project()
    us, them = owner_of(watched, ours), owner_of(watched, theirs)
    manager = new_account(watched, {ours.project_id: "admin"})
    visit, other = signed_in(watched, us.username, us.secret), signed_in(watched, them.username, them.secret)
    assert other.post(f"/app/projects/{theirs.project_id}/settings/keys/show", {"kind": "token"}).status == 200
    wait_for(other, [them.username, "key shown", "token", "127.0.0.1"], theirs)
    assert not any(them.username in cell for row in rows(visit, ours) for cell in row)
    assert visit.get(f"/app/projects/{theirs.project_id}/audit").status == 404
    assert visit.get("/app/audit").status == 404
    audit = f"/app/projects/{ours.project_id}/audit"
    assert signed_in(watched, manager.username, manager.secret).get(audit).status == 403
    wait_for(admin, [them.username, "key shown", theirs.name, "token", "127.0.0.1"])
    assert any(row[:2] == ["admin", "signed in"] for row in rows(admin))
    assert 'href="/app/audit"' in admin.get("/app/").body.decode()


def test_the_log_channel_tells_the_same(watched: Server) -> None:
    project = watched.create_project()
    owner = owner_of(watched, project)
    visit = signed_in(watched, owner.username, owner.secret)
    visit.post(f"/app/projects/{project.project_id}/settings/keys/show", {"kind": "token"}, FORWARDED)

    def logged() -> list[dict[str, object]]:
        lines = (watched.data_dir / "serve.log").read_text().splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [each for each in found if each["logger"] == "audit" and each["who"] == owner.username]

    wait_until(lambda: len(logged()) == 2, VISIBLE_TIMEOUT_S, lambda: str(logged()))
    told = [(each["event"], each["address"], each.get("project_id"), each["subject"]) for each in logged()]
    assert told == [("signed in", "127.0.0.1", None, ""), ("key shown", CLIENT, project.project_id, "token")]


def test_what_was_done_right_before_the_end_is_kept(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", "--workers", "1") as server:
        password = admin_password(server)
        assert Visit(server).sign_in("admin", "wrong").status == 403
        signed_in(server, "admin", password)
    entries = ProjectsDatabase(tmp_path / "data" / "projects.db").audit(2)
    assert {each.action for each in entries} == {"signed in", "sign-in refused"}
