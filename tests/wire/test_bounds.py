"""The largest requests that are allowed, and the same with one thing more (protocol §4, §9, [M])."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor

from tests.support.http.encodings import GZIP, JSON, NDJSON
from tests.support.http.events import import_all, import_strict, record, track
from tests.support.http.exchange import Reply, Request
from tests.support.server import Project, Server, basic

EVENT_BYTES_MAX = 2 * 1024 * 1024
BODY_BYTES_MAX = 32 * 1024 * 1024
OLD = 1_600_000_000


def event_of_size(project: Project, size: int, insert_id: str) -> bytes:
    """The JSON text of an event, so many bytes long by one long property."""
    text = json.dumps(record(project, time=OLD, insert_id=insert_id, filler="")).encode()
    return text.replace(b'"filler": ""', b'"filler": "' + b"x" * (size - len(text)) + b'"')


def send(server: Server, project: Project, body: bytes, *headers: tuple[str, str]) -> Reply:
    return server.ask(Request("POST", "/import?strict=1", (*(headers or (JSON,)), basic(project.secret)), body))


def test_2000_events_in_one_request_are_all_stored(server: Server, project: Project) -> None:
    import_all(
        server, project, [record(project, time=OLD + row, insert_id=f"id-{row}", row=row) for row in range(2000)]
    )
    server.wait_loaded()
    lines = server.export(project)
    assert sorted(line["properties"]["row"] for line in lines) == list(range(2000))


def test_2001_events_are_refused_and_none_is_stored(server: Server, project: Project) -> None:
    events = [record(project, time=OLD, insert_id=f"id-{row}") for row in range(2001)]
    assert import_strict(server, project, events).status == 413
    assert server.ask(Request("POST", "/track", (JSON,), json.dumps(events).encode())).status == 413
    server.wait_loaded()
    assert server.export(project) == []


def test_event_of_two_megabytes_is_stored_and_one_byte_more_is_a_413(server: Server, project: Project) -> None:
    largest = event_of_size(project, EVENT_BYTES_MAX, "largest")
    assert len(largest) == EVENT_BYTES_MAX
    assert send(server, project, largest).status == 200
    assert send(server, project, b"[" + largest.replace(b"largest", b"array-1") + b"]").status == 200
    assert send(server, project, largest.replace(b"largest", b"lines-1"), NDJSON).status == 200
    larger = event_of_size(project, EVENT_BYTES_MAX + 1, "larger")
    small = json.dumps(record(project, time=OLD, insert_id="small")).encode()
    assert send(server, project, larger).status == 413
    assert send(server, project, b"[" + small + b"," + larger + b"]").status == 413
    assert send(server, project, small + b"\n" + larger, NDJSON).status == 413
    server.wait_loaded()
    assert {line["properties"]["$insert_id"] for line in server.export(project)} == {"largest", "array-1", "lines-1"}


def test_body_of_the_largest_size_is_read_and_one_byte_more_is_a_413(server: Server, project: Project) -> None:
    event = json.dumps([record(project, time=OLD, insert_id="a")]).encode()
    body = event + b" " * (BODY_BYTES_MAX - len(event))
    assert send(server, project, body).status == 200
    assert send(server, project, gzip.compress(body, 1), JSON, GZIP).status == 200
    assert send(server, project, body + b" ").status == 413
    assert send(server, project, gzip.compress(body + b" ", 1), JSON, GZIP).status == 413


def test_event_sent_by_many_at_once_is_stored_once(server: Server, project: Project) -> None:
    events = [[record(project, insert_id=f"id-{row}", sender=sender) for row in range(50)] for sender in range(16)]
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda batch: track(server, batch), events))
    server.wait_loaded()
    assert sorted(line["properties"]["$insert_id"] for line in server.export(project)) == sorted(
        f"id-{row}" for row in range(50)
    )


def test_one_after_the_other_the_first_is_the_one_that_stays(server: Server, project: Project) -> None:
    # Each request may be taken by another worker: what a client was told first must still count as first.
    for row in range(40):
        for sent in ("first", "second"):
            track(server, record(project, insert_id=f"id-{row}", sent=sent))
    server.wait_loaded()
    assert {line["properties"]["sent"] for line in server.export(project)} == {"first"}
