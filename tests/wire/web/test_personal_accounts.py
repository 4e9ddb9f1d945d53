"""People with accounts of their own: invited by a link, signed in by a password, with the rights of a role."""

import re

import pytest

from tests.conftest import MakeProjects
from tests.support.alerts.mail_receiver import running_mail_receiver
from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.personal_accounts import PASSWORD, new_person, people_of
from tests.support.server import Project, Server, basic, running_server
from tests.support.service_accounts import ORGANIZATION, accounts_of, everywhere, new_account
from tests.support.web.visitor import Visit, admin_password, looks_from, signed_in
from tests.wire.web.conftest import OpenWindow
from trackway.projects.roles import RIGHTS, ROLES, Right, Role
from trackway.web.limits import SHARED_GUESSES_PER_MINUTE

NAME = "Ann Lee"
OTHER = "another horse battery"
DATES = "from_date=2026-01-01&to_date=2026-01-02"


def below(project: Project, path: str = "") -> str:
    return f"/app/projects/{project.project_id}{path}"


def link_in(page: bytes) -> str:
    """The path of the link that a page shows."""
    found = re.search(r'id="made-link">http://[^/]+(/app/account-links/[A-Za-z0-9_-]{43})<', page.decode())
    assert found, page.decode()
    return found[1]


def invited(visit: Visit, project: Project, email: str, role: Role = "analyst") -> str:
    """The path of a new invitation."""
    reply = visit.post(below(project, "/settings/people/invite"), {"email": email, "role": role})
    assert reply.status == 200, reply
    return link_in(reply.body)


def submit(visit: Visit, path: str, **fields: str) -> int:
    return visit.send(path, fields, ("Origin", visit.origin)).status


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_is_invited_joins_and_signs_in(
    windows: OpenWindow, password: str, server: Server, make_projects: MakeProjects, scheme: str
) -> None:
    project, other = make_projects(2)
    email = f"ann-{scheme}-{project.project_id}@example.com"
    boss = windows(color_scheme=scheme)
    boss.sign_in("admin", password)
    boss.open(below(project, "/settings"))
    boss.fill("E-mail", email.upper())
    boss.choose("Role of the person", "analyst")
    boss.press("Invite")
    boss.until(lambda: boss.count("#made-link") == 1)
    link = boss.text("#made-link").removeprefix(server.url)
    assert boss.violations() == []
    boss.open(below(project, "/settings"))
    assert email in boss.text() and boss.count("#made-link") == 0
    boss.screenshot(f"people-{scheme}")

    ann = windows(color_scheme=scheme)
    ann.open(link)
    assert ann.violations() == [] and project.name in ann.text()
    ann.screenshot(f"join-{scheme}")
    ann.fill("Your name", NAME)
    ann.fill("Password", PASSWORD)
    ann.press("Create the account")
    ann.until(lambda: ann.path == "/app/")
    assert project.name in ann.text() and other.name not in ann.text()
    ann.press("Sign out")
    ann.until(lambda: ann.path == "/app/sign-in")
    ann.sign_in(email.upper(), PASSWORD)
    ann.open(below(project, "/events"))
    assert ann.violations() == [] and "Events" in ann.text("h1")

    boss.open(below(project, "/settings"))
    assert boss.violations() == []
    boss.press(f"Disable {email}")
    boss.until(lambda: "The account is disabled" in boss.text())

    def is_out() -> bool:
        ann.open(below(project, "/events"))
        return "/sign-in" in ann.path

    ann.until(is_out)


