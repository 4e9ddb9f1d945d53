"""The Lookup tables page: what it shows, and its forms, in a browser without scripts and without a browser."""

import json
from urllib.parse import urlencode

import pytest

from tests.conftest import MakeProjects
from tests.support.http.events import import_all, record
from tests.support.lookup.mapped import PRODUCTS, map_table, mappings, new_table
from tests.support.reports import at, report
from tests.support.server import Project, Server
from tests.support.service_accounts import new_account
from tests.support.web.event_stream import open_stream
from tests.support.web.visitor import Visit, signed_in
from tests.wire.web.conftest import OpenWindow


def path_of(project: Project, below: str = "") -> str:
    return f"/app/projects/{project.project_id}/lookup-tables{below}"


@pytest.fixture
def project(server: Server, make_projects: MakeProjects) -> Project:
    server.wait_loaded()
    return make_projects(1)[0]


@pytest.mark.parametrize("javascript", [True, False])
def test_a_property_is_mapped_and_unmapped(
    windows: OpenWindow, password: str, server: Server, project: Project, javascript: bool
) -> None:
    import_all(server, project, [record(project, "a", time=at("2025-03-01 12:00"), insert_id="e", sku="P1")])
    server.wait_loaded()
    window = windows(java_script_enabled=javascript)
    window.sign_in("admin", password)
    window.open(path_of(project))
    assert "No lookup table yet." in window.text()
    table_id = new_table(server, project, PRODUCTS)
    window.open(path_of(project))
    assert "category, price" in window.text()
    window.fill("Property", "sku")
    window.press("Map the property")
    window.until(lambda: "The property is mapped." in window.text())
    assert "sku → category, sku → price" in window.text()
    assert [(each["property"], each["table_id"]) for each in mappings(server, project)] == [("sku", table_id)]
    asked = {"event": "a", "on": 'properties["sku → category"]', "from_date": "2025-03-01", "to_date": "2025-03-01"}
    assert list(report(server, project, "segmentation", **asked)["data"]["values"]) == ["pants"]
    if javascript:
        window.screenshot("lookup-tables")
        assert window.violations() == []
        assert not window.is_wider_than_screen()
    window.press("Unmap sku of events")
    window.until(lambda: "The property is mapped no longer." in window.text())
    assert mappings(server, project) == []
    assert window.complaints == []


def test_only_who_may_replace_tables_maps_one(server: Server, project: Project) -> None:
    body = {"property": "sku", "resource": "event", "table": new_table(server, project, PRODUCTS)}
    analyst, owner = (new_account(server, {project.project_id: role}) for role in ("analyst", "owner"))
    reader = signed_in(server, analyst.username, analyst.secret)
    shown = reader.get(path_of(project))
    assert (shown.status, b"Map the property" in shown.body) == (200, False)
    assert reader.post(path_of(project, "/map"), body).status in (403, 404)
    assert mappings(server, project) == []
    assert signed_in(server, owner.username, owner.secret).post(path_of(project, "/map"), body).status == 303
    assert [each["property"] for each in mappings(server, project)] == ["sku"]


def test_refusals_are_shown_and_names_stay_text(server: Server, make_projects: MakeProjects) -> None:
    project, other = make_projects(2)
    owner = new_account(server, {project.project_id: "owner"})
    visit = signed_in(server, owner.username, owner.secret)
    mine = new_table(server, project, 'id,"<b>c</b>"\n1,2\n', "<i>n</i>")
    theirs = new_table(server, other, PRODUCTS)
    their_mapping = map_table(server, other, theirs, "sku")
    for below, fields, status in (
        ("/map", {"property": "sku", "resource": "event", "table": theirs}, 404),
        ("/map", {"property": "", "resource": "event", "table": mine}, 400),
        ("/unmap", {"mapping": str(their_mapping)}, 404),
        ("/unmap", {"mapping": "x"}, 400),
    ):
        reply = visit.post(path_of(project, below), fields)
        assert (reply.status, b"Not done: " in reply.body) == (status, True), (below, fields)
    assert len(mappings(server, other)) == 1
    assert visit.post(path_of(project, "/map"), {"property": "<u>p", "resource": "user", "table": mine}).status == 303
    text = visit.get(path_of(project)).body.decode()
    assert "&lt;u&gt;p → &lt;b&gt;c&lt;/b&gt;" in text
    assert not [tag for tag in ("<b>c", "<i>n", "<u>p") if tag in text]
    assert mappings(server, project)[0]["resource"] == "user"


def test_trends_know_the_columns(server: Server, project: Project, admin: Visit) -> None:
    events = [
        record(project, "a", time=at("2025-03-01 12:00"), insert_id=f"e{number}", sku=f"P{number}")
        for number in range(1, 4)
    ]
    import_all(server, project, events)
    server.wait_loaded()
    map_table(server, project, new_table(server, project, PRODUCTS), "sku")
    day = {"range": "custom", "from": "2025-03-01", "to": "2025-03-01", "event": "a"}
    trends = f"/app/projects/{project.project_id}/trends"
    rows = admin.get(f"{trends}/csv?{urlencode({**day, 'by': 'sku → category'})}").body.decode().splitlines()
    assert sorted(rows[0].split(",")[1:]) == ["pants", "shirt", "shoes"]


def test_the_filter_of_the_events_page_knows_the_columns_also_of_new_events(
    server: Server, make_projects: MakeProjects, admin: Visit
) -> None:
    project, other = make_projects(2)
    skus = {"shirt": "P2", "shoes": "P3", "nothing": "P9"}
    events = [record(project, name, insert_id=name, sku=sku) for name, sku in skus.items()]
    import_all(server, project, [*events, record(project, "neither", insert_id="4")])
    server.wait_loaded()
    asked = {"property1": "sku → category", "value1": "shirt"}

    def found(**fields: str) -> list[str]:
        page = admin.get(f"/app/projects/{project.project_id}/events?{urlencode(fields)}").body.decode()
        return sorted(name for name in ("shirt", "shoes", "nothing", "neither") if f">{name}</" in page)

    assert found() == sorted([*skus, "neither"])
    map_table(server, other, new_table(server, other, PRODUCTS), "sku")
    assert found(**asked) == []
    map_table(server, project, new_table(server, project, PRODUCTS), "sku")
    assert found(**asked) == ["shirt"]
    assert found(property1="sku → category") == ["shirt", "shoes"]
    path = f"/app/projects/{project.project_id}/events/stream?{urlencode({**asked, 'since': '1.0'})}"
    with open_stream(admin, path) as stream:
        seen: str = json.dumps(stream.message())
        while "shirt" not in seen:
            seen = json.dumps(stream.message())
        assert "shoes" not in seen
