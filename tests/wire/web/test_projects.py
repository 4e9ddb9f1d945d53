"""The list of projects: what each visitor finds there, and how a new one is made."""

import re
import uuid

import pytest
from sqlalchemy import insert, literal, select

from tests.support.server import Project, Server
from tests.support.service_accounts import new_account
from tests.support.web.visitor import Visit, signed_in
from tests.wire.web.conftest import OpenWindow
from trackway.projects.tables.accounts import accounts, memberships
from trackway.web.limits import PROJECTS_UNSEARCHED_MAX, WEB_ROWS_MAX


@pytest.mark.parametrize("javascript", [True, False])
def test_admin_makes_a_project_and_is_there(
    windows: OpenWindow, password: str, server: Server, javascript: bool
) -> None:
    window, name = windows(java_script_enabled=javascript), f"Shop <b>{uuid.uuid4().hex}</b> & söhne"
    window.sign_in("admin", password)
    window.fill("Name", name)
    window.choose("Identity mode", "original")
    window.press("Create")
    window.until(lambda: "/projects/" in window.path)
    made = server.projects.named(name)
    assert (made.identity_mode, made.region) == ("original", "us")
    assert window.text(".project-name") == name
    assert window.path.startswith(f"/app/projects/{made.project_id}/")


def test_names_that_cannot_be_are_refused_on_the_page(admin: Visit, project: Project) -> None:
    for name, reason in ((project.name, "is taken"), ("", "1 to 255 characters"), ("a" * 256, "1 to 255 characters")):
        reply = admin.post("/app/projects", {"name": name, "identity_mode": "simplified"})
        assert (reply.status, reason in reply.body.decode()) == (400, True)
    assert admin.post("/app/projects", {"name": "a", "identity_mode": "b"}).status == 400


def test_accounts_see_their_projects_and_make_none(server: Server, project: Project) -> None:
    account = new_account(server, {project.project_id: "owner"})
    visit = signed_in(server, account.username, account.secret)
    page = visit.get("/app/").body.decode()
    assert project.name in page and "owner" in page
    assert "Create a project" not in page and server.project.name not in page
    assert visit.post("/app/projects", {"name": "Mine", "identity_mode": "simplified"}).status == 403
    lonely = new_account(server, {})
    assert "You are in no project" in signed_in(server, lonely.username, lonely.secret).get("/app/").body.decode()


def test_many_projects_are_searched_by_their_name(server: Server, windows: OpenWindow) -> None:
    database, mark = server.projects, uuid.uuid4().hex
    made = [database.create(f"{mark} Shop <b>{number}</b> ÜBER", "us") for number in range(PROJECTS_UNSEARCHED_MAX + 1)]
    few = new_account(server, {each.project_id: "owner" for each in made[1:]})
    assert "Name contains" not in signed_in(server, few.username, few.secret).get("/app/").body.decode()
    many = new_account(server, {each.project_id: "owner" for each in made})
    window = windows()
    window.sign_in(many.username, many.secret)
    assert len(window.texts("tbody tr")) == len(made)
    window.fill("Name contains", "shop <b>7</b> über")
    window.press("Search")
    window.until(lambda: window.texts("tbody th") == [made[7].name])
    assert window.violations() == []
    window.fill("Name contains", server.project.name)
    window.press("Search")
    window.until(lambda: "No project of yours has a name like that." in window.text())
    assert window.violations() == []
    window.follow("All projects")
    window.until(lambda: len(window.texts("tbody tr")) == len(made))
    assert window.complaints == []


def test_project_of_another_region_says_where_its_data_is(server: Server, admin: Visit) -> None:
    elsewhere = server.create_project(region="eu")
    page = admin.get(f"/app/projects/{elsewhere.project_id}/settings").body.decode()
    assert "lives in the region <b>eu</b>; this server is in <b>us</b> and holds none of it" in page


def test_a_page_shows_the_first_of_very_many(server: Server, admin: Visit) -> None:
    project = server.create_project(f"crowd {uuid.uuid4().hex}")
    with server.projects.changing() as change:
        change.note()
        rows = [
            {"username": f"{project.name}.{n}.mp-service-account", "secret_hash": "x", "created_at_ms": 0}
            for n in range(WEB_ROWS_MAX + 7)
        ]
        change.connection.execute(insert(accounts), rows)
        ours = select(accounts.c.account_id, literal(project.project_id), literal("consumer")).where(
            accounts.c.username.startswith(project.name)
        )
        change.connection.execute(insert(memberships).from_select(["account_id", "project_id", "role"], ours))
    page = admin.get(f"/app/projects/{project.project_id}/settings").body.decode()
    assert len(re.findall(r'<th[^>]* scope="row"><code>', page)) == WEB_ROWS_MAX
    assert "These are the first 500 of 507." in page
