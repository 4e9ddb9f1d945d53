"""Lookup tables over HTTP (protocol §13): what is answered, byte for byte, what is stored, and what is refused."""

import gzip
import json
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.http.exchange import Reply, Request
from tests.support.lookup.requests import CSV, GZIP, OK, PATH, creating, deleting, failed, listing, refused, replacing
from tests.support.profile_server import ProfileServer
from tests.support.server import Project, Server, basic, running_server
from tests.support.store.questions import Tables
from trackway.domain.limits import LOOKUP_TABLE_BYTES_MAX

SONGS = (
    b"id,artist,genre,is_platinum,name,num_listens,release_date,is_top_40,countries\n"
    b"c994bb,Drake,Pop,True,Hotline Bling,1700000000,2015-10-18T22:00:00,true,[]\n"
    b'd8d949,Gipsy Kings,Flamenco,False,Bamboleo,1170000,1987-07-12T05:00:00Z,false,"[""US"",""CA""]"\n'
    b'a43fb8,"Punk, Daft",,False,Aerodynamic,41000000.50,2001-03-12T07:30:00+02:00,false,\n'
)
ROWS = [
    ("a43fb8", {"artist": "Punk, Daft", "is_platinum": False, "name": "Aerodynamic", "num_listens": 41000000.5}
     | {"release_date": "2001-03-12T05:30:00", "is_top_40": False}),
    ("c994bb", {"artist": "Drake", "genre": "Pop", "is_platinum": True, "name": "Hotline Bling"}
     | {"num_listens": 1700000000, "release_date": "2015-10-18T22:00:00", "is_top_40": True, "countries": []}),
    ("d8d949", {"artist": "Gipsy Kings", "genre": "Flamenco", "is_platinum": False, "name": "Bamboleo"}
     | {"num_listens": 1170000, "release_date": "1987-07-12T05:00:00", "is_top_40": False, "countries": ["US", "CA"]}),
]  # fmt: skip
JSON = "application/json"
NONE = b'{"code":200,"status":"OK","results":[]}'
NOBODYS = "6f1c0b52-9c1e-4f0e-8a57-0d6a3c1f7e21"
"""The id of no table."""


@pytest.fixture(scope="module", autouse=True)
def loaded(server: Server, profile_server: ProfileServer) -> None:
    """Both servers have their tables in the store."""
    server.wait_loaded()
    profile_server.wait_loaded()


def create(server: Server, project: Project, name: str = "Songs") -> str:
    reply = server.ask(creating(project, name))
    assert reply.status == 200, reply
    [created] = json.loads(reply.body)["results"]
    assert created["name"] == name
    return str(created["id"])


def stored(server: ProfileServer, project: Project, table_id: str) -> list[tuple[str, dict[str, Any]]]:
    """What a query would read of a table."""
    table = Tables(server.store).find(project.project_id, uuid.UUID(table_id))
    assert table is not None
    rows = Tables(server.store).rows(project.project_id, table)
    assert len(rows) == table.row_count
    return rows


def assert_reply(reply: Reply, status: int, body: bytes) -> None:
    assert (reply.status, reply.body) == (status, body)
    assert reply.header("content-type") == JSON


def test_table_is_created_listed_replaced_and_deleted(server: Server, project: Project) -> None:
    assert_reply(server.ask(listing(project)), 200, NONE)
    songs, artists = create(server, project), create(server, project, "Artists & more é")
    assert create(server, project) == songs, "creating it again gives the same"
    results = f'{{"id":"{artists}","name":"Artists & more é"}},{{"id":"{songs}","name":"Songs"}}'
    assert_reply(server.ask(listing(project)), 200, f'{{"code":200,"status":"OK","results":[{results}]}}'.encode())
    assert_reply(server.ask(replacing(project, songs, SONGS)), 200, OK)
    assert_reply(server.ask(deleting(project, songs)), 200, OK)
    assert_reply(server.ask(deleting(project, artists)), 200, OK)
    assert_reply(server.ask(listing(project)), 200, NONE)
    gone = refused(f"Lookup table with id '{songs}' was not found.", 404, "Not Found")
    assert_reply(server.ask(replacing(project, songs, SONGS)), 404, gone)
    assert_reply(server.ask(deleting(project, songs)), 404, gone)


