"""A disk that is nearly full: no data is accepted, the rest continues, and everything continues once there is room.

The engine of the store must never meet a full disk, so all of this happens with room left.
"""

import json
import random
import signal
import uuid
from collections.abc import Iterator

import pytest

from tests.support.crash.small_disk import SmallDisk, TreeOnSmallDisk
from tests.support.http.encodings import JSON
from tests.support.http.events import record
from tests.support.http.exchange import Reply, Request
from tests.support.lookup.requests import creating, deleting, replacing
from tests.support.server import Project, basic
from tests.support.waiting import wait_until

MIB = 1 << 20
DISK_BYTES = 320 * MIB
MARK = 64 * MIB
ENGINE_KEEPS = MARK // 4
WAIT_S = 60
FLOODS_MAX = 200


@pytest.fixture
def tree(disk: SmallDisk) -> Iterator[TreeOnSmallDisk]:
    arguments = ("--workers", "2", "--disk-free-bytes-min", str(MARK), "--journal-retention-s", "86400")
    with TreeOnSmallDisk(disk, *arguments) as tree:
        tree.start()
        tree.wait_caught_up()
        yield tree
        tree.stop()


def healthy(tree: TreeOnSmallDisk) -> bool:
    """Whether each edge process takes events, as far as eight connections tell."""
    return all(tree.ask(Request("GET", "/healthz")).status == 200 for _ in range(24))


def held(tree: TreeOnSmallDisk) -> bool:
    return all(tree.ask(Request("GET", "/healthz")).status == 503 for _ in range(24))


def ready(tree: TreeOnSmallDisk) -> bool:
    return tree.ask(Request("GET", "/readyz")).status == 200


def metrics(tree: TreeOnSmallDisk) -> bytes:
    return tree.ask(Request("GET", "/metrics")).body


def post(tree: TreeOnSmallDisk, target: str, body: object, *headers: tuple[str, str]) -> Reply:
    return tree.ask(Request("POST", target, (JSON, *headers), json.dumps(body).encode()))


def taking_in(tree: TreeOnSmallDisk, project: Project, table_id: str) -> list[tuple[str, Reply]]:
    """A request to everything that takes data in."""
    secret, event = basic(project.secret), record(project, insert_id=uuid.uuid4().hex)
    user = {"$token": project.token, "$distinct_id": "user-1", "$set": {"plan": "pro"}}
    group = {"$token": project.token, "$group_key": "company", "$group_id": "1", "$set": {"plan": "pro"}}
    return [
        ("one event", post(tree, "/track", event)),
        ("events", post(tree, "/track", [event] * 50)),
        ("a large batch", post(tree, "/track", [record(project, padding="x" * 200_000)] * 20)),
        ("import", post(tree, "/import?strict=1", [event], secret)),
        ("profile", post(tree, "/engage", [user])),
        ("group", post(tree, "/groups", [group])),
        ("unlink", post(tree, "/api/app/identity/unlink", {"id": "user-1", "reason": "test"}, secret)),
        ("new table", tree.ask(creating(project, uuid.uuid4().hex))),
        ("table's rows", tree.ask(replacing(project, table_id, b"id,colour\n1,red\n"))),
    ]


def test_nothing_is_taken_in_below_the_mark_while_the_rest_goes_on(tree: TreeOnSmallDisk, disk: SmallDisk) -> None:
    project = tree.create_project()
    table = json.loads(tree.ask(creating(project, "colours")).body)["results"][0]["id"]
    assert [(what, reply.status) for what, reply in taking_in(tree, project, table) if reply.status != 200] == []
    tree.wait_caught_up()
    disk.leave(MARK - 8 * MIB)
    wait_until(lambda: held(tree), WAIT_S, tree.log_end)
    assert b"disk is nearly full" in tree.ask(Request("GET", "/healthz")).body
    for what, reply in taking_in(tree, project, table):
        assert reply.status == 503, (what, reply)
        assert reply.header("retry-after") == "5", (what, reply)
        assert what == "one event" or b"disk is nearly full" in reply.body or reply.body == b"0", (what, reply)
    assert len(tree.export(project)) == 21  # the one event came three times and more
    assert tree.ask(deleting(project, table)).status == 200
    wait_until(lambda: b"\ntrackway_ingestion_held 1.0\n" in metrics(tree), WAIT_S, tree.log_end)
    disk.free()
    wait_until(lambda: healthy(tree), WAIT_S, tree.log_end)
    assert post(tree, "/track", record(project)).body == b"1"
    assert tree.starts == 1 and "process died" not in tree.log_end()


def test_loader_waits_for_room_and_loads_what_was_acknowledged_then(tree: TreeOnSmallDisk, disk: SmallDisk) -> None:
    project = tree.create_project()
    tree.wait_caught_up()
    tree.signal_when_there("loader", signal.SIGSTOP)
    assert post(tree, "/track", record(project)).status == 200
    disk.leave(MARK // 2 - 4 * MIB)
    tree.signal_when_there("loader", signal.SIGCONT)
    wait_until(lambda: "stays in the journal until there is room" in tree.log_end(), WAIT_S, tree.log_end)
    assert tree.export(project) == []
    wait_until(lambda: not ready(tree), WAIT_S, tree.log_end)
    disk.free()
    tree.wait_caught_up()
    assert len(tree.export(project)) == 1


def test_flood_stops_with_room_left_and_all_of_it_is_exported(tree: TreeOnSmallDisk, disk: SmallDisk) -> None:
    project, rng = tree.create_project(), random.Random(1)
    disk.leave(90 * MIB)
    acknowledged, lowest = set(), disk.free_bytes
    for _ in range(FLOODS_MAX):
        ids = [uuid.uuid4().hex for _ in range(40)]
        batch = [
            record(project, insert_id=each, **{f"p{j}": rng.randbytes(120).hex() for j in range(200)}) for each in ids
        ]
        reply = post(tree, "/track", batch)
        lowest = min(lowest, disk.free_bytes)
        if reply.status != 200:
            assert (reply.status, reply.header("retry-after")) == (503, "5")
            break
        acknowledged.update(ids)
    else:
        raise AssertionError("the flood was not stopped")
    assert lowest > ENGINE_KEEPS
    disk.free()
    tree.wait_caught_up()
    exported = [each["properties"]["$insert_id"] for each in tree.export(project)]
    assert sorted(exported) == sorted(acknowledged)
