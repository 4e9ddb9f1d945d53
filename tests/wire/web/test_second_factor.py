"""The second factor of a personal account: turned on with an app, asked at each sign-in, and taken away when lost."""

import re
import time
from html import unescape

import pyotp
import pytest

from tests.support.http.exchange import Reply
from tests.support.personal_accounts import PASSWORD, Person, new_person, people_of
from tests.support.server import Project, Server
from tests.support.service_accounts import everywhere, new_account
from tests.support.web.visitor import Visit
from tests.wire.web.conftest import OpenWindow
from trackway.projects.limits import FACTOR_TRIES_MAX, RECOVERY_CODES

PAGE, ON, OFF, CODE = "/app/second-factor", "/app/second-factor/on", "/app/second-factor/off", "/app/sign-in/code"


def code_of(secret: str, steps: int = 0) -> str:
    """The code of this moment, or of steps later."""
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * steps)


def field(reply: Reply, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', reply.body.decode())
    assert found, reply.body.decode()
    return unescape(found[1])


def key_in(reply: Reply) -> str:
    found = re.search(r'id="factor-key">([A-Z2-7 ]+)<', reply.body.decode())
    assert found, reply.body.decode()
    return found[1].replace(" ", "")


def turn_on(visit: Visit) -> tuple[str, list[str]]:
    """The secret that the app has, and the recovery codes."""
    shown = visit.get(PAGE)
    secret = key_in(shown)
    done = visit.post(ON, {"setup": field(shown, "setup"), "code": code_of(secret), "password": PASSWORD})
    assert done.status == 200, done
    codes = re.findall(r"\b(?:[a-z2-9]{4}-){3}[a-z2-9]{4}\b", done.body.decode())
    assert len(codes) == RECOVERY_CODES
    return secret, codes


def begin(server: Server, person: Person, wanted: str = "") -> tuple[Visit, Reply]:
    """A visitor who has given the password, and the page that asks for a code."""
    visit = Visit(server)
    reply = visit.sign_in(person.email, person.password, wanted)
    assert reply.status == 200 and not visit.cookies, reply
    return visit, reply


def give(visit: Visit, step: str, code: str, wanted: str = "") -> Reply:
    return visit.send(CODE, {"step": step, "code": code, "next": wanted}, ("Origin", visit.origin))


def events(project: Project) -> str:
    return f"/app/projects/{project.project_id}/events"


@pytest.fixture
def ann(server: Server, project: Project) -> Person:
    return new_person(server, {project.project_id: "analyst"})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_turns_it_on_and_signs_in_with_a_code(
    windows: OpenWindow, server: Server, ann: Person, scheme: str
) -> None:
    window = windows(color_scheme=scheme)
    window.sign_in(ann.email, PASSWORD)
    window.until(lambda: window.path == "/app/")
    window.open(PAGE)
    assert window.violations() == [] and window.count(".qr svg") == 1
    window.screenshot(f"second-factor-{scheme}")
    secret = window.text("#factor-key").replace(" ", "")
    window.fill("Code", code_of(secret))
    window.fill("Password", PASSWORD)
    window.press("Turn on")
    window.until(lambda: window.count("#recovery-codes") == 1)
    assert window.violations() == []
    window.screenshot(f"recovery-codes-{scheme}")
    window.open(PAGE)
    assert f"{RECOVERY_CODES} of your recovery codes are left" in window.text()
    assert window.violations() == []
    window.press("Sign out")
    window.until(lambda: window.path == "/app/sign-in")
    window.fill("Name", ann.email)
    window.fill("Password", PASSWORD)
    window.press("Sign in")
    window.until(lambda: "authenticator app" in window.text())
    assert window.violations() == []
    window.screenshot(f"second-step-{scheme}")
    window.fill("Code", code_of(secret, 1))
    window.press("Sign in")
    window.until(lambda: window.path == "/app/")


def test_a_password_alone_opens_nothing_any_more(server: Server, project: Project, ann: Person) -> None:
    secret, codes = turn_on(ann.visit(server))
    visit, reply = begin(server, ann, events(project))
    assert visit.get(events(project)).status == 303
    step = field(reply, "step")
    wrong = give(visit, step, "000000", events(project))
    assert wrong.status == 403 and b"Wrong code" in wrong.body and not visit.cookies
    assert field(wrong, "next") == events(project)
    right = give(visit, step, code_of(secret, 1), events(project))
    assert (right.status, right.header("location")) == (303, events(project))
    assert visit.get(events(project)).status == 200
    again, reply = begin(server, ann)
    assert give(again, field(reply, "step"), code_of(secret, 1)).status == 403, "a code is valid once"
    assert give(again, field(reply, "step"), codes[0]).status == 303
    assert give(Visit(server), field(reply, "step"), codes[0]).status == 403


def test_after_too_many_wrong_codes_a_right_one_waits(server: Server, ann: Person) -> None:
    secret, codes = turn_on(ann.visit(server))
    visit, reply = begin(server, ann)
    step = field(reply, "step")
    for _ in range(FACTOR_TRIES_MAX):
        assert give(visit, step, "000000").status == 403
    for code in (code_of(secret, 1), codes[0]):
        late = give(visit, step, code)
        assert late.status == 403 and b"Too many wrong codes" in late.body


def test_the_step_between_opens_nothing_else_and_ends_with_the_password(
    server: Server, project: Project, ann: Person
) -> None:
    secret, _ = turn_on(ann.visit(server))
    visit, reply = begin(server, ann)
    step = field(reply, "step")
    [cookie] = new_person(server, {project.project_id: "consumer"}).visit(server).cookies
    assert Visit(server, {cookie: step}).get(events(project)).status == 303
    for forged in ("", "x", step[:-1], step + "A"):
        late = give(visit, forged, code_of(secret, 1))
        assert late.status == 403 and b"took too long" in late.body
    assert visit.send(CODE, {"step": step, "code": code_of(secret, 1)}).status == 403, "from no page of ours"
    people = people_of(server)
    _, token = people.reset(ann.account_id)
    people.set_password(token, "another horse battery")
    assert everywhere(lambda: b"took too long" in give(visit, step, code_of(secret, 1)).body)


def test_turning_it_on_needs_the_password_and_a_code_of_this_page(
    server: Server, project: Project, ann: Person
) -> None:
    visit = ann.visit(server)
    shown = visit.get(PAGE)
    secret, setup = key_in(shown), field(shown, "setup")
    other = new_person(server, {project.project_id: "analyst"}).visit(server)
    tries = [
        (visit, {"setup": setup, "code": code_of(secret), "password": "wrong"}, b"the password is wrong"),
        (visit, {"setup": setup, "code": "000000", "password": PASSWORD}, b"the code is wrong"),
        (visit, {"setup": "x", "code": code_of(secret), "password": PASSWORD}, b"open for too long"),
        (other, {"setup": setup, "code": code_of(secret), "password": PASSWORD}, b"open for too long"),
    ]
    for who, fields, problem in tries:
        refused = who.post(ON, fields)
        assert refused.status == 400 and problem in refused.body, fields
    assert visit.send(ON, {"setup": setup, "code": code_of(secret), "password": PASSWORD}).status == 403
    assert b"Turn on" in visit.get(PAGE).body
    assert PASSWORD not in shown.body.decode() and shown.header("cache-control") == "no-store"


def test_turning_it_off_needs_the_password(server: Server, ann: Person) -> None:
    visit = ann.visit(server)
    turn_on(visit)
    assert visit.post(OFF, {"password": "wrong"}).status == 400
    assert visit.post(OFF, {"password": PASSWORD}).status == 303
    assert everywhere(lambda: b"Turn on" in visit.get(PAGE).body)
    assert Visit(server).sign_in(ann.email, PASSWORD).status == 303


def test_an_owner_takes_a_lost_factor_away(server: Server, project: Project, admin: Visit, ann: Person) -> None:
    turn_on(ann.visit(server))
    path = f"/app/projects/{project.project_id}/settings"
    owner = new_person(server, {project.project_id: "owner"}).visit(server)
    assert everywhere(lambda: b"Remove second factor" in owner.get(path).body)
    assert owner.post(f"{path}/people/factor", {"username": ann.email}).status == 303
    assert everywhere(lambda: Visit(server).sign_in(ann.email, PASSWORD).status == 303)
    audit = admin.get(f"/app/projects/{project.project_id}/audit").body.decode()
    assert "second factor taken away" in audit


def test_a_link_for_a_new_password_leaves_the_factor(server: Server, ann: Person) -> None:
    turn_on(ann.visit(server))
    people = people_of(server)
    _, token = people.reset(ann.account_id)
    visit = Visit(server)
    path = f"/app/account-links/{token}"
    assert visit.send(path, {"password": "another horse battery"}, ("Origin", visit.origin)).status == 303
    begin(server, ann._replace(password="another horse battery"))


def test_programs_and_the_admin_have_no_such_page(server: Server, project: Project, admin: Visit) -> None:
    program = new_account(server, {project.project_id: "owner"})
    visit = Visit(server)
    assert visit.sign_in(program.username, program.secret).status == 303
    for who in (visit, admin):
        assert who.get(PAGE).status == 404
        assert who.post(ON, {"setup": "", "code": "", "password": ""}).status == 404
        assert who.post(OFF, {"password": ""}).status == 404
    assert Visit(server).get(PAGE).status == 303