def test_rows_are_stored_with_their_types(profile_server: ProfileServer, profile_project: Project) -> None:
    server, project = profile_server.server, profile_project
    table_id = create(server, project)
    assert stored(profile_server, project, table_id) == []
    for body, *headers in ((SONGS,), (gzip.compress(SONGS), GZIP), (gzip.compress(SONGS),)):
        assert_reply(server.ask(replacing(project, table_id, b"id,a\n1,2\n")), 200, OK)
        assert stored(profile_server, project, table_id) == [("1", {"a": 2})]
        for chunk_bytes in (0, 50):
            assert_reply(server.ask(replacing(project, table_id, body, *headers, chunk_bytes=chunk_bytes)), 200, OK)
            assert stored(profile_server, project, table_id) == ROWS
    assert_reply(server.ask(replacing(project, table_id, b"id,a\n")), 200, OK)
    assert stored(profile_server, project, table_id) == []


@pytest.mark.parametrize(
    ("csv", "body"),
    [
        (b"", failed((0, "invalid header: must not be missing"))),
        (b"id,a,a\n", failed((0, "invalid header: name of column 3 must be unique: 'a' stands there twice"))),
        (
            b"id,a\n1,x\n1,y\n,z\n2\n",
            failed(
                (2, "invalid row: row indexes 1 and 2 have the same primary key"),
                (3, "primary key is required and cannot be blank"),
                (4, "invalid row: wrong number of fields"),
            ),
        ),
        (b"id,a\n" + b"x\n" * 12, failed(*((row, "invalid row: wrong number of fields") for row in range(1, 11)))),
        (gzip.compress(b"id,a\n1,2\n", mtime=0)[:-1], refused("body is not valid gzip: it ends too early")),
        (gzip.compress(b"id,a\n1\n", mtime=0), failed((1, "invalid row: wrong number of fields"))),
    ],
)
def test_a_table_with_a_fault_is_refused_and_stays_as_it_was(
    profile_server: ProfileServer, profile_project: Project, csv: bytes, body: bytes
) -> None:
    server, project = profile_server.server, profile_project
    table_id = create(server, project)
    assert_reply(server.ask(replacing(project, table_id, SONGS)), 200, OK)
    assert_reply(server.ask(replacing(project, table_id, csv)), 400, body)
    assert stored(profile_server, project, table_id) == ROWS


