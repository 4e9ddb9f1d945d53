"""What a profile query asks for (openapi/query engage-query): every parameter, in a query string, a form or JSON."""

import asyncio
import base64
import gzip
import json
import socket
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.edge.credentials import access_to
from tests.support.edge.rate_limit_processes import a_project
from tests.support.examples import examples
from tests.support.projects.migrated import migrated_file
from trackway.domain.errors import RequestError
from trackway.domain.limits import PROFILE_SESSION_S
from trackway.edge.access.change_queue import Changes
from trackway.edge.api.endpoint_shell import Shell
from trackway.edge.api.profiles import PATHS, PROFILES, Wanted, read_wanted
from trackway.edge.limits import QUERY_BODY_BYTES_MAX
from trackway.edge.quotas.in_flight import InFlight
from trackway.edge.quotas.rate_limits import RateLimits
from trackway.edge.wire.parameter_tables import PROFILE_QUERY
from trackway.edge.wire.parameters import read_parameters
from trackway.projects.project_lookup import ProjectDirectory
from trackway.query.profile_order import Order
from trackway.query.profile_query import ProfileQuery
from trackway.settings.table import Settings
from trackway.store.reader import open_readers


def asked(**parameters: str) -> Wanted:
    PROFILE_QUERY.check(parameters)
    return read_wanted(parameters, a_project())


# (parameters, what differs from asking for all users)
GOOD: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({}, {}),
    ({"project_id": "1", "workspace_id": "7", "verbose": "1", "unknown": "x"}, {}),
    ({"distinct_id": "a"}, {"ids": {"a"}}),
    ({"distinct_ids": '["a", "ü", "a"]'}, {"ids": {"a", "ü"}}),
    ({"distinct_ids": "[]"}, {"ids": set()}),
    ({"distinct_ids": '["a","b"]', "distinct_id": "b"}, {"ids": {"b"}}),
    ({"distinct_ids": '["a"]', "distinct_id": "b"}, {"ids": set()}),
    ({"data_group_id": "company"}, {"group_key": "company"}),
    ({"output_properties": '["$email","Total Spent"]'}, {"output_properties": ["$email", "Total Spent"]}),
    ({"output_properties": "[]"}, {"output_properties": []}),
    ({"include_all_users": "true"}, {}),
    ({"include_all_users": "False", "format": "JSON"}, {"lists_all": False}),
    ({"distinct_ids": "a"}, {"ids": {"a"}}),
    ({"distinct_ids": '"a"', "output_properties": "Total Spent"}, {"ids": {"a"}, "output_properties": ["Total Spent"]}),
    ({"distinct_ids": '"a" and b'}, {"ids": {'"a" and b'}}),
    ({"filter_by_cohort": "", "behaviors": "", "as_of_timestamp": "", "where": " ", "page": "", "session_id": ""}, {}),
    ({"page": "0"}, {}),
    ({"page_size": "250", "limit": "7"}, {"page_size": 250, "limit": 7}),
    ({"search": "Ann"}, {"search": "Ann"}),
    ({"sort_key": "plan"}, {"order": Order("plan")}),
    ({"sort_key": 'properties["$last_seen"]', "sort_order": "descending"}, {"order": Order("$last_seen", True)}),
    ({"sort_key": " user['q\"'] ", "sort_order": "Ascending"}, {"order": Order('q"')}),
    ({"sort_key": '"plan"'}, {"order": Order("plan")}),
    ({"sort_key": "Size [cm]"}, {"order": Order("Size [cm]")}),
    ({"sort_key": "1"}, {"order": Order("1")}),
    ({"sort_order": "descending"}, {"order": Order("$distinct_id", True)}),
    ({"sort_order": "ascending"}, {}),
]


@pytest.mark.parametrize(("parameters", "changes"), GOOD, ids=[json.dumps(row[0])[:60] for row in GOOD])
def test_parameters_are_read(parameters: dict[str, str], changes: dict[str, Any]) -> None:
    found = asked(**parameters)
    assert found.query == ProfileQuery(1)._replace(**changes)
    assert (found.session, found.page) == (None, 0)


SESSION_ERROR = "session_id is unknown, older than 60 minutes, or of a query with other parameters"

