"""Profile requests of the largest size, rejected records as they are kept, and order over several connections."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.http.encodings import JSON
from tests.support.http.exchange import Reply, Request
from tests.support.profile_server import ProfileServer
from tests.support.server import Project

UPDATE_BYTES_MAX = 1024 * 1024


def send(profile_server: ProfileServer, target: str, records: Any) -> Reply:
    body = records if isinstance(records, bytes) else json.dumps(records).encode()
    return profile_server.server.ask(Request("POST", target, (JSON,), body))


def update(project: Project, distinct_id: str = "u", **operations: Any) -> dict[str, Any]:
    known = {"$token": project.token, "$distinct_id": distinct_id, "$ignore_time": True}
    return known | {f"${name}": operand for name, operand in operations.items()}


def test_2000_updates_in_one_request_are_all_applied(profile_server: ProfileServer, profile_project: Project) -> None:
    updates = [update(profile_project, f"user-{row % 500}", append={"rows": row}) for row in range(2000)]
    reply = send(profile_server, "/engage?strict=1", updates)
    assert reply.body == b'{"code":200,"num_records_imported":2000,"status":"OK"}'
    profiles = profile_server.profiles_of(profile_project)
    assert profiles == {("", f"user-{user}"): {"rows": list(range(user, 2000, 500))} for user in range(500)}


def test_update_of_a_megabyte_is_applied_and_one_byte_more_is_a_413(
    profile_server: ProfileServer, profile_project: Project
) -> None:
    small = json.dumps(update(profile_project, "small", set={"a": 1})).encode()
    text = json.dumps(update(profile_project, "large", set={"a": 1}) | {"filler": ""}).encode()
    largest = text.replace(b'"filler": ""', b'"filler": "' + b"x" * (UPDATE_BYTES_MAX - len(text)) + b'"')
    assert len(largest) == UPDATE_BYTES_MAX
    assert send(profile_server, "/engage", b"[" + largest + b"]").body == b"1"
    for body in (b" ".join([largest[:-1], b"}"]), b"[" + small + b"," + largest[:-1] + b" }]"):
        assert send(profile_server, "/engage", body).status == 413
    assert profile_server.profiles_of(profile_project) == {("", "large"): {"a": 1}}


def test_rejected_updates_are_kept_with_reason_and_bytes(
    profile_server: ProfileServer, profile_project: Project
) -> None:
    bad = json.dumps(update(profile_project, add={"a": "1"})).encode()
    group = json.dumps(update(profile_project, set={"a": 1})).encode()
    good = json.dumps(update(profile_project, set={"a": 1})).encode()
    assert send(profile_server, "/engage", b"[" + good + b", " + bad + b"]").body == b"1"
    assert send(profile_server, "/groups", group).body == b"0"
    kept = profile_server.rejections_of(profile_project)
    assert [(endpoint, field, original) for endpoint, field, _, original in kept] == [
        (3, "$add.a", bad),
        (4, "$distinct_id", group),
    ]
    assert kept[0][2] == "'$add.a' is invalid: must be a number"
    assert profile_server.profiles_of(profile_project) == {("", "u"): {"a": 1}}


def test_updates_answered_one_after_the_other_are_applied_in_that_order(
    profile_server: ProfileServer, profile_project: Project
) -> None:
    # Each request may be taken by another worker; each client's own sequence must stay as it was.
    def client(name: str) -> None:
        for number in range(25):
            answered = send(
                profile_server, "/engage", update(profile_project, append={name: number}, set={"last": name})
            )
            assert answered.body == b"1"

    names = [f"client-{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(client, names))
    profile = profile_server.profiles_of(profile_project)["", "u"]
    assert profile.pop("last") in names
    assert profile == {name: list(range(25)) for name in names}


def test_many_clients_add_each_exactly_once(profile_server: ProfileServer, profile_project: Project) -> None:
    batch = [update(profile_project, add={"count": 1})] * 50
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: send(profile_server, "/engage", batch), range(40)))
    assert {reply.body for reply in replies} == {b"1"}
    assert profile_server.profiles_of(profile_project) == {("", "u"): {"count": 2000}}


@pytest.mark.parametrize("member", ['"$time":%s', '"$distinct_id":%s', '"$set":{"a":%s}'])
def test_nesting_that_passes_the_parser_only_just_is_no_failure(
    profile_server: ProfileServer, profile_project: Project, member: str
) -> None:
    for depth in range(900, 1010):
        deep = member % ("[" * depth + "]" * depth)
        body = f'{{"$token":"{profile_project.token}","$distinct_id":"u","$set":{{}},{deep}}}'
        reply = send(profile_server, "/engage", body.encode())
        assert (reply.status, reply.body) == (200, b"0"), (depth, reply)


def test_counts_of_profile_records_add_up_in_metrics(profile_server: ProfileServer, profile_project: Project) -> None:
    def count(path: str, outcome: str) -> float:
        page = profile_server.server.ask(Request("GET", "/metrics")).body.decode()
        start = f'trackway_records_total{{endpoint="{path}",outcome="{outcome}"'
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(start))

    before = {outcome: count("/engage", outcome) for outcome in ("accepted", "rejected")}
    records = [update(profile_project, set={"a": 1}), update(profile_project), update(profile_project, delete="")]
    assert send(profile_server, "/engage", records).body == b"1"
    assert count("/engage", "accepted") - before["accepted"] == 2
    assert count("/engage", "rejected") - before["rejected"] == 1
