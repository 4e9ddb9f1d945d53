"""Profile operations as the published documents show them: documented requests are taken, generated ones answered.

The documents name one path an operation, `/engage#profile-set`: what stands behind the `#` is not sent. They leave out
what is said of verbose and strict requests, which the wire tables hold.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.contract.documented_replies import assert_documented
from tests.support.contract.generated_requests import ASKED, check, generated, wire_request
from tests.support.contract.openapi_documents import document, documented_statuses, request_schema
from tests.support.http.encodings import JSON
from tests.support.http.exchange import Reply, Request
from tests.support.profile_server import ProfileServer
from tests.support.server import Project, Server

OPERATIONS = [path for path in document("ingestion")["paths"] if path.startswith(("/engage#", "/groups#"))]
OPERANDS = {
    "$set": {"Address": "1313 Mockingbird Lane"},
    "$set_once": {"Address": "1313 Mockingbird Lane"},
    "$add": {"Coins Gathered": 12},
    "$union": {"Items purchased": ["socks", "shirts"]},
    "$append": {"Power Ups": "Bubble Lead"},
    "$remove": {"Items purchased": "socks"},
    "$unset": ["Days Overdue"],
}


def documented_records(path: str, token: str) -> list[dict[str, Any]]:
    """The records of an operation's own example: the defaults of its schema, and an operand where there is none."""
    schema = request_schema(path)
    if "default" in schema:
        text: str = schema["default"]
        records: list[dict[str, Any]] = json.loads(text)
    else:
        members = schema["items"]["properties"]
        records = [{name: each.get("default", OPERANDS.get(name)) for name, each in members.items()}]
    return [record | {"$token": token} for record in records]


def test_every_documented_operation_is_known() -> None:
    assert len(OPERATIONS) == 16
    assert {path.partition("#")[0] for path in OPERATIONS} == {"/engage", "/groups"}


@pytest.mark.parametrize("path", OPERATIONS)
def test_documented_request_is_answered_as_documented(server: Server, project: Project, path: str) -> None:
    body = json.dumps(documented_records(path, project.token)).encode()
    for flags in ("", "?ip=0", "?ip=1&verbose=0&strict=0"):
        target = path.partition("#")[0] + flags
        assert assert_documented(path, server.ask(Request("POST", target, (JSON,), body))) == 1


def test_documented_batches_leave_what_the_documents_say(
    profile_server: ProfileServer, profile_project: Project
) -> None:
    for path in ("/engage#profile-batch-update", "/groups#group-batch-update"):
        body = json.dumps(documented_records(path, profile_project.token)).encode()
        profile_server.server.ask(Request("POST", path.partition("#")[0], (JSON,), body))
    profiles = profile_server.profiles_of(profile_project)
    for properties in profiles.values():
        properties.pop("$last_seen", None)
    assert {key: properties for key, properties in profiles.items() if properties} == {
        ("", "13793"): {"$email": "user1@mail.com"},
        ("", "13794"): {"Coins Gathered": 13},
        ("Company", "Mixpanel"): {"Address": "1313 Mockingbird Lane"},
        ("Company", "Wayne Enterprises"): {"Address": "Wayne Tower, Gotham City"},
    }


@pytest.mark.parametrize("path", OPERATIONS)
def test_no_valid_object_is_answered_as_documented(server: Server, project: Project, path: str) -> None:
    target = path.partition("#")[0]
    for bad in ({}, {"$token": project.token}, {"$token": project.token, "$distinct_id": "u", "$group_id": "g"}):
        assert assert_documented(path, server.ask(Request("POST", target, (JSON,), json.dumps([bad]).encode()))) == 0


def check_profiles(reply: Reply, case: Any) -> None:
    """Strict requests may be answered with a 400, and too large ones with a 413."""
    assert reply.status in documented_statuses(case.operation.path) | {400, 413}
    if reply.status == 400:
        assert (case.query or {}).get("strict") not in (None, "0", 0)
    flags = ("verbose", "strict", "callback", "img", "redirect")
    if not any(flag in (case.query or {}) for flag in flags):
        assert reply.status == 413 or reply.body in (b"0", b"1")


@ASKED
@given(
    case=st.sampled_from(OPERATIONS).flatmap(lambda path: generated("ingestion", path, "POST")), tokens=st.booleans()
)
def test_any_generated_profile_request_gets_a_documented_reply(server: Server, case: Any, tokens: bool) -> None:
    if tokens and isinstance(case.body, list):
        for each in case.body:
            if isinstance(each, dict):
                each["$token"] = server.project.token
    request = wire_request(case, case.operation.path.partition("#")[0], (), {})
    check(check_profiles, request, server.ask(request), case)
