"""The profile query over the wire: its reply to the byte, its pages, and what it refuses."""

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.http.encodings import FORM, JSON
from tests.support.http.exchange import Reply, Request
from tests.support.server import Project, Server, basic, running_server
from tests.support.store.process import RunningStore, migrated_store

PATH = "/api/2.0/engage"
GZIP = ("Accept-Encoding", "gzip")
PACKED = ("Content-Encoding", "gzip")
SEEN = 1_600_000_000


def update(server: Server, records: list[dict[str, Any]], path: str = "/engage") -> None:
    """Up to 2000 updates, which must be taken."""
    reply = server.ask(Request("POST", path, (JSON,), json.dumps(records).encode()))
    assert (reply.status, reply.body) == (200, b"1"), reply


def of_user(project: Project, distinct_id: str, **operations: Any) -> dict[str, Any]:
    named = {f"${name}": operand for name, operand in operations.items()}
    return {"$token": project.token, "$distinct_id": distinct_id, "$time": SEEN, "$ip": 0} | named


def of_group(project: Project, group_id: str, **operations: Any) -> dict[str, Any]:
    record = of_user(project, "", **operations)
    del record["$distinct_id"]
    return record | {"$group_key": "company", "$group_id": group_id}


def query(server: Server, project: Project, *headers: tuple[str, str], path: str = PATH, **parameters: str) -> Reply:
    """A query as a form."""
    body = urlencode(parameters).encode()
    return server.ask(Request("POST", path, (FORM, basic(project.secret), *headers), body))


def answer(server: Server, project: Project, **parameters: str) -> dict[str, Any]:
    reply = query(server, project, **parameters)
    assert (reply.status, reply.header("content-type")) == (200, "application/json"), reply
    read: dict[str, Any] = json.loads(reply.body)
    return read


def ids(read: dict[str, Any]) -> list[str]:
    return [each["$distinct_id"] for each in read["results"]]


@pytest.fixture(scope="module")
def people(server: Server) -> Project:
    """A project with three users and a company."""
    project = server.create_project()
    update(server, [of_user(project, f"user-{n}", set={"n": n, "name": f"ü {n}"}) for n in range(3)])
    update(server, [of_group(project, "Söhne & Co", set={"seats": 12})], "/groups")
    server.wait_loaded()
    return project


@pytest.fixture(scope="module")
def crowd(server: Server) -> Project:
    """A project with 2500 users."""
    project = server.create_project()
    for first in (0, 2000):
        numbers = range(first, min(first + 2000, 2500))
        update(server, [of_user(project, f"user-{n:04}", set={"n": n}) for n in numbers])
    server.wait_loaded()
    return project


def test_reply_is_as_documented_to_the_byte(server: Server, people: Project) -> None:
    reply = query(server, people, where='properties["n"] >= 1', output_properties='["n", "$last_seen"]')
    line = rb'\{"\$distinct_id":"user-%d","\$properties":\{"n":%d,"\$last_seen":"2020-09-13T12:26:40"\}\}\n'
    expected = (
        rb'\{"page":0,"page_size":1000,"session_id":"[0-9]{10}-2-[0-9a-f]{32}","status":"ok","total":2,"results":\['
        + line % (1, 1) + b"," + line % (2, 2) + rb"\]\}"
    )  # fmt: skip
    assert re.fullmatch(expected, reply.body), reply.body
    assert reply.header("content-type") == "application/json"


def test_nobody_found_is_an_empty_page(server: Server, people: Project) -> None:
    read = answer(server, people, distinct_id="nobody")
    assert (read["total"], read["results"]) == (0, [])
    assert answer(server, people, page="1", session_id=read["session_id"], distinct_id="nobody")["results"] == []


