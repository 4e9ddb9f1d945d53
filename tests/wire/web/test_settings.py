"""The settings page of a project, in the browser and without: keys, service accounts, limits, and who may do what."""

import re

import pytest

from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.sdk.browser import Chromium
from tests.support.server import Project, Server, basic, running_server
from tests.support.service_accounts import accounts_of, new_account
from tests.support.web.browser_window import PHONE, Window, open_window
from tests.support.web.visitor import Visit, admin_password, signed_in
from tests.wire.web.conftest import OpenWindow

FORMS = [
    ("/keys/show", {"kind": "secret"}),
    ("/keys/replace", {"kind": "secret", "overlap": "1h"}),
    ("/limits", {"import_requests_per_hour": "1"}),
    ("/time-zone", {"time_zone": "Asia/Tokyo", "week_start": "sunday"}),
    ("/retention", {"event_retention": "30"}),
    ("/accounts/create", {"name": "a", "role": "consumer"}),
    ("/accounts/role", {"username": "a", "role": "consumer"}),
    ("/accounts/remove", {"username": "a"}),
    ("/accounts/revoke", {"username": "a"}),
    ("/describe", {"name": "a"}),
    ("/archive", {}),
    ("/take-up", {}),
    ("/delete", {"name": "a"}),
]


def path_of(project: Project, below: str = "") -> str:
    return f"/app/projects/{project.project_id}/settings{below}"


def stored(server: Server, project: Project) -> tuple[str, str, dict[str, int], str, str]:
    """Token, secret, own settings, time zone and week start as they are in the database."""
    found = server.projects.named(str(project.project_id))
    return found.token, found.secret, dict(found.settings), found.time_zone, found.week_start


@pytest.mark.parametrize("javascript", [True, False])
def test_keys_are_shown_when_asked_for(windows: OpenWindow, password: str, project: Project, javascript: bool) -> None:
    window = windows(java_script_enabled=javascript)
    window.sign_in("admin", password)
    window.open(path_of(project))
    content = window.wait(window.page.content())
    assert project.token not in content
    assert project.secret not in content
    window.press("Show the token")
    assert window.text("#token-value") == project.token
    window.press("Show the secret")
    assert window.text("#secret-value") == project.secret
    assert window.complaints == []


def test_key_is_copied_by_a_button(windows: OpenWindow, password: str, project: Project) -> None:
    window = windows(permissions=["clipboard-read", "clipboard-write"])
    window.sign_in("admin", password)
    window.open(path_of(project))
    window.press("Show the token")
    window.press("Copy token")
    window.until(lambda: window.count(".copied") == 1)
    assert window.run("() => navigator.clipboard.readText()") == project.token


def test_replaced_token_is_valid_beside_the_new_one(window: Window, server: Server, project: Project) -> None:
    window.open(path_of(project))
    window.wait(
        window.find(
            "summary",
        )
        .filter(has_text="Replace the token")
        .click()
    )
    window.press("Replace the token")
    window.until(lambda: "The token was replaced" in window.text())
    assert window.asked == ["Replace the token of this project?"]
    assert f"begins with {project.token[:6]} is valid until" in window.text()
    window.press("Show the token")
    new = window.text("#token-value")
    assert new == stored(server, project)[0] != project.token
    for token in (project.token, new):
        body = b'{"event":"a","properties":{"token":"%s","distinct_id":"u"}}' % token.encode()
        assert server.ask(Request("POST", "/track", (JSON,), body)).body == b"1"


