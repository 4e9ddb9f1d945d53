"""Read-only SQL on a running server: by API and by command, with its rights, its form and its entry in the audit."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import MakeProjects
from tests.support.command_line import trackway
from tests.support.http.encodings import FORM, JSON
from tests.support.http.events import import_all, record
from tests.support.http.exchange import Reply, Request
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import new_account
from tests.support.waiting import wait_until
from trackway.projects.audit import Entry
from trackway.projects.roles import ROLES
from trackway.query.read_only_sql.functions import allowed_functions
from trackway.query.read_only_sql.views import COLUMNS

PAGE = (Path(__file__).parents[2] / "docs/sql.md").read_text()
EXAMPLES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
PATH = "/api/query/sql"


@pytest.fixture(scope="module")
def shop(server: Server, make_projects: MakeProjects) -> Project:
    """A project with two events of one person, loaded."""
    [project] = make_projects(1)
    rows = [
        record(project, name, insert_id=f"id-{number}", time=1_772_280_000 + number, distinct_id="ada", note="it's, so")
        for number, name in enumerate(("View", "Order"))
    ]
    import_all(server, project, rows)
    server.wait_loaded()
    return project


def asked(server: Server, project: Project, query: str, **more: str) -> Reply:
    return asked_by(basic(project.secret), server, query, **more)


def asked_by(credentials: tuple[str, str], server: Server, query: str, **more: str) -> Reply:
    return server.ask(Request("POST", PATH, (JSON, credentials), json.dumps({"query": query} | more).encode()))


def answer(server: Server, project: Project, query: str, **more: str) -> dict[str, Any]:
    reply = asked(server, project, query, **more)
    assert reply.status == 200, reply
    found: dict[str, Any] = json.loads(reply.body)
    return found


def test_rows_come_with_names_and_types(server: Server, shop: Project) -> None:
    assert answer(
        server, shop, "SELECT event, count() AS n, max(time) FROM events GROUP BY event ORDER BY n, event"
    ) == {
        "status": "ok",
        "columns": [
            {"name": "event", "type": "String"},
            {"name": "n", "type": "UInt64"},
            {"name": "max(time)", "type": "DateTime64(3, 'UTC')"},
        ],
        "rows": [["Order", 1, "2026-02-28 12:00:01.000"], ["View", 1, "2026-02-28 12:00:00.000"]],
        "row_count": 2,
        "truncated": False,
    }


def test_a_form_is_read_and_csv_is_given(server: Server, shop: Project) -> None:
    form = {"query": "SELECT event, JSONExtractString(properties, 'note') AS note, [1] AS a FROM events ORDER BY time"}
    body = urlencode(form | {"format": "csv"}).encode()
    reply = server.ask(Request("POST", PATH, (FORM, basic(shop.secret)), body))
    assert reply.header("content-type") == "text/csv; charset=utf-8"
    assert list(csv.reader(io.StringIO(reply.body.decode()))) == [
        ["event", "note", "a"],
        ["View", "it's, so", "[1]"],
        ["Order", "it's, so", "[1]"],
    ]
    assert reply.header("x-trackway-truncated") is None
    cut = asked(server, shop, "SELECT arrayJoin(range(20000))", format="csv")
    assert cut.header("x-trackway-truncated") == "true" and len(cut.body.splitlines()) == 10_001


def test_dates_bound_the_events(server: Server, shop: Project) -> None:
    query = "SELECT count() FROM events"
    assert answer(server, shop, query, from_date="2026-02-28", to_date="2026-02-28")["rows"] == [[2]]
    assert answer(server, shop, query, from_date="2026-03-01", to_date="2026-03-02")["rows"] == [[0]]


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples_of_the_page_are_answered(server: Server, shop: Project, example: str) -> None:
    assert answer(server, shop, example)["columns"]


def test_page_has_every_column() -> None:
    for columns in COLUMNS.values():
        for name, meaning in columns.items():
            assert f"| `{name}` | {meaning} |\n" in PAGE
    assert len(EXAMPLES) > 3


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"query": " "}, "query is required"),
        ({"query": "SELECT 1", "format": "xml"}, "format must be json or csv"),
        ({"query": "SELECT 1", "from_date": "2026-01-01"}, "from_date and to_date come together, or neither"),
        (
            {"query": "SELECT 1", "from_date": "2026-01-02", "to_date": "2026-01-01"},
            "from_date must not be after to_date",
        ),
        ({"query": "SELECT 1 FROM loads"}, "table 'loads' is not allowed: there are events, profiles, group_profiles"),
        ({"query": "SELECT file('a')"}, f"function 'file' is not allowed; allowed are {allowed_functions()[0]}"),
        ({"query": "SELECT nothing FROM events"}, "the store refuses the query: Unknown expression"),
    ],
)
def test_what_is_wrong_is_named(server: Server, shop: Project, more: dict[str, str], error: str) -> None:
    reply = asked(server, shop, **more)
    assert reply.status == 400 and json.loads(reply.body)["error"].startswith(error), reply


def test_owners_and_admins_may_ask_and_the_audit_knows_the_length_alone(
    server: Server, make_projects: MakeProjects
) -> None:
    [project] = make_projects(1)
    query = "SELECT 'a-secret-value'"
    accounts = [new_account(server, {project.project_id: role}) for role in ROLES]
    here = str(project.project_id)
    statuses = [asked_by(each.basic, server, query, project_id=here).status for each in accounts]
    assert statuses == [200, 200, 403, 403]
    assert asked_by(basic(project.token), server, query).status == 403
    entries: list[Entry] = []

    def noted() -> bool:
        entries[:] = [
            each for each in server.projects.audit(10, None, project.project_id, []) if each.action == "sql asked"
        ]
        return len(entries) == 2

    wait_until(noted, 30, lambda: f"the audit has {entries}")
    assert {each.subject for each in entries} == {f"{len(query)} bytes"}


def test_command_prints_each_format(server: Server, shop: Project) -> None:
    def said(format_: str, query: str = "SELECT event, 1 AS n, NULL AS x FROM events ORDER BY event") -> str:
        done = trackway("sql", query, "--project", shop.name, "--format", format_, "--data-dir", str(server.data_dir))
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    assert said("csv") == "event,n,x\nOrder,1,\nView,1,\n"
    assert json.loads(said("ndjson").splitlines()[0]) == {"event": "Order", "n": 1, "x": None}
    assert json.loads(said("json"))["rows"] == [["Order", 1, None], ["View", 1, None]]
    assert [line.split() for line in said("table").splitlines() if "Order" in line] == [["Order", "1"]]


def test_each_format_keeps_the_digits_of_a_decimal(server: Server, shop: Project) -> None:
    query = "SELECT 1234567890123456.78::Decimal(18, 2) AS d, ['a', NULL] AS a, 2.10::Decimal(9, 2) AS e"
    reply = asked(server, shop, query, format="csv")
    cells = ["1234567890123456.78", '["a",null]', "2.1"]
    assert list(csv.reader(io.StringIO(reply.body.decode())))[1] == cells
    for format_ in ("csv", "json", "ndjson", "table"):
        here = ("--project", shop.name, "--data-dir", str(server.data_dir))
        done = trackway("sql", query, "--format", format_, *here)
        assert done.returncode == 0 and cells[0] in done.stdout, done


def test_command_says_what_is_cut_and_what_is_refused(server: Server, shop: Project) -> None:
    here = ("--project", shop.name, "--data-dir", str(server.data_dir))
    done = trackway("sql", "SELECT arrayJoin(range(20000))", "--format", "csv", *here)
    assert done.returncode == 0 and "only the first 10000 rows are shown" in done.stderr
    done = trackway("sql", "SELECT * FROM loads", *here)
    assert done.returncode == 1 and "table 'loads' is not allowed" in done.stderr
