"""Owners and admins erase persons in the browser; nobody else sees how."""

import pytest

from tests.conftest import MakeProjects
from tests.support.http.events import import_all, record
from tests.support.server import Project, Server
from tests.support.service_accounts import new_account
from tests.support.web.browser_window import Window
from tests.support.web.saved import below
from tests.support.web.visitor import Visit, signed_in
from trackway.projects.person_task_table import PersonTasks
from trackway.projects.roles import Role


@pytest.fixture
def project(make_projects: MakeProjects) -> Project:
    return make_projects(1)[0]


def visit_as(server: Server, project: Project, role: Role) -> Visit:
    account = new_account(server, {project.project_id: role})
    return signed_in(server, account.username, account.secret)


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_a_person_is_erased_from_its_page_after_a_word_was_typed(server: Server, project: Project, role: Role) -> None:
    import_all(server, project, [record(project, "a", insert_id="1", distinct_id="ann <b>")])
    visit = visit_as(server, project, role)
    page = visit.get(below(project, "/users/one?id=ann%20%3Cb%3E")).body.decode()
    assert 'value="ann &lt;b&gt;"' in page and "Erase a person" in page
    tasks = PersonTasks(server.projects)
    refused = visit.post(below(project, "/erasures"), {"id": "ann <b>", "typed": "yes"})
    assert (refused.status, tasks.newest(project.project_id)) == (400, [])
    assert "Not done: type erase to erase this person." in refused.body.decode()
    assert visit.post(below(project, "/erasures"), {"id": "ann <b>", "typed": "erase"}).status == 303
    [task] = tasks.newest(project.project_id)
    assert (task.kind, task.state, list(task.ids)) == ("deletion", "PENDING", ["ann <b>"])
    listed = visit.get(below(project, "/erasures")).body.decode()
    assert "<code>ann &lt;b&gt;</code>" in listed and "pending" in listed
    assert visit.post(below(project, "/erasures/cancel"), {"task": str(task.task_id)}).status == 303
    assert tasks.one("deletion", project.project_id, task.task_id).state == "REVOKED"
    again = visit.post(below(project, "/erasures/cancel"), {"task": str(task.task_id)})
    assert (again.status, "it cannot be cancelled" in again.body.decode()) == (400, True)


def test_others_neither_see_nor_use_it(server: Server, project: Project) -> None:
    import_all(server, project, [record(project, "a", insert_id="1", distinct_id="ann")])
    visit = visit_as(server, project, "analyst")
    page = visit.get(below(project, "/users/one?id=ann")).body.decode()
    assert "Erase" not in page
    assert visit.get(below(project, "/erasures")).status in (403, 404)
    assert visit.post(below(project, "/erasures"), {"id": "ann", "typed": "erase"}).status in (403, 404)
    assert PersonTasks(server.projects).newest(project.project_id) == []


def test_an_archived_project_still_erases(server: Server, project: Project) -> None:
    visit = visit_as(server, project, "owner")
    server.projects.archive(project.project_id, archived=True)
    assert visit.post(below(project, "/erasures"), {"id": "ann", "typed": "erase"}).status == 303


def test_the_pages_are_usable_for_all(window: Window, server: Server, project: Project) -> None:
    import_all(server, project, [record(project, "a", insert_id="1", distinct_id="ann")])
    PersonTasks(server.projects).ask("deletion", project.project_id, ["ann"], "somebody", delay_s=3600)
    for path in ("/erasures", "/users/one?id=ann"):
        window.open(below(project, path))
        assert "Erase a person" in window.text()
        assert window.violations() == [] and not window.is_wider_than_screen(), path