def test_account_is_created_used_and_revoked(
    window: Window, windows: OpenWindow, server: Server, project: Project
) -> None:
    window.open(path_of(project))
    window.fill("Name", "Nightly import")
    window.choose("Role", "owner")
    window.press("Create")
    window.until(lambda: window.count("#made-secret") == 1)
    name, secret = window.text("#made-username"), window.text("#made-secret")
    assert name.startswith("Nightly-import.") and secret not in window.text(".table")

    owner = windows()
    owner.sign_in(name, secret)
    owner.open(path_of(project))
    assert f"{name} (you)" in owner.text()
    owner.fill("Name", "Reader")
    owner.choose("Role", "analyst")
    owner.press("Create")
    owner.until(lambda: owner.count("#made-secret") == 1)
    reader = owner.text("#made-username")
    owner.choose(f"Role of {reader}", "consumer")
    owner.wait(owner.page.get_by_role("button", name=f"Give this role to {reader}").click())
    owner.until(lambda: "The role was given" in owner.text())
    [account] = [each for each in accounts_of(server).of_project(project.project_id) if each.username == reader]
    assert account.roles == {project.project_id: "consumer"}

    window.open(path_of(project))
    window.press(f"Revoke {name}")
    window.until(lambda: "was revoked" in window.text())
    assert [each.username for each in accounts_of(server).of_project(project.project_id)] == [reader]

    def is_signed_out() -> bool:
        owner.open(path_of(project))
        return "/sign-in" in owner.path

    owner.until(is_signed_out)


def test_limits_are_changed_and_given_back(window: Window, server: Server, project: Project) -> None:
    window.open(path_of(project))
    window.wait(window.find("summary").filter(has_text="Change the limits").click())
    window.fill("Imports an hour", "7")
    window.fill("Records a minute", "1000")
    window.press("Change the limits")
    window.until(lambda: "The limits were changed" in window.text())
    assert stored(server, project)[2] == {"import_requests_per_hour": 7, "ingest_records_per_minute": 1000}
    window.wait(window.find("summary").filter(has_text="Change the limits").click())
    window.fill("Imports an hour", "")
    window.press("Change the limits")
    window.until(lambda: "import_requests_per_hour" not in stored(server, project)[2])


def test_what_is_refused_is_told_on_the_page(admin: Visit, server: Server, project: Project) -> None:
    tries = [
        ("/limits", {"import_requests_per_hour": "0"}, 400, "must be 1 to 1000000000, not 0"),
        ("/limits", {"import_requests_per_hour": "x"}, 400, "must be a whole number"),
        ("/time-zone", {"time_zone": "Europe/Berln", "week_start": "monday"}, 400, "did you mean Europe/Berlin?"),
        ("/time-zone", {"time_zone": "UTC", "week_start": "friday"}, 400, "week start must be one of monday, sunday"),
        ("/time-zone", {}, 400, "time zone must be a name"),
        ("/keys/replace", {"kind": "token", "overlap": "9999d"}, 400, "overlap must be at most"),
        ("/accounts/create", {"name": "", "role": "consumer"}, 400, "1 to 64 characters"),
        ("/accounts/create", {"name": "a", "role": "king"}, 400, "role must be one of"),
        ("/accounts/create", {"name": "a", "role": "owner", "expires": "2001-01-01"}, 400, "must lie in the future"),
        ("/accounts/create", {"name": "a", "role": "owner", "expires": "soon"}, 400, "must be a date"),
        ("/accounts/role", {"username": "<b>nobody", "role": "owner"}, 404, "&#39;&lt;b&gt;nobody&#39; was not found"),
        ("/accounts/remove", {"username": "nobody"}, 404, "was not found"),
    ]
    before = stored(server, project)
    for below, fields, status, reason in tries:
        reply = admin.post(path_of(project, below), fields)
        assert (reply.status, reason in reply.body.decode()) == (status, True), (below, fields, reply.body.decode())
        assert b"Not done: " in reply.body
    assert admin.post(path_of(project, "/keys/show"), {"kind": "password"}).status == 400
    assert stored(server, project) == before
    assert accounts_of(server).of_project(project.project_id) == []


@pytest.mark.parametrize("role", ["analyst", "consumer"])
def test_lesser_roles_see_limits_and_change_nothing(server: Server, project: Project, role: str) -> None:
    account = new_account(server, {project.project_id: role})  # type: ignore[dict-item]  # one of them
    visit = signed_in(server, account.username, account.secret)
    page = visit.get(path_of(project)).body.decode()
    assert "Limits" in page
    assert "keys" not in page and account.username not in re.sub("<header.*</header>", "", page, flags=re.S)
    before = stored(server, project)
    for below, fields in FORMS:
        reply = visit.post(path_of(project, below), fields)
        assert reply.status == 403 and b"which these roles have: owner" in reply.body, below
    assert stored(server, project) == before