# (parameters, status, the message)
BAD: list[tuple[dict[str, str], int, str]] = [
    (
        {"filter_by_cohort": "12345"},
        400,
        "filter_by_cohort must be a JSON object: Expected `object`, got `int`",
    ),
    (
        {"filter_by_cohort": '{"id":1}', "data_group_id": "company"},
        400,
        "filter_by_cohort is not supported with data_group_id: a cohort is of users",
    ),
    ({"behaviors": "[]"}, 400, "behaviors is not supported"),
    ({"as_of_timestamp": "1"}, 400, "as_of_timestamp is not supported"),
    ({"include_all_users": "maybe"}, 400, "include_all_users must be true or false"),
    ({"selector": "true"}, 400, "selector is not supported"),
    ({"format": "csv"}, 400, "format must be json"),
    ({"page": "-1"}, 400, "page must be a whole number from 0 to 999999999"),
    ({"page": "1.0"}, 400, "page must be a whole number from 0 to 999999999"),
    ({"page": "1" * 10}, 400, "page must be a whole number from 0 to 999999999"),
    ({"page": "1"}, 400, "session_id is required for a page above 0"),
    ({"session_id": "1234567890-EXAMPL"}, 400, SESSION_ERROR),
    ({"page": "1", "session_id": "x" * 10_000}, 400, SESSION_ERROR),
    ({"page_size": "0"}, 400, "page_size must be a whole number from 1 to 1000"),
    ({"page_size": "1001"}, 400, "page_size must be a whole number from 1 to 1000"),
    ({"limit": "0"}, 400, "limit must be a whole number from 1 to 999999999"),
    ({"sort_order": "down"}, 400, "sort_order must be ascending or descending"),
    ({"sort_key": "a" * 256}, 400, "sort_key must not be longer than 255 characters"),
    ({"search": "a" * 264}, 400, "search must not be longer than 263 characters"),
    ({"sort_key": 'properties["a'}, 400, "sort_key: the string that begins at character 12 does not end"),
    ({"sort_key": 'number(properties["a"])'}, 400, 'sort_key: expected a name or properties["name"] at character 1'),
    ({"where": "(1"}, 400, "where: expected ')' at character 3, found end of text"),
    (
        {"output_properties": json.dumps([str(number) for number in range(256)])},
        400,
        "output_properties must not name more than 255 properties",
    ),
]


