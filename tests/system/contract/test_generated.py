"""Requests generated from the published documents, sound ones and broken ones: never a 5xx, always a documented reply.

The documents leave out a few replies that are right for generated nonsense: 400 and 401 of the export, and 405.
"""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.contract.generated_requests import ASKED, ERROR, assert_error, check, generated, wire_request
from tests.support.contract.openapi_documents import documented_reply, documented_statuses, validate
from tests.support.http.exchange import Reply
from tests.support.server import Project, Server, basic


def _is_set(case: Any, name: str) -> bool:
    return name in (case.query or {})


def check_track(reply: Reply, case: Any) -> None:
    assert reply.status in documented_statuses("/track") | {413}
    if any(_is_set(case, flag) for flag in ("verbose", "img", "callback", "redirect")):
        return
    assert reply.status == 413 or reply.body in (b"0", b"1")


def check_import(reply: Reply, case: Any) -> None:
    assert reply.status in documented_statuses("/import")
    body = json.loads(reply.body)
    if reply.status == 200 and (case.query or {}).get("strict") != "1":
        return
    documented = documented_reply("/import", reply.status)["application/json"]
    validate(documented["schema"], None, body)
    if reply.status != 200:
        validate(ERROR, None, body)


def check_export(reply: Reply, _case: Any) -> None:
    assert reply.status in documented_statuses("/export") | {400, 401, 413}
    if reply.status != 200:
        assert_error(reply)
        return
    assert all(isinstance(json.loads(line), dict) for line in reply.body.splitlines())


@ASKED
@given(case=generated("ingestion", "/track", "POST"), tokens=st.booleans())
def test_track_gives_a_documented_reply_to_any_generated_request(server: Server, case: Any, tokens: bool) -> None:
    if tokens and isinstance(case.body, list):
        for each in case.body:
            if isinstance(each, dict) and isinstance(each.get("properties"), dict):
                each["properties"]["token"] = server.project.token
    request = wire_request(case, "/track", (), {})
    check(check_track, request, server.ask(request), case)


@ASKED
@given(case=generated("ingestion", "/import", "POST"), known=st.booleans())
def test_import_gives_a_documented_reply_to_any_generated_request(server: Server, case: Any, known: bool) -> None:
    own = (basic(server.project.secret),) if known else ()
    query = {"project_id": str(server.project.project_id)} if known else {}
    request = wire_request(case, "/import", own, query)
    check(check_import, request, server.ask(request), case)


@ASKED
@given(case=generated("export", "/export", "GET"), known=st.booleans(), dates=st.booleans())
def test_export_gives_a_documented_reply_to_any_generated_request(
    server: Server, project: Project, case: Any, known: bool, dates: bool
) -> None:
    own = (basic(project.secret), ("Accept-Encoding", "identity")) if known else ()
    query = {"project_id": str(project.project_id)} if known else {}
    query |= {"from_date": "2020-01-01", "to_date": "2020-12-31"} if dates else {}
    request = wire_request(case, "/api/2.0/export", own, query)
    check(check_export, request, server.ask(request), case)
