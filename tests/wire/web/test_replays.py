"""Rejected records sent again from their page: mended or as they are, each once, by those who may."""

import json
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.http.encodings import JSON
from tests.support.http.events import record
from tests.support.http.exchange import Request
from tests.support.profile_server import ProfileServer
from tests.support.server import VISIBLE_TIMEOUT_S, Project, Server
from tests.support.service_accounts import new_account
from tests.support.waiting import POLL_S
from tests.support.web.visitor import Visit, admin_password, signed_in
from trackway.edge.limits import REPLAY_RECORDS_MAX
from trackway.projects.roles import Role
from trackway.web.limits import REJECTED_SHOWN_PER_PAGE

MISSING = "distinct_id, missing or empty"
OLD = "'properties.time' is invalid: must not be older than 5 days; send it to /import"
WEEK_S = 7 * 86_400


def rejected_of(project: Project) -> str:
    return f"/app/projects/{project.project_id}/rejected"


def reject(server: Server, records: Any, path: str = "/track") -> None:
    """Send what is refused; /track answers `0` and keeps it."""
    reply = server.ask(Request("POST", path, (JSON,), json.dumps(records).encode()))
    assert (reply.status, reply.body) == (200, b"0"), reply


def keys_of(visit: Visit, project: Project, endpoint: str, reason: str, count: int) -> list[str]:
    """The records of a reason, as their pages are called, once there are so many."""
    deadline = time.monotonic() + VISIBLE_TIMEOUT_S
    while True:
        page = visit.get(f"{rejected_of(project)}?{urlencode({'endpoint': endpoint, 'reason': reason})}").body.decode()
        found = re.findall(r"/rejected/([0-9]+-[0-9]+-[0-9]+)", page)
        if len(found) == count:
            return found
        assert time.monotonic() < deadline, page
        time.sleep(POLL_S)


def state_of(visit: Visit, project: Project, key: str) -> str:
    return unescape(visit.get(f"{rejected_of(project)}/{key}").body.decode())


def test_record_that_was_too_old_is_imported_once(server: Server, project: Project, admin: Visit) -> None:
    old_s = int(time.time()) - WEEK_S
    reject(server, record(project, "old", time=old_s, insert_id="own-1", plan="pro"))
    [key] = keys_of(admin, project, "TRACK", OLD, 1)
    done = admin.post(f"{rejected_of(project)}/{key}")
    assert (done.status, done.header("location")) == (303, f"{rejected_of(project)}/{key}?replayed=1")
    [exported] = server.export_when(project, 1)
    properties = exported["properties"]
    assert (exported["event"], properties["time"], properties["plan"]) == ("old", old_s, "pro")
    assert (properties["$insert_id"], properties["$import"]) == ("own-1", True)
    again = admin.post(f"{rejected_of(project)}/{key}")
    assert again.status == 409
    assert "This record was sent again." in state_of(admin, project, key)


def test_mended_record_is_stored_and_one_that_is_not_says_why(server: Server, project: Project, admin: Visit) -> None:
    sent = record(project, "mended", distinct_id=None, time=None)
    reject(server, sent)
    [key] = keys_of(admin, project, "TRACK", MISSING, 1)
    page = f"{rejected_of(project)}/{key}"
    still = admin.post(page, {"text": json.dumps(sent)})
    assert still.status == 400
    assert "'properties.distinct_id' is invalid: must not be missing" in unescape(still.body.decode())
    for text, why in (("{", "not valid JSON"), ("", "found none at byte 0"), ('"x"', "must be a JSON object")):
        assert why in unescape(admin.post(page, {"text": text}).body.decode())
    sent["properties"]["distinct_id"] = "mended-user"
    assert admin.post(page, {"text": json.dumps(sent)}).status == 303
    [exported] = server.export_when(project, 1)
    assert exported["properties"]["distinct_id"] == "mended-user"


