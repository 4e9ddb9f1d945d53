"""A person's own account: the name, the password, and the sessions, which end everywhere."""

import re
from contextlib import ExitStack
from functools import partial

import pytest

from tests.support.personal_accounts import PASSWORD, new_person, people_of
from tests.support.projects.postgresql import Cluster
from tests.support.server import Project, Server, running_server
from tests.support.service_accounts import everywhere, new_account
from tests.support.web.browser_window import PHONE
from tests.support.web.visitor import Visit, signed_in
from tests.wire.web.conftest import OpenWindow

OTHER = "another horse battery"
FIREFOX = ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")


def is_out(visit: Visit) -> bool:
    return visit.get("/app/account").status == 303


def sessions_on(visit: Visit) -> list[str]:
    """The ids of the sessions that the page lets end: all but its own."""
    return re.findall(r'name="session" value="([0-9a-f]+)"', visit.get("/app/account").body.decode())


def test_sessions_are_listed_and_ended_one_by_one(server: Server, project: Project) -> None:
    ann, ben = (new_person(server, {project.project_id: "consumer"}) for _ in range(2))
    here, there, third, other = ann.visit(server), Visit(server), ann.visit(server), ben.visit(server)
    fields = {"name": ann.email, "secret": ann.password, "next": ""}
    assert there.send("/app/sign-in", fields, ("Origin", there.origin), FIREFOX).status == 303
    page = here.get("/app/account").body.decode()
    assert "Firefox on Linux" in page and "127.0.0.1" in page and page.count("(this one)") == 1
    [first, _] = sessions_on(here)
    assert sessions_on(other) == []
    assert other.post("/app/account/end", {"session": first}).status == 400
    assert not is_out(there) and not is_out(third)
    assert here.post("/app/account/end", {"session": first}).status == 303
    assert everywhere(lambda: is_out(there) != is_out(third))
    assert here.post("/app/account/end", {"session": first}).status == 400
    assert len(sessions_on(here)) == 1 and not is_out(here)


def test_all_other_sessions_end_at_once(server: Server, project: Project) -> None:
    ann = new_person(server, {project.project_id: "consumer"})
    here, *others = (ann.visit(server) for _ in range(3))
    assert here.post("/app/account/end-others").status == 303
    for visit in others:
        assert everywhere(partial(is_out, visit))
    assert not is_out(here) and sessions_on(here) == []


def test_a_new_password_asks_for_the_old_one_and_ends_other_sessions(server: Server, project: Project) -> None:
    ann = new_person(server, {project.project_id: "consumer"})
    here, other = ann.visit(server), ann.visit(server)
    for old, new, status in ((OTHER, OTHER, 403), ("", OTHER, 403), (PASSWORD, "short", 400)):
        reply = here.post("/app/account/password", {"old": old, "password": new})
        assert (reply.status, b"Not done" in reply.body) == (status, True)
    assert not is_out(other)
    assert here.post("/app/account/password", {"old": PASSWORD, "password": OTHER}).status == 303
    assert everywhere(lambda: is_out(other))
    assert not is_out(here)
    assert Visit(server).sign_in(ann.email, PASSWORD).status == 403
    assert Visit(server).sign_in(ann.email, OTHER).status == 303


def test_a_session_that_was_ended_by_an_owner_stays_ended(server: Server, project: Project) -> None:
    ann, boss = (new_person(server, {project.project_id: "owner"}) for _ in range(2))
    first, visit = ann.visit(server), boss.visit(server)
    form = f"/app/projects/{project.project_id}/settings/people/"
    assert visit.post(form + "sign-out", {"username": ann.email}).status == 303
    assert everywhere(lambda: is_out(first))
    second = ann.visit(server)
    assert visit.post(form + "disable", {"username": ann.email}).status == 303
    assert everywhere(lambda: is_out(second))
    assert visit.post(form + "enable", {"username": ann.email}).status == 303
    assert ann.visit(server).get("/app/account").status == 200
    assert is_out(first) and is_out(second)


def test_signing_out_takes_the_session_from_the_list(server: Server, project: Project) -> None:
    ann = new_person(server, {project.project_id: "consumer"})
    here, other = ann.visit(server), ann.visit(server)
    assert len(sessions_on(here)) == 1
    assert other.post("/app/sign-out").status == 303
    assert everywhere(lambda: sessions_on(here) == [], times=1)


def test_sessions_that_end_on_one_machine_end_on_the_other(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    at = ["--projects-url", cluster.new_database()]
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(running_server(tmp_path_factory.mktemp("machine") / "data", *at)) for _ in range(2)
        )
        ann = new_person(one, {one.project.project_id: "consumer"})
        here, first, second = ann.visit(one), ann.visit(one), ann.visit(one)
        there = [Visit(two, dict(each.cookies)) for each in (here, first, second)]
        assert not any(is_out(each) for each in there)
        [ended, _] = sessions_on(there[0])
        assert there[0].post("/app/account/end", {"session": ended}).status == 303
        assert everywhere(lambda: is_out(first) != is_out(second), times=1)
        assert there[0].post("/app/account/end-others").status == 303
        for visit in (here, first, second, *there[1:]):  # `here` has the cookie that the other machine has replaced
            assert everywhere(partial(is_out, visit), times=1)
        assert not is_out(there[0])


def test_only_people_have_the_page(server: Server, admin: Visit, project: Project) -> None:
    program = new_account(server, {project.project_id: "owner"})
    for visit in (admin, signed_in(server, program.username, program.secret)):
        assert visit.get("/app/account").status == 404
        assert visit.post("/app/account/name", {"name": "x"}).status == 404
        assert b"/app/account" not in visit.get("/app/").body
    ann = new_person(server, {project.project_id: "consumer"}).visit(server)
    assert ann.post("/app/account/unknown").status == 404
    assert ann.send("/app/account/name", {"name": "x"}, ("Origin", ann.origin)).status == 403


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_looks_after_the_account(windows: OpenWindow, server: Server, project: Project, scheme: str) -> None:
    ann = new_person(server, {project.project_id: "analyst"})
    window, other = windows(color_scheme=scheme), windows(viewport=PHONE)
    other.sign_in(ann.email, ann.password)
    window.sign_in(ann.email, ann.password)
    window.follow(f"{ann.email} (your account)")
    window.until(lambda: window.path == "/app/account")
    assert window.violations() == []
    window.screenshot(f"account-{scheme}")
    window.fill("Your name", "Ann Maria Lee")
    window.press("Change the name")
    window.until(lambda: "Your name is changed" in window.text())
    assert people_of(server).one(ann.account_id).person_name == "Ann Maria Lee"
    other.open("/app/account")
    assert not other.is_wider_than_screen()
    window.press("End all other sessions")
    window.until(lambda: "All other sessions have ended" in window.text())

    def is_signed_out() -> bool:
        other.open("/app/account")
        return "/sign-in" in other.path

    other.until(is_signed_out)
    window.open("/app/account")
    assert window.path == "/app/account"
