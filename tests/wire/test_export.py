"""The export (protocol §7): what each parameter selects, how a line looks, and what is refused."""

import gzip
import json
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.http.encodings import JSON
from tests.support.http.events import import_all, record, track
from tests.support.http.exchange import Request
from tests.support.server import VISIBLE_TIMEOUT_S, Project, Server, basic

DAYS = ("2020-02-28T23:59:59.999", "2020-02-29T00:00:00", "2020-02-29T23:59:59.999", "2020-03-01T00:00:00")
GZIP = (("Accept-Encoding", "gzip, deflate"),)


@pytest.fixture(scope="module")
def days(server: Server, make_projects: Callable[[int], Sequence[Project]]) -> Project:
    """A project with an event at each end of two days, named by their place."""
    [project] = make_projects(1)
    times = [round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000) for day in DAYS]
    events = [
        record(project, f"event {row % 2}", time=time, row=row, insert_id=f"id-{row}") for row, time in enumerate(times)
    ]
    import_all(server, project, events)
    server.wait_loaded()
    return project


def rows(lines: Sequence[dict[str, Any]]) -> list[int]:
    return sorted(line["properties"]["row"] for line in lines)


@pytest.mark.parametrize(
    ("from_date", "to_date", "expected"),
    [
        ("2020-02-29", "2020-02-29", [1, 2]),
        ("2020-02-28", "2020-02-28", [0]),
        ("2020-02-28", "2020-02-29", [0, 1, 2]),
        ("2020-02-29", "2020-03-01", [1, 2, 3]),
        ("2020-03-02", "2020-12-31", []),
        ("1971-01-01", "2099-12-31", [0, 1, 2, 3]),
    ],
)
def test_dates_are_inclusive_in_utc(
    server: Server, days: Project, from_date: str, to_date: str, expected: list[int]
) -> None:
    assert rows(server.export(days, from_date=from_date, to_date=to_date)) == expected


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ('["event 0"]', [0, 2]),
        ('["event 1"]', [1, 3]),
        ('["event 0","event 1"]', [0, 1, 2, 3]),
        ('["event"]', []),
        ('["event 0\' or 1=1 --"]', []),
        ("[]", [0, 1, 2, 3]),
    ],
)
def test_event_selects_by_exact_name(server: Server, days: Project, event: str, expected: list[int]) -> None:
    assert rows(server.export(days, event=event)) == expected


@pytest.mark.parametrize(("limit", "count"), [("1", 1), ("3", 3), ("4", 4), ("100000", 4)])
def test_limit_bounds_the_lines(server: Server, days: Project, limit: str, count: int) -> None:
    assert len(server.export(days, limit=limit)) == count