def test_somebody_with_an_account_accepts_signed_in(server: Server, admin: Visit, make_projects: MakeProjects) -> None:
    one, two = make_projects(2)
    ann, ben = new_person(server, {one.project_id: "consumer"}), new_person(server, {one.project_id: "owner"})
    path = invited(admin, two, ann.email)
    stranger, wrong, right = Visit(server), ben.visit(server), ann.visit(server)
    assert f'name="next" value="{path}"' in stranger.get(path).body.decode()
    assert f"signed in as {ben.email}" in wrong.get(path).body.decode()
    assert submit(stranger, path, name="x", password=PASSWORD) == 403
    assert wrong.post(path).status == 403
    assert submit(right, path, csrf="wrong") == 403
    assert right.get(below(two, "/events")).status == 404
    assert right.post(path).status == 303
    assert everywhere(lambda: right.get(below(two, "/events")).status == 200)
    assert right.get(path).status == 404


def test_a_lost_password_is_set_by_a_link(server: Server, admin: Visit, project: Project) -> None:
    ann = new_person(server, {project.project_id: "analyst"})
    before = ann.visit(server)
    path = link_in(admin.post(below(project, "/settings/people/reset"), {"username": ann.email}).body)
    visit = Visit(server)
    assert b"Choose a new password" in visit.get(path).body
    assert submit(visit, path, password="short") == 400
    assert before.get(below(project, "/settings")).status == 200
    assert submit(visit, path, password=OTHER) == 303
    assert submit(visit, path, password=PASSWORD) == 404
    assert everywhere(lambda: before.get(below(project, "/settings")).status == 303)
    assert Visit(server).sign_in(ann.email, PASSWORD).status == 403
    assert Visit(server).sign_in(ann.email, OTHER).status == 303


def test_what_is_no_name_or_password_is_refused_and_the_link_stays(
    server: Server, admin: Visit, project: Project
) -> None:
    path, visit = invited(admin, project, "x@example.com"), Visit(server)
    for name, password in (("", PASSWORD), ("Ann", ""), ("Ann", "qwertzuiopü"), ("Ann", "ä" * 200)):
        reply = visit.send(path, {"name": name, "password": password}, ("Origin", visit.origin))
        assert reply.status == 400 and b"Not done" in reply.body
        assert not password or password.encode() not in reply.body
    assert submit(visit, path, name="Ann", password=PASSWORD) == 303
    assert visit.get(below(project, "/events")).status == 200


def test_forms_of_a_link_come_from_its_page(server: Server, admin: Visit, project: Project) -> None:
    path, visit = invited(admin, project, "y@example.com"), Visit(server)
    fields, own = {"name": "Ann", "password": PASSWORD}, ("Origin", visit.origin)
    ways = [[], [("Origin", "https://example.com")], [own, ("Sec-Fetch-Site", "cross-site")]]
    assert [visit.send(path, fields, *headers).status for headers in ways] == [403] * 3
    assert visit.get(path).status == 200


def test_a_link_is_found_by_no_search_engine_and_named_to_no_other_site(
    server: Server, admin: Visit, project: Project
) -> None:
    for path in (invited(admin, project, "z@example.com"), f"/app/account-links/{'A' * 43}"):
        reply = Visit(server).get(path)
        assert reply.header("x-robots-tag") == "noindex, nofollow" and reply.header("cache-control") == "no-store"
        assert reply.header("referrer-policy") == "same-origin"


def test_a_password_of_a_person_opens_no_api(server: Server, project: Project) -> None:
    ann = new_person(server, {project.project_id: "owner"})
    program = new_account(server, {project.project_id: "owner"})
    for name in (ann.email, ann.email.upper()):
        for path in (f"/api/2.0/export?project_id={project.project_id}&{DATES}", ORGANIZATION):
            reply = server.ask(Request("GET", path, (basic(name, ann.password),)))
            assert (reply.status, b"Not a valid service account username" in reply.body) == (401, True)
    listed = server.ask(Request("GET", ORGANIZATION, (program.basic,)))
    assert listed.status == 200 and ann.email.encode() not in listed.body
    assert server.ask(Request("GET", f"{ORGANIZATION}/{program.account_id}", (program.basic,))).status == 200
    assert server.ask(Request("GET", f"{ORGANIZATION}/{ann.account_id}", (program.basic,))).status == 404
    assert server.ask(Request("DELETE", f"{ORGANIZATION}/{ann.account_id}", (program.basic, JSON))).status == 404


