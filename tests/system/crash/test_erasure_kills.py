"""Kill anything while persons are erased: each of them is gone at the end, and nobody else."""

import json
import random
import signal
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.support.crash.process_tree import Tree
from tests.support.http.exchange import Request, ask
from tests.support.server import Project, basic
from tests.support.waiting import wait_until

JSON = ("Content-Type", "application/json")
DELETIONS = "/api/app/data-deletions/v3.0"
VICTIMS = ("loader", "store", "loader", "whole tree", "store", "loader")
PEOPLE, EVENTS_EACH = 30, 40
GONE = ("user 3", "user 7")
ENDS_S_MAX = 150


def import_people(tree: Tree, project: Project) -> None:
    now_s = int(time.time())
    events = [
        {
            "event": "seen",
            "properties": {
                "time": now_s - 3600 - number * 86_400 * 3,
                "$insert_id": f"id-{person}-{number}",
                "$device_id": f"device {person}",
                **({"$user_id": f"user {person}"} if number % 2 else {}),
            },
        }
        for number in range(EVENTS_EACH)
        for person in range(PEOPLE)
    ]
    request = Request("POST", "/import?strict=1", (basic(project.secret), JSON), json.dumps(events).encode())
    assert ask(tree.port, request).status == 200


def certificate(tree: Tree, project: Project, task_id: str) -> dict[str, Any]:
    """What is known of the task; nothing while the server is away."""
    path = f"{DELETIONS}/{task_id}/certificate?token={project.token}"
    try:
        reply = ask(tree.port, Request("GET", path, (basic(project.secret),)))
        found: dict[str, Any] = json.loads(reply.body).get("results", {})
    except (OSError, HTTPException, ValueError):
        return {}
    return found


def is_gone(done: dict[str, Any]) -> bool:
    """Old segments of facts are dropped minutes later. Queries do not read them."""
    left = done.get("rows_left")
    return left is not None and not any(rows for table, rows in left.items() if table != "facts")


@pytest.mark.timeout(400)
def test_erased_persons_are_gone_and_others_whole_after_kills_at_any_step(tmp_path: Path) -> None:
    rng = random.Random(time.time_ns())
    with Tree(tmp_path / "data", "--workers", "1", "--erasure-delay-s", "0", "--load-interval-ms", "10") as tree:
        tree.start()
        project = tree.create_project()
        import_people(tree, project)
        tree.wait_caught_up()
        assert len(tree.export(project)) == PEOPLE * EVENTS_EACH
        body = json.dumps({"distinct_ids": list(GONE)}).encode()
        path = f"{DELETIONS}?token={project.token}"
        reply = ask(tree.port, Request("POST", path, (basic(project.secret), JSON), body))
        task_id = json.loads(reply.body)["results"]["task_id"]
        for victim in VICTIMS:
            time.sleep(rng.random() * 2)
            if victim == "whole tree":
                tree.kill_all()
                tree.start()
            else:
                tree.signal_when_there(victim, signal.SIGKILL)
        wait_until(
            lambda: is_gone(certificate(tree, project, task_id)),
            ENDS_S_MAX,
            lambda: str(certificate(tree, project, task_id)),
        )
        import_people(tree, project)  # a client that repeats everything
        tree.wait_caught_up()
        lines = tree.export(project)
        done = certificate(tree, project, task_id)
        tree.stop()
    people = {line["properties"]["distinct_id"] for line in lines}
    assert people == {f"user {person}" for person in range(PEOPLE)} - set(GONE)
    assert len(lines) == (PEOPLE - len(GONE)) * EVENTS_EACH
    assert done["ids_of_the_persons"] == 2 * len(GONE)