def test_time_is_in_seconds_or_in_milliseconds(server: Server, days: Project) -> None:
    ms = {line["properties"]["row"]: line["properties"]["time"] for line in server.export(days, time_in_ms="true")}
    seconds = {line["properties"]["row"]: line["properties"]["time"] for line in server.export(days)}
    assert ms == {0: 1582934399999, 1: 1582934400000, 2: 1583020799999, 3: 1583020800000}
    assert seconds == {row: time // 1000 for row, time in ms.items()}
    assert seconds == {
        line["properties"]["row"]: line["properties"]["time"] for line in server.export(days, time_in_ms="false")
    }


def test_duplicates_are_left_out_unless_asked_for(server: Server, days: Project) -> None:
    assert rows(server.export(days, deduplicate="true")) == [0, 1, 2, 3]
    assert set(rows(server.export(days, deduplicate="false"))) == {0, 1, 2, 3}


def test_each_line_is_json_that_ends_in_a_newline(server: Server, days: Project) -> None:
    reply = server.export_reply(days)
    assert reply.body.endswith(b"}\n")
    assert reply.body.count(b"\n") == 4
    assert all(isinstance(json.loads(line), dict) for line in reply.body.splitlines())
    assert (reply.header("content-type") or "").split(";")[0] == "text/plain"


# Each with the rows it keeps.
WHERE = [
    ('properties["row"] > 1', [2, 3]),
    ('properties["row"] in [0, 3] and event["$name"] == "event 1"', [3]),
    ('event["$time"] >= datetime("2020-02-29") and event["$time"] < datetime("2020-03-01T00:00:00")', [1, 2]),
    ('not defined(properties["nope"])', [0, 1, 2, 3]),
    ('properties["nope"]', []),
    ('properties["row"] == "1\' or 1=1 --"', []),
]


@pytest.mark.parametrize(("where", "expected"), WHERE)
def test_where_chooses_events(server: Server, days: Project, where: str, expected: list[int]) -> None:
    assert rows(server.export(days, where=where)) == expected


def test_where_goes_with_the_other_parameters(server: Server, days: Project) -> None:
    found = server.export(days, where='properties["row"] != 1', event='["event 1"]', from_date="2020-02-28")
    assert rows(found) == [3]
    assert len(server.export(days, where='properties["row"] >= 1', limit="2")) == 2


def test_an_operand_that_is_no_boolean_is_told_by_its_place(server: Server, days: Project) -> None:
    reply = server.export_reply(days, (), where='true and properties["row"]')
    assert reply.status == 400
    assert json.loads(reply.body)["error"] == (
        "where: expected a boolean at character 10, found another type in some rows"
    )
    allowed = server.export_reply(days, (), where='true and properties["row"]', from_date="2021-01-01")
    assert (allowed.status, allowed.body) == (200, b"")


def test_nothing_stored_is_an_empty_export(server: Server, project: Project) -> None:
    reply = server.export_reply(project)
    assert (reply.status, reply.body) == (200, b"")


def test_numbers_leave_as_they_were_sent(server: Server, project: Project) -> None:
    numbers = b'"a":1.0,"b":1e3,"c":-0.0,"d":12345678901234567890123,"e":0.1,"f":1.10'
    body = (
        json.dumps(record(project, insert_id="a")).encode().replace(b'"properties": {', b'"properties": {%b,' % numbers)
    )
    reply = server.ask(Request("POST", "/track", (), body))
    assert reply.body == b"1"
    server.wait_loaded()
    assert numbers in server.export_reply(project).body.replace(b" ", b"")


def test_small_export_is_never_compressed(server: Server, days: Project) -> None:
    reply = server.export_reply(days, GZIP)
    assert len(reply.body) <= 1400
    assert reply.header("content-encoding") is None


def test_large_export_is_compressed_when_asked_for(server: Server, project: Project) -> None:
    track(server, [record(project, insert_id=f"id-{row}", row=row, text="text " * 20) for row in range(50)])
    server.wait_loaded()
    plain, packed = server.export_reply(project), server.export_reply(project, GZIP)
    assert plain.header("content-encoding") is None
    assert packed.header("content-encoding") == "gzip"
    assert sorted(gzip.decompress(packed.body).splitlines()) == sorted(plain.body.splitlines())
    refused = server.export_reply(project, (("Accept-Encoding", "gzip;q=0, identity"),))
    assert refused.header("content-encoding") is None


def test_export_shows_the_own_project_only(server: Server, days: Project, project: Project) -> None:
    track(server, record(project, insert_id="id-1", row=77))
    server.wait_loaded()
    assert rows(server.export(project)) == [77]
    assert rows(server.export(days)) == [0, 1, 2, 3]


def test_export_takes_a_trailing_slash_and_the_right_project_id(server: Server, days: Project) -> None:
    query = f"from_date=2020-02-29&to_date=2020-02-29&project_id={days.project_id}"
    reply = server.ask(Request("GET", f"/api/2.0/export/?{query}", (basic(days.secret),)))
    assert (reply.status, reply.body.count(b"\n")) == (200, 2)


@pytest.mark.parametrize(
    "parameters",
    [
        {"from_date": ""},
        {"to_date": ""},
        {"from_date": "2020-02-30"},
        {"from_date": "yesterday"},
        {"from_date": "2020-2-1x"},
        {"from_date": "2020-W09-6"},
        {"to_date": "99999-01-01"},
        {"from_date": "2020-03-01", "to_date": "2020-02-29"},
        {"limit": "100001"},
        {"limit": "-1"},
        {"limit": "0"},
        {"limit": "many"},
        {"limit": "1.5"},
        {"limit": "9" * 400},
        {"event": "[1]"},
        {"event": '{"a":1}'},
        {"event": "[" * 5000},
        {"where": "properties['row'"},
        {"where": "row > 1"},
        {"where": "1 and 2"},
        {"where": "(" * 5000},
        {"where": 'properties["row"] and true'},
    ],
    ids=lambda each: json.dumps(each)[:60],
)
def test_bad_parameter_is_a_400_that_says_which(server: Server, days: Project, parameters: dict[str, str]) -> None:
    reply = server.export_reply(days, (), **parameters)
    assert reply.status == 400, reply
    assert re.fullmatch(rb'\{"code":400,"error":"[^\n]+","status":"Bad Request"\}', reply.body), reply.body
    assert any(name in json.loads(reply.body)["error"] for name in parameters), reply.body


def test_dates_must_be_given(server: Server, days: Project) -> None:
    for query, missing in (("to_date=2020-01-01", "from_date"), ("from_date=2020-01-01", "to_date"), ("", "from_date")):
        reply = server.ask(Request("GET", f"/api/2.0/export?{query}", (basic(days.secret),)))
        assert (reply.status, json.loads(reply.body)["status"]) == (400, "Bad Request")
        assert missing in json.loads(reply.body)["error"]


def test_export_needs_the_credentials_of_the_project(server: Server, days: Project) -> None:
    target = "/api/2.0/export?from_date=2020-01-01&to_date=2020-12-31"
    nobody = b'{"code":401,"error":"Invalid credentials","status":"Unauthorized"}'
    for headers in ((), (basic("nobody"),), (("Authorization", "Bearer x"),)):
        reply = server.ask(Request("GET", target, headers))
        assert (reply.status, reply.body) == (401, nobody)
        assert (reply.header("www-authenticate") or "").startswith("Basic ")
    other = server.ask(Request("GET", f"{target}&project_id=999999", (basic(days.secret),)))
    assert json.loads(other.body)["error"] == "Credentials in request did not match project_id URL parameter"


def test_where_speaks_of_the_users_profile_in_this_project_only(
    server: Server, project: Project, make_projects: Callable[[int], Sequence[Project]]
) -> None:
    (other,) = make_projects(1)
    for owner, plan in ((project, "pro"), (other, "free")):
        update = {"$token": owner.token, "$distinct_id": "ada", "$set": {"plan": plan}}
        assert server.ask(Request("POST", "/engage", (JSON,), json.dumps(update).encode())).body == b"1"
        track(server, [record(owner, "Bought", distinct_id=name) for name in ("ada", "nobody-yet")])
    deadline = time.monotonic() + VISIBLE_TIMEOUT_S
    while not (found := server.export(project, where='user["plan"] == "pro"')):
        assert time.monotonic() < deadline, "the profile is not there"
    assert [line["properties"]["distinct_id"] for line in found] == ["ada"]
    assert server.export(other, where='user["plan"] == "pro"') == []
    missing = server.export(project, where='not defined(user["plan"])')
    assert [line["properties"]["distinct_id"] for line in missing] == ["nobody-yet"]