@pytest.mark.parametrize("path", [PATH, "/api/2.0/engage/", "/api/query/engage", "/api/query/engage/"])
def test_every_way_to_ask_gives_the_same(server: Server, people: Project, path: str) -> None:
    secret, where = basic(people.secret), 'properties["name"] == "ü 1"'
    target = f"{path}?project_id={people.project_id}"
    requests = [
        Request("GET", f"{path}?{urlencode({'where': where})}", (secret,)),
        Request("POST", f"{path}?{urlencode({'where': where})}", (secret,)),
        Request("POST", target, (secret, FORM), urlencode({"where": where}).encode()),
        Request("POST", target, (secret,), urlencode({"where": where}).encode()),
        Request("POST", target, (secret, JSON), json.dumps({"where": where, "page": 0}).encode()),
        Request("POST", target, (secret, PACKED), gzip.compress(urlencode({"where": where}).encode())),
        Request("POST", target, (secret, FORM), urlencode({"distinct_ids": '["user-1"]'}).encode()),
        Request("POST", target, (secret, JSON), json.dumps({"distinct_ids": ["user-1"]}).encode()),
    ]  # fmt: skip
    for request in requests:
        reply = server.ask(request)
        assert reply.status == 200, (request, reply)
        [found] = json.loads(reply.body)["results"]
        assert (found["$distinct_id"], found["$properties"]["n"]) == ("user-1", 1)


def test_groups_are_asked_for_by_their_key(server: Server, people: Project) -> None:
    read = answer(server, people, data_group_id="company", where='properties["seats"] > 10')
    assert [(each["$distinct_id"], each["$properties"]["seats"]) for each in read["results"]] == [("Söhne & Co", 12)]
    assert answer(server, people, data_group_id="plan")["total"] == 0
    assert ids(answer(server, people)) == ["user-0", "user-1", "user-2"]


def test_pages_stay_as_they_were_when_profiles_change(server: Server, crowd: Project) -> None:
    first = answer(server, crowd)
    assert (first["total"], ids(first)) == (2500, [f"user-{n:04}" for n in range(1000)])
    update(server, [of_user(crowd, f"user-{n:04}", delete="") for n in range(0, 2000, 2)])
    update(server, [of_user(crowd, f"user-{n:04}", set={"n": -1}) for n in range(1, 2500, 2)])
    update(server, [of_user(crowd, f"user-{n:04}-new", set={"n": -2}) for n in range(0, 2500, 5)])
    server.wait_loaded()
    again = [answer(server, crowd, session_id=first["session_id"], page=str(page)) for page in range(4)]
    assert again[0] == first
    assert [each["$properties"]["n"] for page in again for each in page["results"]] == list(range(2500))
    assert [page["page"] for page in again] == [0, 1, 2, 3]
    assert answer(server, crowd)["total"] == 2500 - 1000 + 500
    update(server, [of_user(crowd, f"user-{n:04}-new", delete="") for n in range(0, 2500, 5)])
    update(server, [of_user(crowd, f"user-{n:04}", set={"n": n}) for n in range(2000)])
    update(server, [of_user(crowd, f"user-{n:04}", set={"n": n}) for n in range(2000, 2500)])
    server.wait_loaded()


def test_a_session_of_another_project_is_refused(server: Server, crowd: Project, people: Project) -> None:
    session_id = answer(server, crowd)["session_id"]
    for page in ("0", "1"):
        reply = query(server, people, session_id=session_id, page=page)
        assert reply.status == 400
        assert json.loads(reply.body)["error"].startswith("session_id is unknown")
    assert len(answer(server, crowd, session_id=session_id, page="2")["results"]) == 500


def test_a_large_page_is_packed_where_asked_for_and_a_small_one_never(server: Server, crowd: Project) -> None:
    plain, packed = query(server, crowd), query(server, crowd, GZIP)
    assert (plain.header("content-encoding"), packed.header("content-encoding")) == (None, "gzip")
    assert json.loads(gzip.decompress(packed.body))["results"] == json.loads(plain.body)["results"]
    assert query(server, crowd, GZIP, distinct_id="user-0001").header("content-encoding") is None


@pytest.mark.parametrize(
    "parameters",
    [
        {"where": "properties['n'"},
        {"where": "n > 1"},
        {"where": "1 and 2"},
        {"where": 'properties["n"] and true'},
        {"where": 'event["$name"] == "a"'},
        {"where": "(" * 5000},
        {"where": 'user["a"]', "data_group_id": "company"},
        {"distinct_ids": '["user-1"'},
        {"output_properties": "[7]"},
        {"sort_key": 'properties["n'},
        {"sort_order": "up"},
        {"limit": "0"},
        {"page_size": "1001"},
        {"selector": "true"},
        {"page": "1"},
        {"page": "x"},
        {"session_id": "1234567890-EXAMPL"},
        {"filter_by_cohort": '{"id":12345}'},
        {"behaviors": '[{"window":"90d"}]'},
        {"as_of_timestamp": "1600000000"},
        {"include_all_users": "2"},
    ],
    ids=lambda each: json.dumps(each)[:60],
)
def test_bad_parameter_is_a_400_that_says_which(server: Server, people: Project, parameters: dict[str, str]) -> None:
    reply = query(server, people, **parameters)
    assert reply.status == 400, reply
    assert re.fullmatch(rb'\{"code":400,"error":"[^\n]+","status":"Bad Request"\}', reply.body), reply.body
    assert any(name in json.loads(reply.body)["error"] for name in (*parameters, "session_id")), reply.body