PAGES = [
    ("/events", Right.EXPORT),
    ("/users", Right.PROFILES),
    ("/trends", Right.REPORTS),
    ("/alerts", Right.ALERTS),
    ("/erasures", Right.ERASE),
    ("/audit", Right.AUDIT),
    ("/settings", Right.LIMITS),
]
FORMS = [
    ("/settings/people/invite", {"email": "no@example.com", "role": "consumer"}),
    ("/settings/people/reset", {}),
    ("/settings/people/role", {"role": "consumer"}),
    ("/settings/people/remove", {}),
    ("/settings/people/disable", {}),
    ("/settings/people/enable", {}),
    ("/settings/people/factor", {}),
    ("/settings/people/revoke", {"invitation": "999999"}),
    ("/settings/accounts/create", {"name": "n", "role": "owner"}),
    ("/settings/keys/show", {"kind": "secret"}),
    ("/settings/archive", {}),
]
OF_ADMINS = ("/settings/people/invite", "/settings/keys/show")
"""Those of them that an admin of the project may send, too, since an owner's role is not an admin's to take."""


@pytest.mark.parametrize("role", ROLES)
def test_a_person_sees_and_changes_what_the_role_allows(
    server: Server, make_projects: MakeProjects, role: Role
) -> None:
    mine, theirs = make_projects(2)
    ann = new_person(server, {mine.project_id: role})
    owner, stranger = new_person(server, {mine.project_id: "owner"}), new_person(server, {theirs.project_id: "analyst"})
    visit = ann.visit(server)
    for path, right in PAGES:
        assert visit.get(below(mine, path)).status == (200 if right in RIGHTS[role] else 403), path
        assert visit.get(below(theirs, path)).status == 404, path
    shown = visit.get("/app/").body.decode()
    assert mine.name in shown and theirs.name not in shown
    assert visit.get("/app/audit").status == 404
    for path, fields in FORMS:
        assert visit.post(below(theirs, path), {"username": stranger.email, **fields}).status == 404, path
        if role == "owner":
            continue
        allowed = (200, 303) if role == "admin" and path in OF_ADMINS else (403, 404)
        assert visit.post(below(mine, path), {"username": owner.email, **fields}).status in allowed, path
        assert visit.post(below(mine, path), {"username": stranger.email, **fields}).status in (*allowed, 404), path
    assert people_of(server).one(stranger.account_id).roles == {theirs.project_id: "analyst"}
    assert people_of(server).one(owner.account_id).roles == {mine.project_id: "owner"}
    assert not people_of(server).one(owner.account_id).expires_at_ms
    assert accounts_of(server).of_project(theirs.project_id) == []
    assert not any(theirs.project_id in each.roles for each in people_of(server).links())


def test_an_owner_finds_nobody_of_another_project(server: Server, make_projects: MakeProjects) -> None:
    mine, theirs = make_projects(2)
    visit = new_person(server, {mine.project_id: "owner"}).visit(server)
    stranger = new_person(server, {theirs.project_id: "analyst"})
    both = new_person(server, {mine.project_id: "analyst", theirs.project_id: "analyst"})
    for path in ("reset", "role", "remove", "disable", "enable"):
        fields = {"username": stranger.email, "role": "consumer"}
        assert visit.post(below(mine, f"/settings/people/{path}"), fields).status == 404, path
    for path in ("reset", "disable", "enable"):
        assert visit.post(below(mine, f"/settings/people/{path}"), {"username": both.email}).status == 403, path
    assert people_of(server).one(both.account_id).expires_at_ms is None