def test_a_table_over_100_mb_is_a_413_packed_or_not(server: Server, project: Project) -> None:
    table_id = create(server, project)
    row = b"," + b"x" * 1_000_000 + b"\n"
    table = b"id,a\n" + b"".join(b"%d%b" % (number, row) for number in range(LOOKUP_TABLE_BYTES_MAX // len(row) + 1))
    too_large = refused(f"request exceeds max limit of {LOOKUP_TABLE_BYTES_MAX} bytes", 413, "Request Entity Too Large")
    assert_reply(server.ask(replacing(project, table_id, gzip.compress(table, 1), GZIP)), 413, too_large)
    assert_reply(server.ask(replacing(project, table_id, table)), 413, too_large)


@pytest.mark.parametrize("table_id", [NOBODYS, "x", "%00", "{id}", f"urn:uuid:{NOBODYS}"])
@pytest.mark.parametrize("make", [deleting, lambda project, table_id: replacing(project, table_id, SONGS)])
def test_an_unknown_table_is_a_404(server: Server, project: Project, table_id: str, make: Any) -> None:
    named = table_id.replace("%00", "\x00")[:40]
    body = json.dumps(f"Lookup table with id '{named}' was not found.")
    reply = server.ask(make(project, table_id))
    assert_reply(reply, 404, f'{{"code":404,"error":{body},"status":"Not Found"}}'.encode())


def test_no_project_sees_or_changes_anothers_tables(
    profile_server: ProfileServer, make_profile_projects: MakeProjects
) -> None:
    server = profile_server.server
    mine, other = make_profile_projects(2)
    table_id = create(server, mine)
    assert create(server, other) != table_id
    server.ask(replacing(mine, table_id, SONGS))
    assert table_id.encode() not in server.ask(listing(other)).body
    for request in (replacing(other, table_id, b"id\n1\n"), deleting(other, table_id)):
        assert server.ask(request).status == 404
    assert stored(profile_server, mine, table_id) == ROWS
    table = Tables(profile_server.store).find(mine.project_id, uuid.UUID(table_id))
    assert table is not None
    assert (Tables(profile_server.store).rows(other.project_id, table)) == []


def requests(project: Project, table_id: str, extra: str, headers: Sequence[tuple[str, str]]) -> list[Request]:
    targets = [("GET", PATH), ("POST", PATH), ("PUT", f"{PATH}/{table_id}"), ("DELETE", f"{PATH}/{table_id}")]
    return [Request(method, f"{path}?{extra}", tuple(headers)) for method, path in targets]


def test_credentials_of_the_project_are_needed(server: Server, project: Project) -> None:
    table_id = create(server, project)
    unknown = refused("Invalid credentials", 401, "Unauthorized")
    for request in requests(project, table_id, "name=x", ()) + requests(project, table_id, "", (basic("nobody"),)):
        assert_reply(server.ask(request), 401, unknown)
    other = refused("Credentials in request did not match project_id URL parameter", 401, "Unauthorized")
    for request in requests(project, table_id, "name=x&project_id=999999", (basic(project.secret),)):
        assert_reply(server.ask(request), 401, other)
    assert server.ask(replacing(project, f"{table_id}?project_id={project.project_id}", SONGS)).body == OK


@pytest.mark.parametrize(
    ("query", "body", "message"),
    [
        ("", b"", "name must be 1 to 255 characters, not 0"),
        ("name=" + "a" * 256, b"", "name must be 1 to 255 characters, not 256"),
        ("name=%20a", b"", "name must be printable and not begin or end with a blank: ' a'"),
        ("name=%FF", b"", "query string must be valid utf8"),
        ("name=a", b"id,b\n", "body must be empty: a table is filled by a PUT to /lookup-tables/{id}"),
    ],
)
def test_a_table_needs_a_name_and_no_body(
    server: Server, project: Project, query: str, body: bytes, message: str
) -> None:
    request = Request("POST", f"{PATH}?{query}", (basic(project.secret), CSV), body)
    assert_reply(server.ask(request), 400, refused(message))
    assert_reply(server.ask(listing(project)), 200, NONE)


@pytest.mark.parametrize(
    ("path", "wrong", "allow"),
    [
        (PATH, ("PUT", "DELETE", "PATCH"), "GET, POST, OPTIONS"),
        (f"{PATH}/x", ("GET", "POST", "HEAD"), "PUT, DELETE, OPTIONS"),
    ],
)
def test_other_methods_are_named(server: Server, path: str, wrong: Sequence[str], allow: str) -> None:
    for method in wrong:
        reply = server.ask(Request(method, path))
        assert (reply.status, reply.header("allow")) == (405, allow)
    assert server.ask(Request("OPTIONS", path)).status == 204


def test_both_paths_take_a_trailing_slash(server: Server, project: Project) -> None:
    reply = server.ask(Request("POST", f"{PATH}/?name=Songs", (basic(project.secret),)))
    table_id = json.loads(reply.body)["results"][0]["id"]
    assert server.ask(replacing(project, table_id + "/", SONGS)).body == OK
    assert server.ask(Request("GET", f"{PATH}/", (basic(project.secret),))).body == server.ask(listing(project)).body


def test_replacements_of_24_hours_are_limited_over_all_workers(tmp_path: Path) -> None:
    arguments = ("--workers", "2", "--rate-limits", "--lookup-replacements-per-day", "3", "--path-prefix", "/mp")

    def below(request: Request) -> Request:
        return Request(request.method, f"/mp{request.target}", request.headers, request.body)

    with running_server(tmp_path / "data", *arguments) as server:
        server.wait_loaded()
        project, other = server.project, server.create_project()
        tables = {each: create_below(server, each, below) for each in (project, other)}
        for body, status in ((SONGS, 200), (b"id,a\n1\n", 400), (SONGS, 200), (b"", 400), (SONGS, 200)):
            assert server.ask(below(replacing(project, tables[project], body))).status == status, (
                "a refused one is free"
            )
        for _ in range(3):
            reply = server.ask(below(replacing(project, tables[project], SONGS)))
            text = "Project exceeded rate limits. Please retry the request with exponential backoff."
            assert_reply(reply, 429, refused(text, 429, "Too Many Requests"))
            assert 86_300 < int(reply.header("retry-after") or 0) <= 86_400
        assert server.ask(below(replacing(other, tables[other], SONGS))).status == 200


def create_below(server: Server, project: Project, below: Any) -> str:
    return str(json.loads(server.ask(below(creating(project, "Songs"))).body)["results"][0]["id"])


def test_simultaneous_replacements_leave_one_of_them_whole(
    profile_server: ProfileServer, profile_project: Project
) -> None:
    server, project = profile_server.server, profile_project
    table_id = create(server, project)
    bodies = [b"id,a\n" + b"".join(b"%d,%d\n" % (row, table) for row in range(2000 + table)) for table in range(4)]
    replies: list[Reply] = []

    def replace(body: bytes) -> None:
        replies.append(server.ask(replacing(project, table_id, body)))

    threads = [threading.Thread(target=replace, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    busy = refused("too many lookup tables are being replaced", 503, "Service Unavailable")
    assert {(reply.status, reply.body) for reply in replies} <= {(200, OK), (503, busy)}
    rows = stored(profile_server, project, table_id)
    [value] = {properties["a"] for _, properties in rows}
    assert len(rows) == 2000 + value