@pytest.mark.parametrize(("parameters", "status", "message"), BAD, ids=[json.dumps(row[0])[:60] for row in BAD])
def test_what_cannot_be_asked_for_is_refused(parameters: dict[str, str], status: int, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        asked(**parameters)
    assert (caught.value.status, caught.value.message) == (status, message)


@pytest.mark.parametrize("name", ["distinct_ids", "output_properties"])
@pytest.mark.parametrize("text", ["{}", "[1]", "[null]", '["a"', "[" * 1000, '["\\ud800"]'])
def test_lists_must_be_arrays_of_strings(name: str, text: str) -> None:
    with pytest.raises(RequestError, match=f"{name} must be a JSON array of strings") as caught:
        asked(**{name: text})
    assert caught.value.status == 400


QUERY = {"where": 'properties["a"] == 1', "output_properties": '["a"]'}


def session_id(total: int, age_s: int = 0, parameters: Mapping[str, str] | None = None) -> str:
    fingerprint = asked(**(parameters or {})).fingerprint
    return f"{int(time.time()) - age_s}-{total}-{fingerprint}{'0' * 16}"


def test_a_session_goes_on_with_the_query_it_began_with() -> None:
    named = session_id(1500, parameters=QUERY)
    for page in ("", "0", "1", "7"):
        found = asked(session_id=named, page=page, workspace_id="1", **QUERY)
        assert found.session is not None
        assert (found.session.text, found.page) == (named, int(page or 0))
    others: list[dict[str, str]] = [
        {},
        QUERY | {"where": "true"},
        QUERY | {"data_group_id": "company"},
        QUERY | {"distinct_id": "a"},
        QUERY | {"distinct_ids": '["a"]'},
        {"where": QUERY["where"]},
        QUERY | {"sort_key": "a"},
        QUERY | {"sort_order": "descending"},
        QUERY | {"search": "a"},
        QUERY | {"limit": "7"},
        QUERY | {"page_size": "999"},
    ]
    for other in others:
        with pytest.raises(RequestError, match="of a query with other parameters"):
            asked(session_id=named, page="1", **other)


def test_a_session_ends_after_an_hour() -> None:
    assert asked(session_id=session_id(1500, PROFILE_SESSION_S - 60), page="1").session
    with pytest.raises(RequestError, match="older than 60 minutes"):
        asked(session_id=session_id(1500, PROFILE_SESSION_S + 60), page="1")


def test_the_first_page_of_a_result_that_has_no_other_is_asked_for_anew() -> None:
    assert asked(session_id=session_id(1000), page="0").session is None
    assert asked(session_id=session_id(1000), page="1").session is not None
    assert asked(session_id=session_id(1001), page="0").session is not None


def ask_without_store(directory: Path, body: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and body of the reply to a query while the store cannot be reached."""
    with closing(socket.create_server(("127.0.0.1", 0))) as unused:
        port = unused.getsockname()[1]
    database = migrated_file(directory / "projects.db")
    project = database.create("a", "us")
    projects = ProjectDirectory(directory / "projects.db")
    projects.refresh()
    rates = RateLimits(directory / "rates", 0, Settings(workers=1))
    readers = open_readers(f"http://trackway:x@127.0.0.1:{port}/default")
    changes = Changes(projects, directory / "projects.db")
    endpoint = Shell(access_to(projects), rates, InFlight(1 << 20, 1 << 20), readers, changes).query(PROFILES)
    credentials = b"Basic " + base64.b64encode(f"{project.secret}:".encode())
    scope = {"method": "POST", "path": PATHS[0], "query_string": b"", "headers": [(b"authorization", credentials)]}
    sent: list[Any] = []

    requests = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not requests:
            await asyncio.Event().wait()  # the client stays
        return requests.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        await endpoint(scope, receive, send)

    asyncio.run(ask())
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, json.loads(sent[1]["body"])


@pytest.mark.parametrize("body", [b"", b"where=properties[%22a%22] and true", b"SESSION&page=1"])
def test_while_the_store_cannot_be_reached_a_query_is_a_503(tmp_path: Path, body: bytes) -> None:
    named = urlencode({"session_id": session_id(1500)}).encode()
    status, headers, read = ask_without_store(tmp_path, body.replace(b"SESSION", named))
    assert (status, headers["retry-after"]) == (503, "5")
    assert (read["code"], read["status"]) == (503, "Service Unavailable")


VALUES = {"where": 'properties["ü"] == "a+b & c"', "page": "0", "distinct_ids": '["1","ü"]'}
FORM = urlencode(VALUES).encode()
PARTS = "".join(
    f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in VALUES.items()
).encode()


@pytest.mark.parametrize(
    ("query", "encoding", "body"),
    [
        (FORM, b"", b""),
        (b"", b"", FORM),
        (b"", b"identity", FORM),
        (b"", b" GZIP ", gzip.compress(FORM)),
        (b"", b"", json.dumps(VALUES).encode()),
        (b"", b"", b" \n" + json.dumps(VALUES | {"distinct_ids": ["1", "ü"], "page": 0, "session_id": None}).encode()),
        (b"", b"gzip", gzip.compress(json.dumps(VALUES).encode())),
        (b"", b"gzip", FORM),
        (b"", b"gzip", json.dumps(VALUES).encode()),
        (b"", b"", "\ufeff".encode() + json.dumps(VALUES).encode()),
        (b"", b"", PARTS + b"--b--\r\n"),
        (b"page=0", b"", urlencode(VALUES | {"page": "7"}).encode()),
        (urlencode(VALUES).encode(), b"", b'{"where":"false"}'),
    ],
)
def test_parameters_stand_in_the_query_in_a_form_or_in_json(query: bytes, encoding: bytes, body: bytes) -> None:
    assert read_parameters(query, encoding, body) == VALUES


def test_json_booleans_and_objects_are_read_as_their_text() -> None:
    body = b'{"include_all_users":true,"filter_by_cohort":{"id":1},"page":2,"where":""}'
    read = {"include_all_users": "true", "filter_by_cohort": '{"id":1}', "page": "2", "where": ""}
    assert read_parameters(b"", b"", body) == read


PACKED_TOO_LARGE = gzip.compress(b"x" * (QUERY_BODY_BYTES_MAX + 1), mtime=0)


@pytest.mark.parametrize(
    ("encoding", "body", "status", "message"),
    [
        (b"", b"[1]", 400, "body must be a form or a JSON object"),
        (b"", b'{"a":', 400, "body must be a form or a JSON object"),
        (b"", b'{"a":' + b"[" * 100_000, 400, "body must be a form or a JSON object"),
        (b"", b'{"a":"\\ud800"}', 400, "body must be a form or a JSON object"),
        (b"", b"where=%FF", 400, "must be valid utf8"),
        (b"", b"a=1&" * 70, 400, "must not have more than 64 form fields"),
        (b"gzip", b"hello", 400, "not valid gzip"),
        (b"", b"--b\r\n\r\nwhere", 400, "not valid multipart"),
        (b"br", b"where=1", 400, "content-encoding must be gzip, not 'br'"),
        (b"gzip", PACKED_TOO_LARGE, 413, "request exceeds max limit of 1048576 bytes"),
    ],
    ids=lambda each: repr(each)[:40],
)
def test_a_body_that_holds_no_parameters_is_refused(encoding: bytes, body: bytes, status: int, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        read_parameters(b"", encoding, body)
    assert caught.value.status == status
    assert message in caught.value.message


@settings(max_examples=examples(200))
@given(st.binary(max_size=50), st.sampled_from([b"", b"{", b'{"where":', b"distinct_ids=[", b"session_id="]))
def test_any_body_is_read_or_refused(text: bytes, head: bytes) -> None:
    try:
        read_wanted(read_parameters(quote(text).encode(), b"", head + text), a_project())
    except RequestError as error:
        assert error.status in (400, 401, 413)