@pytest.mark.parametrize("path", [PATH, "/api/query/engage"])
def test_query_needs_the_credentials_of_the_project(server: Server, people: Project, path: str) -> None:
    nobody = b'{"code":401,"error":"Invalid credentials","status":"Unauthorized"}'
    for headers in ((), (basic("nobody"),), (("Authorization", "Bearer x"),)):
        for method in ("GET", "POST"):
            reply = server.ask(Request(method, path, headers))
            assert (reply.status, reply.body) == (401, nobody)
            assert (reply.header("www-authenticate") or "").startswith("Basic ")
    for reply in (query(server, people, path=path, project_id="999999"),
                  query(server, people, path=f"{path}?project_id=999999")):  # fmt: skip
        assert reply.status == 401
        assert json.loads(reply.body)["error"] == "Credentials in request did not match project_id URL parameter"
    account = server.ask(Request("POST", path, (basic("account", "secret"),)))
    assert json.loads(account.body)["error"] == "Not a valid service account username"


def test_other_methods_are_a_405(server: Server, people: Project) -> None:
    reply = server.ask(Request("DELETE", PATH, (basic(people.secret),)))
    assert (reply.status, reply.header("allow")) == (405, "GET, POST, OPTIONS")


def test_a_body_beyond_the_bound_is_a_413(server: Server, people: Project) -> None:
    reply = query(server, people, distinct_ids=json.dumps(["x" * 1000] * 1100))
    assert (reply.status, json.loads(reply.body)["status"]) == (413, "Request Entity Too Large")
    assert query(server, people, distinct_ids=json.dumps([f"user-{n}" for n in range(20_000)])).status == 200


def test_a_browser_may_ask(server: Server, people: Project) -> None:
    reply = query(server, people, ("Origin", "https://example.com"), distinct_id="user-1")
    assert reply.header("access-control-allow-origin") == "*"


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, RunningStore]]:
    """A server with rate limits, over a store that can be killed."""
    directory: Path = tmp_path_factory.mktemp("apart")
    arguments = ("--workers", "2", "--rate-limits", "--export-requests-per-hour", "40")
    with (
        migrated_store(directory / "store") as running,
        closing(running),
        running_server(directory / "data", "--store-url", running.url, *arguments) as server,
    ):
        yield server, running


@pytest.fixture
def divided(apart: tuple[Server, RunningStore]) -> Project:
    """A project of that server with 1500 users. Waiting for them uses up the rate of another project."""
    server, _ = apart
    project = server.create_project()
    update(server, [of_user(project, f"user-{n:04}", set={"n": n}) for n in range(1500)])
    server.wait_loaded()
    return project


def test_a_session_goes_on_after_the_store_was_killed(apart: tuple[Server, RunningStore], divided: Project) -> None:
    server, store = apart
    session_id = answer(server, divided)["session_id"]
    store.kill()
    store.start()
    assert ids(answer(server, divided, session_id=session_id, page="1")) == [f"user-{n:04}" for n in range(1000, 1500)]


def test_queries_are_limited_and_pages_are_not(apart: tuple[Server, RunningStore]) -> None:
    server, _ = apart
    project = server.create_project()
    session_id = ""
    for _ in range(40):
        session_id = answer(server, project)["session_id"]
    refused = query(server, project)
    assert (refused.status, json.loads(refused.body)["status"]) == (429, "Too Many Requests")
    assert 1 <= int(refused.header("retry-after") or 0) <= 3840, "an hour, and up to a fifteenth of it more"
    assert answer(server, project, session_id=session_id, page="1")["results"] == []