def test_somebody_of_another_project_gets_no_role_without_accepting_it(
    server: Server, admin: Visit, make_projects: MakeProjects
) -> None:
    one, two = make_projects(2)
    ann = new_person(server, {one.project_id: "analyst"})
    owner = new_person(server, {one.project_id: "owner", two.project_id: "owner"}).visit(server)
    fields = {"username": ann.email, "role": "consumer"}
    for visit in (owner, admin):
        assert visit.post(below(two, "/settings/people/role"), fields).status == 404
    assert people_of(server).one(ann.account_id).roles == {one.project_id: "analyst"}
    assert owner.post(below(one, "/settings/people/role"), fields).status == 303
    assert people_of(server).one(ann.account_id).roles == {one.project_id: "consumer"}


def test_an_owner_changes_the_own_password_with_the_present_one_alone(server: Server, project: Project) -> None:
    ann = new_person(server, {project.project_id: "owner"})
    visit = ann.visit(server)
    page = visit.get(below(project, "/settings")).body.decode()
    assert f"Make a link with which {ann.email}" not in page
    for path in ("reset", "factor"):
        reply = visit.post(below(project, f"/settings/people/{path}"), {"username": ann.email})
        assert reply.status == 403 and b"this is your own account" in reply.body, path
    assert Visit(server).sign_in(ann.email, ann.password).status == 303


def test_an_unknown_address_looks_like_a_wrong_password(server: Server, project: Project) -> None:
    ann = new_person(server, {project.project_id: "analyst"})
    disabled = new_person(server, {project.project_id: "analyst"})
    people_of(server).disable(disabled.account_id)
    tries = [(ann.email, OTHER), ("nobody@example.com", OTHER), (disabled.email, disabled.password)]
    replies = [Visit(server).sign_in(*each) for each in tries]
    assert {each.status for each in replies} == {403}
    assert len({each.body.replace(name.encode(), b"") for each, (name, _) in zip(replies, tries, strict=True)}) == 1


def test_a_password_begins_and_ends_as_it_was_chosen(server: Server, admin: Visit, project: Project) -> None:
    path, visit = invited(admin, project, "space@example.com"), Visit(server)
    assert submit(visit, path, name="Ann", password="  correct horse  ") == 303
    assert Visit(server).sign_in("space@example.com", "  correct horse  ").status == 303
    assert Visit(server).sign_in("space@example.com", "correct horse").status == 403


def test_programs_and_the_admin_are_advised_to_have_an_account(server: Server, admin: Visit, project: Project) -> None:
    program, as_program = new_account(server, {project.project_id: "owner"}), Visit(server)
    as_program.sign_in(program.username, program.secret)
    as_person = new_person(server, {project.project_id: "owner"}).visit(server)
    advised = [b"An account of your own" in visit.get("/app/").body for visit in (admin, as_program, as_person)]
    assert advised == [True, True, False]


def test_an_invitation_is_mailed_where_mail_is_set_up(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_mail_receiver() as receiver:
        options = ["--smtp-url", f"smtp://127.0.0.1:{receiver.port}", "--smtp-from", "trackway@example.com"]
        with running_server(tmp_path_factory.mktemp("mail") / "data", *options) as server:
            visit = signed_in(server, "admin", admin_password(server))
            fields = {"email": "ann@example.com", "role": "analyst"}
            reply = visit.post(below(server.project, "/settings/people/invite"), fields)
            assert b"It was mailed to ann@example.com." in reply.body
            [arrived] = receiver.wait(1)
            assert arrived.message["Subject"] == "admin invites you"
            mailed = re.search(r"/app/account-links/\S{43}", arrived.message.get_content())
            assert mailed and Visit(server).get(mailed[0]).status == 200
            assert b"account-links" not in reply.body, "its author does not open it"


def test_who_tries_links_is_slowed_down(server: Server) -> None:
    paths = (f"/app/account-links/{number:043}" for number in range(16 * SHARED_GUESSES_PER_MINUTE))
    assert looks_from("127.0.0.5", server, paths) == {404, 429}
