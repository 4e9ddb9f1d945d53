"""Files of the events of a page: those that it shows or counts, each once, and of explicit types."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import MakeProjects
from tests.support.http.events import import_numbered, linking, record, track
from tests.support.reports import at
from tests.support.server import Project, Server
from tests.support.service_accounts import new_account
from tests.support.web.report_page import address, shown
from tests.support.web.visitor import Visit, signed_in
from tests.wire.web.conftest import OpenWindow

DAY = {"range": "custom", "from": "2025-03-01", "to": "2025-03-02"}
CHEAP = {"where1": "price", "is1": "is", "value1": "7"}
RECORDS = (
    ("view", "ann", "2025-03-01T10:00:00.123", {"price": 7, "title": "Zoë \u2028 <b>"}),
    ("view", "bob", "2025-03-01T11:00", {"price": 70}),
    ("order", "ann", "2025-03-02T09:00", {"price": 7}),
    ("order", "bob", "2025-03-04T09:00", {"price": 70, "nested": {"list": [1, None]}}),
)


@pytest.fixture
def filled(server: Server, project: Project) -> Project:
    """A project with RECORDS as `event-0` and on, two of them sent twice."""
    records = [record(project, event, distinct_id=who, time=at(when), **own) for event, who, when, own in RECORDS]
    import_numbered(server, project, records, 1, 3)
    return project


def lines(visit: Visit, path: str) -> list[dict[str, Any]]:
    reply = visit.get(path)
    assert reply.status == 200, reply
    headers = dict(reply.headers)
    assert headers["content-disposition"] == 'attachment; filename="events.jsonl"'
    assert "access-control-allow-origin" not in headers
    return [json.loads(line) for line in reply.body.decode().splitlines()]


def table(visit: Visit, path: str, directory: Path) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """The types of the columns as DuckDB names them, and the rows in the order of their insert ids."""
    reply = visit.get(path)
    assert reply.status == 200, reply
    assert dict(reply.headers)["content-disposition"] == 'attachment; filename="events.parquet"'
    file = directory / "events.parquet"
    file.write_bytes(reply.body)
    found = duckdb.read_parquet(str(file)).order("insert_id")
    types = dict(zip(found.columns, map(str, found.types), strict=True))
    return types, [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def cells(visit: Visit, path: str) -> list[dict[str, str]]:
    """The rows of a CSV in the order of their insert ids."""
    reply = visit.get(path)
    assert reply.status == 200, reply
    headers = dict(reply.headers)
    assert headers["content-type"].startswith("text/csv")
    assert headers["content-disposition"] == 'attachment; filename="events.csv"'
    rows = csv.DictReader(io.StringIO(reply.body.decode(), newline=""), strict=True)
    return sorted(rows, key=lambda row: row["insert_id"])


def ids(found: Sequence[dict[str, Any]]) -> list[str]:
    return sorted(each["properties"]["$insert_id"] for each in found)


def test_json_lines_are_those_of_the_export(server: Server, filled: Project, admin: Visit) -> None:
    found = lines(admin, address(filled, "/events/jsonl"))
    assert sorted(found, key=json.dumps) == sorted(server.export(filled), key=json.dumps)
    assert ids(found) == ["event-0", "event-1", "event-2", "event-3"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"event": "view"}, [0, 1]),
        ({"distinct_id": "ann"}, [0, 2]),
        ({"property1": "price", "value1": "70"}, [1, 3]),
        ({"begin": "2025-03-01T11:00", "end": "2025-03-04T09:00"}, [1, 2]),
        ({"property1": "", "value1": "event-2"}, [2]),
        ({"event": "nothing"}, []),
    ],
)
def test_all_files_have_the_events_of_the_filter(
    filled: Project, admin: Visit, tmp_path: Path, fields: dict[str, str], expected: list[int]
) -> None:
    names = [f"event-{number}" for number in expected]
    assert ids(lines(admin, address(filled, "/events/jsonl", **fields))) == names
    _, rows = table(admin, address(filled, "/events/parquet", **fields), tmp_path)
    assert [row["insert_id"] for row in rows] == names
    assert [row["insert_id"] for row in cells(admin, address(filled, "/events/events-csv", **fields))] == names


def test_cells_have_the_values_of_columns_and_the_rest_as_json(filled: Project, admin: Visit) -> None:
    first, *_, last = cells(admin, address(filled, "/events/events-csv", columns="price\r\n\r\nevent\ntitle"))
    assert [*first] == [
        "event", "time", "distinct_id", "distinct_id_before_identity", "device_id", "user_id", "insert_id", "endpoint",
        "received", "loaded", "price", "title", "other_properties",
    ]  # fmt: skip
    assert (first["event"], first["time"], first["distinct_id"]) == ("view", "2025-03-01 10:00:00.123", "ann")
    assert (first["price"], first["title"]) == ("7", RECORDS[0][3]["title"])
    assert (last["title"], json.loads(last["other_properties"])["nested"]) == ("", {"list": [1, None]})
    every = cells(admin, address(filled, "/events/events-csv"))[0]
    assert {"price", "title", "nested"} <= {*every} and every["other_properties"] == ""


def test_no_cell_is_a_formula_and_negative_numbers_stay(server: Server, project: Project, admin: Visit) -> None:
    own = {"a": '=HYPERLINK("x")', "b": -7.5, "c": "+1", "d": "-1+1", "e": "@x", "f": "\tx", "g": "\rx", "=h": 'q"\n,'}
    import_numbered(server, project, [record(project, "=view", distinct_id="-ann", time=at("2025-03-01T10:00"), **own)])
    [row] = cells(admin, address(project, "/events/events-csv"))
    assert {name: row[name] for name in ("a", "b", "c", "d", "e", "f", "g", "'=h")} == {
        "a": '\'=HYPERLINK("x")', "b": "-7.5", "c": "'+1", "d": "'-1+1", "e": "'@x", "f": "'\tx", "g": "'\rx",
        "'=h": 'q"\n,',
    }  # fmt: skip
    assert (row["event"], row["distinct_id"]) == ("'=view", "'-ann")


def test_a_table_has_explicit_types_and_the_person_of_now(
    server: Server, filled: Project, admin: Visit, tmp_path: Path
) -> None:
    track(server, linking(filled, "$identify", distinct_id="ada", **{"$identified_id": "ada", "$anon_id": "ann"}))
    server.wait_loaded()
    types, rows = table(
        admin, address(filled, "/events/parquet", begin="2025-03-01T00:00", end="2025-04-01T00:00"), tmp_path
    )
    zoned, text = "TIMESTAMP WITH TIME ZONE", "VARCHAR"
    assert types == {
        "event": text, "time": zoned, "distinct_id": text, "distinct_id_before_identity": text, "device_id": text,
        "user_id": text, "insert_id": text, "endpoint": text, "received": zoned, "loaded": zoned, "properties": text,
    }  # fmt: skip
    first = rows[0]
    assert first["time"] == datetime(2025, 3, 1, 10, 0, 0, 123_000, UTC)
    assert abs(first["received"] - datetime.now(UTC)) < timedelta(minutes=10)
    assert json.loads(first["properties"])["title"] == RECORDS[0][3]["title"]
    assert json.loads(rows[3]["properties"])["nested"] == {"list": [1, None]}
    exported = {each["properties"]["$insert_id"]: each["properties"]["distinct_id"] for each in server.export(filled)}
    assert [row["distinct_id"] for row in rows] == [exported[f"event-{number}"] for number in range(4)]
    assert [row["distinct_id_before_identity"] for row in rows] == ["ann", "bob", "ann", "bob"]
    assert {row["endpoint"] for row in rows} == {"/import"}


@pytest.mark.parametrize(
    ("path", "fields", "expected"),
    [
        ("/trends", {"event": ["view", "order"], **DAY}, [0, 1, 2]),
        ("/trends", {"event": "view", "where": "price", "is": "above", "value": "10", **DAY}, [1]),
        ("/funnels", {"event1": "view", "event2": "order", **DAY}, [0, 1, 2]),
        ("/funnels", {"event1": "view", **CHEAP, "event2": "order", **DAY}, [0, 2]),
        ("/retention", {"event1": "view", "event2": "order", "periods": "3", **DAY}, [0, 1, 2, 3]),
    ],
)  # fmt: skip
def test_a_report_gives_the_events_that_it_counts(
    filled: Project, admin: Visit, tmp_path: Path, path: str, fields: dict[str, Any], expected: list[int]
) -> None:
    names = [f"event-{number}" for number in expected]
    assert ids(lines(admin, address(filled, f"{path}/jsonl", **fields))) == names
    _, rows = table(admin, address(filled, f"{path}/parquet", **fields), tmp_path)
    assert [row["insert_id"] for row in rows] == names
    assert [row["insert_id"] for row in cells(admin, address(filled, f"{path}/events-csv", **fields))] == names
    assert f"{path}/parquet?" in shown(admin, address(filled, path, **fields))


def test_who_may_not_export_gets_no_file_and_no_link(server: Server, filled: Project) -> None:
    account = new_account(server, {filled.project_id: "consumer"})
    visit = signed_in(server, account.username, account.secret)
    trend = shown(visit, address(filled, "/trends", event="view", **DAY))
    assert "/trends/csv?" in trend and "parquet" not in trend and "events-csv" not in trend
    for path in ("/events", "/trends", "/funnels", "/retention"):
        for ending in ("jsonl", "parquet", "events-csv"):
            assert visit.get(address(filled, f"{path}/{ending}", event="view")).status == 403


def test_another_project_has_no_such_file(server: Server, filled: Project, make_projects: MakeProjects) -> None:
    [other_project] = make_projects(1)
    account = new_account(server, {other_project.project_id: "owner"})
    visit = signed_in(server, account.username, account.secret)
    assert visit.get(address(filled, "/events/jsonl")).status == 404
    assert lines(visit, address(other_project, "/events/jsonl")) == []


def test_the_page_of_events_offers_files_of_its_filter(
    filled: Project, windows: OpenWindow, session: dict[str, str]
) -> None:
    window = windows()
    window.take_cookies(session)
    window.open(address(filled, "/events", event="view"))
    assert "Download the events of this filter" in window.text()
    assert window.violations() == []
    link = window.page.get_by_role("link", name="Parquet").first
    assert "/events/parquet?event=view" in str(window.wait(link.get_attribute("href")))


def test_a_form_downloads_the_events_of_a_report_as_csv(
    filled: Project, windows: OpenWindow, session: dict[str, str]
) -> None:
    window = windows()
    window.take_cookies(session)
    window.open(address(filled, "/trends", event="view", **DAY))
    window.wait(window.find("summary:has-text('Events as CSV')").click())
    window.fill("Properties with a column, one a line", "price")
    body = window.downloaded("Download events as CSV")
    rows = csv.DictReader(io.StringIO(body.decode(), newline=""))
    assert sorted((row["insert_id"], row["price"]) for row in rows) == [("event-0", "7"), ("event-1", "70")]
    assert window.violations() == []
