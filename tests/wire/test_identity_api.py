"""`/api/app/identity` on a real server: whose an id is, what a merge would do, and undoing a link."""

import json
import time
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.http.exchange import Reply, Request
from tests.support.identities import JSON, device, people, send
from tests.support.server import VISIBLE_TIMEOUT_S, Project, Server, basic
from tests.support.waiting import wait_until

PATH = "/api/app/identity"


def get(server: Server, project: Project, path: str = "", user: str | None = None, **parameters: str) -> Reply:
    target = f"{PATH}{path}?{urlencode(parameters)}"
    return server.ask(Request("GET", target, (basic(project.secret if user is None else user),)))


def show(server: Server, project: Project, id: str) -> dict[str, Any]:
    reply = get(server, project, distinct_id=id)
    assert reply.status == 200, reply
    found: dict[str, Any] = json.loads(reply.body)
    return found


def preview(server: Server, project: Project, *ids: str) -> dict[str, Any]:
    reply = get(server, project, "/preview", ids=json.dumps(ids))
    assert reply.status == 200, reply
    found: dict[str, Any] = json.loads(reply.body)
    return found


def unlink(server: Server, project: Project, body: bytes, user: str | None = None) -> Reply:
    authorization = basic(project.secret if user is None else user)
    return server.ask(Request("POST", f"{PATH}/unlink", (authorization, JSON), body))


def steps(found: dict[str, Any]) -> list[tuple[str, str, str, str, str]]:
    return [tuple(step[name] for name in ("kind", "id", "to", "outcome", "reason")) for step in found["history"]]


def test_an_id_shows_its_person_and_how_it_came_to_be(server: Server, project: Project) -> None:
    send(server, project, device("D1"), device("D1", "U1"), device("D1", "U2"), device("D2", "U1"))
    server.wait_loaded()
    found = show(server, project, "$device:D1")
    assert (found["status"], found["distinct_id"], found["canonical_id"]) == ("ok", "$device:D1", "U1")
    assert found["ids"] == ["U1", "$device:D1", "$device:D2"]
    assert found["ids_are_cut"] is False
    assert steps(found) == [
        ("device", "$device:D1", "U1", "linked", ""),
        ("device", "$device:D1", "U2", "refused", "device is linked to another user"),
        ("device", "$device:D2", "U1", "linked", ""),
    ]
    assert show(server, project, "U1")["ids"] == found["ids"]


def test_an_unknown_id_is_a_person_alone(server: Server, project: Project) -> None:
    found = show(server, project, "nobody'); DROP TABLE events --")
    assert found["ids"] == ["nobody'); DROP TABLE events --"]
    assert found["history"] == []


@pytest.mark.parametrize("name", ["x" * 255, 'it\'s "a" \\', "a\nb\tc\0", "{id:String}", "a$device:"])
def test_an_id_of_any_characters_is_shown_and_unlinked(server: Server, project: Project, name: str) -> None:
    user = name.removeprefix("$device:") or "user"
    send(server, project, device(name), device(name, user))
    server.wait_loaded()
    assert show(server, project, f"$device:{name}")["ids"] == [user, f"$device:{name}"]
    body = json.dumps({"id": f"$device:{name}", "reason": name}).encode()
    assert unlink(server, project, body).status == 200
    server.wait_loaded()
    found = show(server, project, f"$device:{name}")
    assert (found["ids"], found["history"][-1]["reason"]) == ([f"$device:{name}"], name.strip())


def test_a_link_that_is_undone_is_undone_for_earlier_and_later_events(server: Server, project: Project) -> None:
    send(server, project, device("D1"), device("D1", "U1"))
    server.wait_loaded()
    assert people(server, project, 2) == ["U1", "U1"]
    reply = unlink(server, project, b'{"id": "$device:D1", "reason": "a shared tablet"}')
    assert (reply.status, json.loads(reply.body)) == (200, {"status": "ok", "id": "$device:D1"})
    send(server, project, device("D1"), device("D1", "U1"))
    server.wait_loaded()
    assert people(server, project, 4) == ["$device:D1", "$device:D1", "U1", "U1"]
    found = show(server, project, "$device:D1")
    assert found["ids"] == ["$device:D1"]
    assert steps(found)[-1] == ("unlink", "$device:D1", "", "unlinked", "a shared tablet")


def test_a_merge_can_be_looked_at_before(server: Server, project: Project) -> None:
    send(server, project, device("D1"), device("D1"), device("D2", "U1"), device("D3", "U2"))
    profile = [{"$token": project.token, "$distinct_id": "U1", "$set": {"plan": "pro"}}]
    assert server.ask(Request("POST", "/engage", (JSON,), json.dumps(profile).encode())).body == b"1"
    server.wait_loaded()
    found = preview(server, project, "$device:D1", "U1")
    assert (found["allowed"], found["reason"], found["canonical_id"]) == (True, "", "U1")
    assert found["moved_ids"] == ["$device:D1"]
    assert [(side["ids"], side["events"], side["profiles"]) for side in found["sides"]] == [
        (["$device:D1"], 2, 0),
        (["U1", "$device:D2"], 1, 1),
    ]
    taken = preview(server, project, "U1", "$device:D3")
    assert (taken["allowed"], taken["reason"], taken["moved_ids"]) == (False, "device is linked to another user", [])
    users = preview(server, project, "U1", "U2")
    assert users["reason"] == "simplified mode links a device, $device: and its id, to a user, and nothing else"
    assert preview(server, project, "U1", "$device:D2")["moved_ids"] == []
    assert people(server, project, 4) == ["$device:D1", "$device:D1", "U1", "U2"]