def test_all_of_a_reason_are_changed_and_replayed_once(server: Server, project: Project, admin: Visit) -> None:
    reject(server, [record(project, f"event {number}", distinct_id=None) for number in range(30)])
    keys_of(admin, project, "TRACK", MISSING, REJECTED_SHOWN_PER_PAGE)
    asked = {"endpoint": "TRACK", "reason": MISSING}
    refused = admin.post(f"{rejected_of(project)}/replay", asked).body.decode()
    assert "0 replayed" in refused and "30 still refused" in refused
    change = {"change": "set", "field": "properties.distinct_id", "value": '"everybody"'}
    assert "30 replayed" in admin.post(f"{rejected_of(project)}/replay", asked | change).body.decode()
    assert "0 replayed" in admin.post(f"{rejected_of(project)}/replay", asked | change).body.decode()
    exported = server.export_when(project, 30)
    assert {each["event"] for each in exported} == {f"event {number}" for number in range(30)}
    assert {each["properties"]["distinct_id"] for each in exported} == {"everybody"}


def test_more_than_one_request_sends_are_sent_by_going_on(server: Server, project: Project, admin: Visit) -> None:
    many = [
        record(project, f"event {number}", time=int(time.time()) - WEEK_S) for number in range(REPLAY_RECORDS_MAX + 5)
    ]
    reject(server, many)
    keys_of(admin, project, "TRACK", OLD, REJECTED_SHOWN_PER_PAGE)
    asked = {"endpoint": "TRACK", "reason": OLD}
    first = admin.post(f"{rejected_of(project)}/replay", asked).body.decode()
    assert f"{REPLAY_RECORDS_MAX} replayed" in first
    [before] = re.findall(r'name="before" value="([^"]*)"', first)
    rest = admin.post(f"{rejected_of(project)}/replay", asked | {"before": before}).body.decode()
    assert "5 replayed" in rest and 'name="before"' not in rest
    server.export_when(project, len(many))


def test_record_that_several_send_at_once_is_stored_once(server: Server, project: Project, admin: Visit) -> None:
    reject(server, record(project, time=int(time.time()) - WEEK_S))
    [key] = keys_of(admin, project, "TRACK", OLD, 1)
    csrf = admin.csrf
    with ThreadPoolExecutor(8) as threads:
        sent = [
            threads.submit(admin.send, f"{rejected_of(project)}/{key}", {"csrf": csrf}, ("Origin", admin.origin))
            for _ in range(16)
        ]
        statuses = Counter(each.result().status for each in sent)
    assert statuses[303] == 1 and set(statuses) <= {303, 409, 503}
    server.wait_loaded()
    assert len(server.export(project)) == 1


def test_change_that_is_no_json_is_told(server: Server, project: Project, admin: Visit) -> None:
    reject(server, record(project, distinct_id=None))
    keys_of(admin, project, "TRACK", MISSING, 1)
    fields = {"endpoint": "TRACK", "reason": MISSING, "change": "set", "field": "distinct_id", "value": "everybody"}
    reply = admin.post(f"{rejected_of(project)}/replay", fields)
    assert reply.status == 400 and b"Value must be JSON" in reply.body


@pytest.fixture(scope="module")
def profile_admin(profile_server: ProfileServer) -> Visit:
    return signed_in(profile_server.server, "admin", admin_password(profile_server.server))


def test_profile_update_that_was_rejected_is_applied_once(
    profile_server: ProfileServer, profile_project: Project, profile_admin: Visit
) -> None:
    server, project, visit = profile_server.server, profile_project, profile_admin
    reject(server, {"$token": project.token, "$distinct_id": "u", "$add": {"visits": "three"}}, "/engage")
    profile_server.wait_loaded()
    reason = "'$add.visits' is invalid: must be a number"
    [key] = keys_of(visit, project, "ENGAGE", reason, 1)
    mended = {"$distinct_id": "u", "$add": {"visits": 3}}
    assert visit.post(f"{rejected_of(project)}/{key}", {"text": json.dumps(mended)}).status == 303
    assert visit.post(f"{rejected_of(project)}/{key}", {"text": json.dumps(mended)}).status == 409
    assert profile_server.profiles_of(project)["", "u"] == {"visits": 3}


