"""The pages of event names tell, of all time, when each property was first and last seen."""

import time

import pytest

from tests.support.http.events import import_all, record
from tests.support.server import Project, Server
from tests.support.web.browser_window import PHONE, Window
from tests.support.web.visitor import Visit
from tests.wire.web.conftest import OpenWindow
from trackway.query.limits import SAMPLE_EVENTS_MAX
from trackway.web.templating import local

DAY_MS = 86_400_000
NOW_MS = int(time.time()) * 1000
FIRST_MS, PAID_MS, LAST_MS = NOW_MS - 400 * DAY_MS, NOW_MS - 300 * DAY_MS, NOW_MS - DAY_MS
TIMES = "#properties thead th:nth-of-type(n+5)"


def at(project: Project, time_ms: int, name: str, **properties: object) -> dict[str, object]:
    return record(project, name, **{"$insert_id": f"{name}-{time_ms}", "time": time_ms}, **properties)


@pytest.fixture(scope="module")
def fed(server: Server) -> Project:
    """A project whose newest events tell little of when its property was first seen."""
    project = server.create_project()
    import_all(server, project, [at(project, FIRST_MS, "seen", plan="pro"), at(project, PAID_MS, "paid", plan="pro")])
    server.wait_loaded()
    for part in range(2):
        times = range(LAST_MS - SAMPLE_EVENTS_MAX * (part + 1), LAST_MS - SAMPLE_EVENTS_MAX * part)
        import_all(server, project, [at(project, each, "seen", part=part) for each in times])
    server.wait_loaded()  # what is loaded at once has no order
    import_all(server, project, [at(project, LAST_MS, name, plan="pro") for name in ("seen", "paid")])
    server.wait_loaded()
    return project


def below(project: Project, path: str) -> str:
    return f"/app/projects/{project.project_id}/names{path}"


def row_of(window: Window, name: str) -> str:
    return " ".join(window.text(f"#properties tbody tr:has(th:text-is('{name}'))").split())


def test_times_of_all_time_come_as_soon_as_somebody_looks(fed: Project, window: Window) -> None:
    window.open(below(fed, ""))
    assert window.count(TIMES) == 0, "the figures of names are there first"
    window.wait(window.find("#properties").scroll_into_view_if_needed())
    window.until(lambda: window.texts(TIMES) == ["First seen", "Last seen"])
    assert f"{local(FIRST_MS)} {local(LAST_MS)}" in row_of(window, "plan")
    assert "2 string pro" in row_of(window, "plan"), "what else is told is of the newest events"
    assert window.count("#properties") == 1 and window.count("#properties-times") == 0
    window.screenshot("event-names-properties")
    assert window.violations() == []
    assert window.complaints == []


def test_times_on_the_page_of_a_name_are_of_its_events(fed: Project, window: Window) -> None:
    window.open(below(fed, "/one?name=paid"))
    window.wait(window.find("#properties").scroll_into_view_if_needed())
    window.until(lambda: window.count(TIMES) == 2)
    assert f"{local(PAID_MS)} {local(LAST_MS)}" in row_of(window, "plan")
    assert window.complaints == []


@pytest.mark.parametrize("options", [{"color_scheme": "dark"}, {"viewport": PHONE}], ids=["dark", "phone"])
def test_page_of_properties_shuts_nobody_out(
    windows: OpenWindow, password: str, fed: Project, options: dict[str, object]
) -> None:
    window = windows(**options)
    window.sign_in("admin", password)
    window.open(below(fed, "/properties?name=paid"))
    assert window.text("h1") == "Properties of paid"
    assert not window.is_wider_than_screen()
    assert window.violations() == []


def test_without_scripts_a_link_leads_to_the_times(windows: OpenWindow, password: str, fed: Project) -> None:
    window = windows(java_script_enabled=False)
    window.sign_in("admin", password)
    window.open(below(fed, "/one?name=paid"))
    window.follow("When each was first and last seen")
    window.until(lambda: "/names/properties" in window.path and window.count(TIMES) == 2)
    assert local(PAID_MS) in row_of(window, "plan")


def test_link_stays_where_the_times_cannot_be_had(fed: Project, window: Window) -> None:
    window.wait(window.page.route("**/names/properties*", lambda route: route.abort()))
    window.open(below(fed, ""))
    window.wait(window.find("#properties").scroll_into_view_if_needed())
    window.until(lambda: "Looking for" not in window.text("#properties-times"))
    assert window.text("#properties-times a") == "When each was first and last seen"


def test_properties_of_a_name_that_never_came_do_not_exist(fed: Project, admin: Visit) -> None:
    assert admin.get(below(fed, "/properties?name=never")).status == 404
    assert admin.get(below(fed, "/properties?name=" + "x" * 256)).status == 400