def test_in_original_mode_history_and_preview_follow_its_rules(server: Server) -> None:
    project = server.create_project(identity_mode="original")
    time.sleep(1.1)  # until every worker knows the project
    anonymous = str(uuid.uuid4())
    identify = {"event": "$identify", "$identified_id": "u", "distinct_id": "u"}
    send(server, project, {"distinct_id": anonymous}, identify | {"$anon_id": anonymous}, identify | {"$anon_id": "no"})
    send(server, project, {"distinct_id": "v"})
    server.wait_loaded()
    found = show(server, project, anonymous)
    assert found["ids"] == ["u", anonymous]
    assert steps(found) == [
        ("identify", anonymous, "u", "linked", ""),
        ("identify", "no", "u", "refused", "anonymous id is not a UUID v4"),
    ]
    merge = preview(server, project, "v", anonymous)
    assert (merge["allowed"], merge["canonical_id"], merge["moved_ids"]) == (True, "v", ["u", anonymous])
    assert [side["events"] for side in merge["sides"]] == [1, 3]
    assert unlink(server, project, json.dumps({"id": anonymous, "reason": "not theirs"}).encode()).status == 200
    server.wait_loaded()
    assert show(server, project, anonymous)["ids"] == [anonymous]


def test_ids_of_another_project_are_never_seen(server: Server, make_projects: Any) -> None:
    mine, other = make_projects(2)
    send(server, other, device("D1", "U1"))
    server.wait_loaded()
    assert show(server, mine, "$device:D1")["ids"] == ["$device:D1"]
    assert show(server, mine, "U1")["history"] == []
    assert [side["events"] for side in preview(server, mine, "U1", "$device:D1")["sides"]] == [0, 0]
    assert unlink(server, mine, b'{"id": "$device:D1", "reason": "mine"}').status == 200
    server.wait_loaded()
    assert show(server, other, "$device:D1")["canonical_id"] == "U1"


REFUSED = [
    ("", {}, "distinct_id must be 1 to 263 characters"),
    ("", {"distinct_id": "x" * 264}, "distinct_id must be 1 to 263 characters"),
    ("/preview", {}, "ids must be a JSON array of two different ids"),
    ("/preview", {"ids": '["a"]'}, "ids must be a JSON array of two different ids"),
    ("/preview", {"ids": '["a","a"]'}, "ids must be a JSON array of two different ids"),
    ("/preview", {"ids": '["a",""]'}, "ids must be 1 to 263 characters"),
]


@pytest.mark.parametrize(("path", "parameters", "text"), REFUSED)
def test_a_question_that_cannot_be_asked_is_refused(
    server: Server, project: Project, path: str, parameters: dict[str, str], text: str
) -> None:
    reply = get(server, project, path, **parameters)
    assert (reply.status, json.loads(reply.body)["error"]) == (400, text)


BODIES = [
    (b"", 'body must be {"id": "…", "reason": "…"}'),
    (b"[" * 9000, 'body must be {"id": "…", "reason": "…"}'),
    (b'{"id": "a"}', 'body must be {"id": "…", "reason": "…"}'),
    (b'{"id": "", "reason": "why"}', "id must be 1 to 263 characters"),
    (b'{"id": "a", "reason": " "}', "reason must be 1 to 255 characters"),
]


@pytest.mark.parametrize(("body", "text"), BODIES, ids=range(len(BODIES)))
def test_an_unlink_without_id_or_reason_is_refused(server: Server, project: Project, body: bytes, text: str) -> None:
    reply = unlink(server, project, body)
    assert reply.status == 400
    assert json.loads(reply.body)["error"].startswith(text)


def test_the_token_unlinks_nothing(server: Server, project: Project) -> None:
    body = b'{"id": "$device:D1", "reason": "why"}'
    by_token = unlink(server, project, body, user=project.token)
    assert (by_token.status, json.loads(by_token.body)["error"]) == (403, "project token may not unlink ids")
    for reply in (unlink(server, project, body, user="f" * 32), get(server, project, user="f" * 32, distinct_id="a")):
        assert (reply.status, json.loads(reply.body)["error"]) == (401, "Invalid credentials")
    large = unlink(server, project, b'{"id": "a", "reason": "%b"}' % (b"x" * 100_000))
    assert large.status == 413


def test_a_question_sees_what_a_later_reload_does(server: Server, project: Project) -> None:
    send(server, project, device("D1"))
    server.wait_loaded()
    assert show(server, project, "$device:D1")["ids"] == ["$device:D1"]
    send(server, project, device("D1", "U1"))
    wait_until(
        lambda: show(server, project, "$device:D1")["canonical_id"] == "U1",
        VISIBLE_TIMEOUT_S,
        lambda: "the link is not seen",
    )
