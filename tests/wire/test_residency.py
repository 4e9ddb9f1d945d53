"""Data for another region is rejected with the right host named, and nothing of it is stored (protocol §1, [M])."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.http.encodings import FORM, JSON
from tests.support.http.events import record
from tests.support.http.exchange import Request
from tests.support.profile_server import ProfileServer
from tests.support.server import Project, Server, basic, running_server
from tests.support.service_accounts import new_account
from trackway.domain.endpoint import Endpoint

HOSTS = {"eu": "api-eu", "in": "api-in"}


@pytest.fixture(params=HOSTS)
def elsewhere(server: Server, request: pytest.FixtureRequest) -> Project:
    return server.create_project(region=str(request.param))


def sentence(project: Project) -> str:
    return f"project belongs to region '{project.region}', this server to 'us': send to {HOSTS[project.region]}"


def test_an_event_for_another_region_is_rejected_with_the_right_host(server: Server, elsewhere: Project) -> None:
    body = json.dumps([record(elsewhere, insert_id="id-1")]).encode()
    verbose = server.ask(Request("POST", "/track?verbose=1", (JSON,), body))
    assert (verbose.status, json.loads(verbose.body)) == (200, {"error": f"token, {sentence(elsewhere)}", "status": 0})
    assert server.ask(Request("POST", "/track", (JSON,), body)).body == b"0"


ASKING = [
    "POST /import?strict=1",
    "GET /api/2.0/export?from_date=2026-01-01",
    "POST /api/2.0/engage",
    "GET /api/query/engage",
    "GET /api/app/identity?distinct_id=a",
    "GET /api/app/identity/preview?ids=%5B%22a%22,%22b%22%5D",
    "POST /api/app/identity/unlink",
    "GET /api/app/facts",
    "POST /api/app/facts/rebuild",
    "GET /api/app/retention?event_retention=1",
    "GET /api/app/rate-limits",
    "GET /lookup-tables",
    "POST /lookup-tables?name=a",
    f"PUT /lookup-tables/{uuid.UUID(int=1)}",
    f"DELETE /lookup-tables/{uuid.UUID(int=1)}",
]


@pytest.mark.parametrize("method_and_path", ASKING)
def test_credentials_of_another_region_are_a_403_with_the_right_host(
    server: Server, elsewhere: Project, method_and_path: str
) -> None:
    method, _, path = method_and_path.partition(" ")
    body = b'{"id":"a","reason":"b"}' if "unlink" in path else b""
    account = new_account(server, {elsewhere.project_id: "owner"})
    named = f"{path}{'&' if '?' in path else '?'}project_id={elsewhere.project_id}"
    for target, credentials in ((path, basic(elsewhere.secret)), (named, account.basic)):
        reply = server.ask(Request(method, target, (JSON, credentials), body))
        expected = {"code": 403, "error": sentence(elsewhere), "status": "Forbidden"}
        assert (reply.status, json.loads(reply.body)) == (403, expected)


@pytest.mark.parametrize("in_form", [False, True], ids=["query", "form"])
def test_what_a_service_account_imports_for_another_region_is_shown_to_its_project(
    profile_server: ProfileServer, in_form: bool
) -> None:
    """An account of both projects: the one that is named decides, whatever token the events hold."""
    server = profile_server.server
    here, elsewhere = server.create_project(), server.create_project(region="eu")
    account = new_account(server, {here.project_id: "admin", elsewhere.project_id: "admin"})
    for project, told in ((elsewhere, 403), (here, 200)):
        text = json.dumps([record(elsewhere, insert_id="told-to-nobody", name="Ann")])
        if in_form:
            form = f"project_id={project.project_id}&strict=1&data={quote(text)}"
            request = Request("POST", "/import", (FORM, account.basic), form.encode())
        else:
            target = f"/import?strict=1&project_id={project.project_id}"
            request = Request("POST", target, (JSON, account.basic), text.encode())
        assert server.ask(request).status == told
    assert profile_server.rejections_of(elsewhere) == [(Endpoint.IMPORT, "", sentence(elsewhere), b"")]
    assert len(server.export_when(here, 1)) == 1


def test_a_batch_keeps_what_belongs_here(server: Server, project: Project, elsewhere: Project) -> None:
    events = [record(elsewhere, insert_id="id-1"), record(project, insert_id="id-2")]
    assert server.ask(Request("POST", "/track", (JSON,), json.dumps(events).encode())).body == b"1"
    assert [line["properties"]["$insert_id"] for line in server.export_when(project, 1)] == ["id-2"]


def under(host: str, path: str, body: bytes, *headers: tuple[str, str]) -> Request:
    return Request("POST", path, (("Host", host), JSON, *headers), body)


@pytest.mark.parametrize(
    ("host", "right"),
    [
        ("api-in.example.com", "api.example.com"),
        ("api-eu.example.com:8443", "api.example.com"),
        ("DATA-EU.Example.Com", "data.example.com"),
        ("eu.analytics.example.com", "analytics.example.com"),
        ("in.example.com", "example.com"),
    ],
)
def test_nothing_is_taken_under_a_name_of_another_region(
    server: Server, project: Project, host: str, right: str
) -> None:
    given = host.lower().partition(":")[0]
    told = f"project belongs to region 'us', '{given}' does not: send to '{right}'"
    events = [record(project, insert_id=f"insert-id-{number}") for number in range(3)]
    for body in (json.dumps(events).encode(), json.dumps(events[0]).encode()):
        reply = server.ask(under(host, "/track?verbose=1", body))
        assert json.loads(reply.body) == {"error": f"token, {told}", "status": 0}
    reply = server.ask(under(host, "/import", json.dumps(events).encode(), basic(project.secret)))
    assert (reply.status, json.loads(reply.body)["error"]) == (403, told)
    server.wait_loaded()
    assert server.export(project) == []


@pytest.mark.parametrize(
    "host",
    [
        *("api.example.com", "data.example.com:80", "127.0.0.1", "inn.example.com", "api-eux.example.com", ""),
        *("check-in.example.com", "log-in.example.com", "opt-in.example.org", "www-eu.example.com"),
        *("eu", "in", "eu:8080"),
    ],
)
def test_every_other_name_serves_the_region_of_the_server(server: Server, project: Project, host: str) -> None:
    assert server.ask(under(host, "/track", json.dumps(record(project, insert_id="a")).encode())).body == b"1"


@pytest.mark.parametrize(
    ("host", "right"),
    [
        ("api.example.com", "send to 'api-eu.example.com'"),
        ("data.example.com:8443", "send to 'data-eu.example.com'"),
        ("in.example.com", "send to 'eu.example.com'"),
        ("example.com", "send to api-eu"),
        ("api-eu.example.com", "'api-eu.example.com' must lead to a server of region 'eu'"),
        ("api.<script>.com", "send to api-eu"),
    ],
)
def test_the_right_host_is_named_after_the_one_that_was_used(server: Server, host: str, right: str) -> None:
    elsewhere = server.create_project(region="eu")
    told = f"project belongs to region 'eu', this server to 'us': {right}"
    reply = server.ask(under(host, "/track?verbose=1", json.dumps(record(elsewhere, insert_id="id-1")).encode()))
    assert json.loads(reply.body)["error"] == f"token, {told}"
    exported = Request("GET", "/api/2.0/export?from_date=2026-01-01", (("Host", host), basic(elsewhere.secret)))
    assert json.loads(server.ask(exported).body)["error"] == told


def test_what_was_for_another_region_is_shown_to_its_project_without_its_content(
    profile_server: ProfileServer,
) -> None:
    server = profile_server.server
    elsewhere = server.create_project(region="in")
    body = json.dumps([record(elsewhere, insert_id="told-to-nobody", name="Ann")]).encode()
    assert server.ask(Request("POST", "/track", (JSON,), body)).body == b"0"
    assert server.ask(Request("POST", "/import", (JSON, basic(elsewhere.secret)), body)).status == 403
    update = json.dumps([{"$token": elsewhere.token, "$distinct_id": "Ann", "$set": {"a": 1}}]).encode()
    assert server.ask(Request("POST", "/engage", (JSON,), update)).body == b"0"
    assert profile_server.rejections_of(elsewhere) == [
        (Endpoint.TRACK, "properties.token", f"token, {sentence(elsewhere)}", b""),
        (Endpoint.IMPORT, "", sentence(elsewhere), b""),
        (Endpoint.ENGAGE, "$token", f"token, {sentence(elsewhere)}", b""),
    ]


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """Two servers with one database of projects."""
    place = tmp_path_factory.mktemp("regions")
    with ExitStack() as stack:
        us = stack.enter_context(running_server(place / "us", "--workers", "1"))
        (place / "eu").mkdir()
        (place / "eu" / "projects.db").symlink_to(os.path.relpath(us.data_dir / "projects.db", place / "eu"))
        eu = stack.enter_context(running_server(place / "eu", "--workers", "1", "--region", "eu"))
        yield {"us": us, "eu": eu}


@pytest.mark.parametrize("region", ["us", "eu"])
def test_a_project_made_beside_a_server_is_of_its_region(regions: dict[str, Server], region: str) -> None:
    """The region is a flag of the server, which the command does not get."""
    command = [str(Path(sys.executable).with_name("trackway")), "project", "create", f"made in {region}", "--json"]
    data = ("--data-dir", str(regions[region].data_dir))
    done = subprocess.run([*command, *data], capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout)["region"] == region


@pytest.mark.parametrize("region", ["us", "eu"])
def test_of_two_servers_with_one_projects_database_the_one_of_the_region_stores(
    regions: dict[str, Server], region: str
) -> None:
    right = regions[region]
    (wrong,) = (server for server in regions.values() if server is not right)
    project = regions["us"].create_project(region=region)
    body = json.dumps(record(project, insert_id="a")).encode()
    assert wrong.ask(under("api.example.com", "/track", body)).body == b"0"
    assert wrong.ask(under("api.example.com", "/import", body, basic(project.secret))).status == 403
    name = {"us": "api.example.com", "eu": "api-eu.example.com"}[region]
    assert right.ask(under(name, "/track", body)).body == b"1"
    assert [line["properties"]["$insert_id"] for line in right.export_when(project, 1)] == ["a"]


def test_names_of_other_regions_may_be_taken_as_names(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("names") / "data"
    with running_server(data, "--workers", "1", "--no-region-host-names") as server:
        body = json.dumps(record(server.project, insert_id="a")).encode()
        assert server.ask(under("in.example.com", "/track", body)).body == b"1"