def test_replay_that_was_cut_off_is_taken_up_for_an_event(
    profile_server: ProfileServer, profile_project: Project, profile_admin: Visit
) -> None:
    """A process that died between the journal and its last mark: the event is there, and marked as begun."""
    server, project, visit = profile_server.server, profile_project, profile_admin
    reject(server, record(project, "once", time=int(time.time()) - WEEK_S))
    [key] = keys_of(visit, project, "TRACK", OLD, 1)
    assert visit.post(f"{rejected_of(project)}/{key}").status == 303
    profile_server.store.command(
        "INSERT INTO replays SELECT project_id, received, position, index, 1, now64(6), made_by FROM replays FINAL"
        " WHERE project_id = {project:UInt32}",
        {"project": project.project_id},
    )
    assert "interrupted" in state_of(visit, project, key)
    assert visit.post(f"{rejected_of(project)}/{key}").status == 303
    profile_server.wait_loaded()
    assert len(server.export(project)) == 1


ROLES: list[tuple[Role | None, int, int]] = [
    ("owner", 200, 303),
    ("admin", 200, 303),
    ("analyst", 200, 403),
    ("consumer", 403, 403),
    (None, 404, 404),
]


@pytest.mark.parametrize(("role", "seen", "sent"), ROLES, ids=[str(each[0]) for each in ROLES])
def test_records_are_seen_and_sent_by_those_who_may(
    server: Server, project: Project, admin: Visit, role: Role | None, seen: int, sent: int
) -> None:
    reject(server, record(project, time=int(time.time()) - WEEK_S))
    [key] = keys_of(admin, project, "TRACK", OLD, 1)
    roles: dict[int, Role] = {server.project.project_id: "owner"}
    if role:
        roles[project.project_id] = role
    account = new_account(server, roles)
    visit = signed_in(server, account.username, account.secret)
    page = f"{rejected_of(project)}/{key}"
    assert visit.get(rejected_of(project)).status == visit.get(page).status == seen
    other = page.replace(f"/{project.project_id}/", f"/{server.project.project_id}/")
    assert visit.get(other).status == visit.post(other).status == 404
    of_none = visit.post(f"{rejected_of(project)}/replay", {"endpoint": "TRACK", "reason": "x"})
    assert of_none.status == (200 if sent == 303 else sent)
    assert visit.post(page).status == sent


def test_replay_needs_the_token_of_the_session(server: Server, project: Project, admin: Visit) -> None:
    reject(server, record(project, time=int(time.time()) - WEEK_S))
    [key] = keys_of(admin, project, "TRACK", OLD, 1)
    assert admin.send(f"{rejected_of(project)}/{key}", {}, ("Origin", admin.origin)).status == 403
    assert admin.post(f"{rejected_of(project)}/{key}", None, ("Sec-Fetch-Site", "cross-site")).status == 403


@pytest.mark.parametrize("key", ["0-0-0", "x", "1-2", "1-2-3-4"])
def test_record_that_is_none_is_not_found(project: Project, admin: Visit, key: str) -> None:
    assert admin.get(f"{rejected_of(project)}/{key}").status == 404
    assert admin.post(f"{rejected_of(project)}/{key}").status == 404


def test_what_a_client_wrote_stays_text(server: Server, project: Project, admin: Visit) -> None:
    evil = "<script>alert(1)</script>'\"&"
    reject(server, record(project, evil, **{evil: 10**400}, distinct_id=evil, time=int(time.time()) - WEEK_S))
    deadline = time.monotonic() + VISIBLE_TIMEOUT_S
    while not (
        links := re.findall(r'href="([^"]*\?endpoint=TRACK[^"]*)"', admin.get(rejected_of(project)).body.decode())
    ):
        assert time.monotonic() < deadline
        time.sleep(POLL_S)
    [link], listed = links, admin.get(rejected_of(project)).body.decode()
    page = admin.get(unescape(link)).body.decode()
    for each in (listed, page):
        assert "<script>alert" not in each
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
