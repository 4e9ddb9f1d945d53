"""Parameters that an endpoint does not know, on a running server: ignored, whatever the endpoint, and counted."""

from urllib.parse import urlencode

import pytest

from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic
from trackway.edge.api.reports.table import REPORTS
from trackway.edge.wire.parameter_tables import TABLES

DATES = {"from_date": "2020-02-28", "to_date": "2020-02-29"}
REPORTS_NEED = DATES | {
    "event": "a", "on": "a", "inner": "a", "outer": "b", "name": "a", "type": "general", "unit": "day",
    "addiction_unit": "hour", "distinct_ids": '["a"]', "events": '[{"event":"a"},{"event":"b"}]',
}  # fmt: skip
"""What any report needs of a project without data; each gets of it what its table honours."""
REFUSED = {
    "/api/query/insights": 400,
    "/api/query/sql": 400,
    "/api/query/arb_funnels": 400,
    "/api/query/stream/bookmark": 400,
    "/api/query/jql": 404,
}
REFUSED |= {"/api/app/facts/compare": 409, "/api/app/data-deletions/v3.0/1": 404, "/api/app/data-deletions/v3.0": 201}
REFUSED |= {"/api/app/store": 403, "/api/app/store/part": 403}
REFUSED |= {f"/api/app/data-retrievals/v3.0/1{file}": 404 for file in ("", "/file")}
REFUSED |= {"/api/app/data-retrievals/v3.0": 201}
"""Reports that this is not enough for."""
# (endpoint of the table, method, path, what it needs)
ASKED: list[tuple[str, str, str, dict[str, str]]] = [
    *(
        (
            report.table.name,
            "GET",
            f"/api/query/{report.path}",
            {name: value for name, value in REPORTS_NEED.items() if name in report.table.honoured},
        )
        for report in REPORTS
    ),
    ("/api/2.0/export", "GET", "/api/2.0/export", DATES),
    ("/api/query/sql", "POST", "/api/query/sql", {"query": "SELECT a"}),
    ("/api/2.0/engage", "GET", "/api/2.0/engage", {}),
    ("/api/2.0/engage", "POST", "/api/query/engage", {}),
    ("/lookup-tables", "GET", "/lookup-tables", {}),
    ("POST /lookup-tables", "POST", "/lookup-tables", {"name": "parameters"}),
    ("/api/app/identity", "GET", "/api/app/identity", {"distinct_id": "a"}),
    ("/api/app/identity/preview", "GET", "/api/app/identity/preview", {"ids": '["a","b"]'}),
    ("/api/app/identity/unlink", "POST", "/api/app/identity/unlink", {}),
    ("/api/app/data-deletions/v3.0", "POST", "/api/app/data-deletions/v3.0", {}),
    ("/api/app/data-deletions/v3.0/preview", "POST", "/api/app/data-deletions/v3.0/preview", {}),
    ("/api/app/data-deletions/v3.0/ID", "GET", "/api/app/data-deletions/v3.0/1", {}),
    ("/api/app/data-retrievals/v3.0", "POST", "/api/app/data-retrievals/v3.0", {}),
    ("/api/app/data-retrievals/v3.0/ID", "GET", "/api/app/data-retrievals/v3.0/1", {}),
    ("/api/app/data-retrievals/v3.0/ID/file", "GET", "/api/app/data-retrievals/v3.0/1/file", {}),
    ("/api/app/facts", "GET", "/api/app/facts", {}),
    ("/api/app/facts/rebuild", "POST", "/api/app/facts/rebuild", {}),
    ("/api/app/facts/steps", "GET", "/api/app/facts/steps", {}),
    ("/api/app/facts/compare", "GET", "/api/app/facts/compare", DATES),
    ("/api/app/store", "GET", "/api/app/store", {}),
    ("/api/app/store/part", "GET", "/api/app/store/part", {"table": "events", "part": "202611_1_1_0"}),
    ("/api/app/store/events", "GET", "/api/app/store/events", {}),
    ("/api/app/loaded-events/days", "GET", "/api/app/loaded-events/days", {}),
    ("/api/app/loaded-events", "GET", "/api/app/loaded-events", {"day": "2020-02-28", "before_position": "1"}),
    ("/api/app/retention", "GET", "/api/app/retention", {}),
    ("/api/app/rate-limits", "GET", "/api/app/rate-limits", {}),
    ("/api/query/funnels/list", "GET", "/api/query/funnels/list", {}),
    ("/api/2.0/annotations", "GET", "/api/2.0/annotations", DATES),
    ("/api/2.0/annotations/…", "GET", "/api/2.0/annotations/create", {"date": "2020-01-01", "description": "a"}),
    ("/api/app/me", "GET", "/api/app/me", {}),
    ("/track", "POST", "/track", {"verbose": "1"}),
    ("/import", "POST", "/import", {"strict": "1"}),
    ("/engage", "POST", "/engage", {}),
    ("/groups", "POST", "/groups", {}),
]
OF_PROJECTS = ("/api/app/…/service-accounts", "/api/app/projects/…")
"""Endpoints whose path names a project or an organization."""
BODIES = {"/api/app/identity/unlink": b'{"id": "a", "reason": "a test"}', "/track": b"[]", "/import": b"[]"}
BODIES |= {"/engage": b"[]", "/groups": b"[]"}
_PERSON = b'{"distinct_ids": ["a"]}'
BODIES |= {
    "/api/app/data-retrievals/v3.0": _PERSON,
    "/api/app/data-deletions/v3.0": _PERSON,
    "/api/app/data-deletions/v3.0/preview": _PERSON,
}


def counted(server: Server, endpoint: str) -> float:
    page = server.ask(Request("GET", "/metrics")).body.decode()
    prefix = f'trackway_unknown_parameters_total{{endpoint="{endpoint}"'
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(prefix))


@pytest.mark.parametrize(("endpoint", "method", "path", "needed"), ASKED, ids=[f"{a[1]} {a[2]}" for a in ASKED])
def test_an_unknown_parameter_changes_nothing_and_is_counted(
    server: Server, project: Project, endpoint: str, method: str, path: str, needed: dict[str, str]
) -> None:
    server.export_when(project, 0)  # the store is there
    headers = (JSON, basic(project.secret))
    body = BODIES.get(path, b"")
    statuses, before = [], counted(server, endpoint)
    for unknown in ({}, {"colour_of_the_sea": "blue", "also unknown": ""}):
        reply = server.ask(Request(method, f"{path}?{urlencode(needed | unknown)}", headers, body))
        statuses.append(reply.status)
    assert statuses[0] == statuses[1] == (REFUSED.get(path, 200) if body != b"[]" else statuses[0])
    assert counted(server, endpoint) == before + 2


def test_every_table_is_asked_above() -> None:
    asked_here = {table.name for table in TABLES if not table.name.startswith(OF_PROJECTS)}
    assert asked_here == {row[0] for row in ASKED}


def test_a_single_name_is_a_list_of_one(server: Server, project: Project) -> None:
    names = ["Sign up", "Page View"]
    body = ",".join(
        f'{{"event":"{name}","properties":{{"time":1582934400,"distinct_id":"a","$insert_id":"id-{number}"}}}}'
        for number, name in enumerate(names)
    )
    sent = Request("POST", "/import?strict=1", (JSON, basic(project.secret)), f"[{body}]".encode())
    assert server.ask(sent).status == 200
    server.export_when(project, 2)
    for text in ("Sign up", '"Sign up"', '["Sign up"]'):
        assert [line["event"] for line in server.export(project, event=text)] == ["Sign up"], text