def test_forms_of_a_project_of_others_do_not_exist(server: Server, project: Project) -> None:
    account = new_account(server, {server.project.project_id: "owner"})
    visit, before = signed_in(server, account.username, account.secret), stored(server, project)
    for below, fields in FORMS:
        assert visit.post(path_of(project, below), fields).status == 404, below
        assert Visit(server).post(path_of(project, below), fields).status == 401, below
    assert stored(server, project) == before


def test_admin_of_a_project_makes_no_equals(server: Server, project: Project) -> None:
    account = new_account(server, {project.project_id: "admin"})
    owner = new_account(server, {project.project_id: "owner"})
    visit = signed_in(server, account.username, account.secret)
    page = visit.get(path_of(project)).body.decode()
    assert 'value="analyst"' in page and 'value="admin"' not in page and 'value="owner"' not in page
    for below, fields in [
        ("/accounts/create", {"name": "a", "role": "admin"}),
        ("/accounts/role", {"username": owner.username, "role": "consumer"}),
        ("/accounts/remove", {"username": owner.username}),
        ("/accounts/revoke", {"username": owner.username}),
    ]:
        assert visit.post(path_of(project, below), fields).status == 403, below
    assert accounts_of(server).one(owner.account_id).roles == {project.project_id: "owner"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_settings_shut_nobody_out(
    windows: OpenWindow, password: str, server: Server, project: Project, scheme: str
) -> None:
    new_account(server, {project.project_id: "analyst"})
    window = windows(color_scheme=scheme)
    window.open("/app/sign-in")
    assert window.violations() == []
    window.screenshot(f"sign-in-{scheme}")
    window.sign_in("admin", password)
    assert window.violations() == []
    window.open(path_of(project))
    window.run("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert window.violations() == []
    window.screenshot(f"settings-{scheme}")
    for path in ("/app/audit", f"/app/projects/{project.project_id}/audit"):
        window.open(path)
        assert "account created" in window.text() and window.violations() == []
    window.screenshot(f"audit-{scheme}")
    window.open("/app/projects/999999/settings")
    assert window.violations() == []
    assert [each for each in window.complaints if "404" not in each] == []


def test_pages_fit_a_phone(windows: OpenWindow, password: str, server: Server, project: Project) -> None:
    new_account(server, {project.project_id: "analyst"})
    window = windows(viewport=PHONE)
    for path in ("/app/sign-in", "/app/", path_of(project), "/app/audit"):
        window.open(path)
        assert not window.is_wider_than_screen(), path
        if path == "/app/sign-in":
            window.sign_in("admin", password)
    window.screenshot("settings-phone")


def test_everything_is_reached_by_the_keyboard(windows: OpenWindow, password: str) -> None:
    window = windows()
    window.open("/app/sign-in?next=/app/")
    for key in ("Tab", "Enter"):  # the link past what stands on every page
        window.wait(window.page.keyboard.press(key))
    window.until(lambda: window.path.endswith("#content"))
    window.wait(window.page.keyboard.press("Tab"))
    window.wait(window.page.keyboard.type("admin"))
    window.wait(window.page.keyboard.press("Tab"))
    window.wait(window.page.keyboard.type(password))
    window.wait(window.page.keyboard.press("Enter"))
    window.until(lambda: window.path == "/app/")


def test_use_of_limits_is_shown(chromium: Chromium, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("limits") / "data"
    with running_server(place, "--rate-limits", "--workers", "1", "--import-requests-per-hour", "2") as server:
        project = server.project
        event = b'[{"event":"a","properties":{"time":1,"distinct_id":"u","$insert_id":"i"}}]'
        for _ in range(3):
            server.ask(Request("POST", "/import", (JSON, basic(project.secret)), event))
        window = open_window(chromium, server.url)
        window.sign_in("admin", admin_password(server))
        window.open(path_of(project))
        row = window.text("tr:has(th:text-is('Imports an hour'))")
        assert re.search(r"^Imports an hour\s+2\s+2\s+in (59|6[0-4]) min\s+in", row), row
        window.close()
