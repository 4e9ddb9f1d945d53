"""A repeated `$insert_id` is one event (protocol §4, [M]); everything that is not quite a repetition is another."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.dedup_window import forget_recent_events
from tests.support.http.events import import_all, record, track
from tests.support.server import Project, Server, running_server

Projects = Callable[[int], Sequence[Project]]


def with_property(event: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The same event with one property more, or another value of it."""
    return {**event, "properties": {**event["properties"], name: value}}


def test_event_sent_twice_is_stored_once_as_first_sent(server: Server, project: Project) -> None:
    track(server, record(project, insert_id="a", sent="first"))
    track(server, record(project, insert_id="a", sent="second"))
    server.wait_loaded()
    assert [line["properties"]["sent"] for line in server.export(project)] == ["first"]


def test_event_repeated_within_one_request_is_stored_once(server: Server, project: Project) -> None:
    track(server, [record(project, insert_id="a", row=row) for row in range(5)])
    server.wait_loaded()
    assert [line["properties"]["row"] for line in server.export(project)] == [0]


def test_event_repeated_at_another_time_within_the_window_is_stored_once(server: Server, project: Project) -> None:
    first = record(project, insert_id="a")
    track(server, first)
    track(server, record(project, insert_id="a", time=first["properties"]["time"] - 3600))
    server.wait_loaded()
    assert [line["properties"]["time"] for line in server.export(project)] == [first["properties"]["time"]]


def test_old_event_imported_twice_is_stored_once(server: Server, project: Project) -> None:
    for _ in range(2):
        import_all(server, project, [record(project, insert_id="a", time=1_600_000_000)])
    server.wait_loaded()
    assert len(server.export(project)) == 1


def test_event_tracked_and_imported_is_stored_once(server: Server, project: Project) -> None:
    event = record(project, insert_id="a")
    track(server, event)
    import_all(server, project, [event])
    server.wait_loaded()
    assert [line["properties"]["$mp_api_endpoint"] for line in server.export(project)] == ["/track"]


def test_distinct_id_as_number_and_as_text_is_the_same_user(server: Server, project: Project) -> None:
    track(server, record(project, insert_id="a", distinct_id=13793))
    track(server, record(project, insert_id="a", distinct_id="13793"))
    server.wait_loaded()
    assert len(server.export(project)) == 1


@pytest.mark.parametrize(
    "change", [{"name": "paid"}, {"distinct_id": "user-2"}, {"insert_id": "b"}, {"insert_id": "A"}], ids=str
)
def test_event_that_differs_is_another_event(server: Server, project: Project, change: dict[str, str]) -> None:
    track(server, record(project, insert_id="a"))
    track(server, record(project, **({"insert_id": "a"} | change)))
    server.wait_loaded()
    assert len(server.export(project)) == 2


def test_same_event_in_another_project_is_another_event(server: Server, make_projects: Projects) -> None:
    projects = make_projects(2)
    for project in projects:
        track(server, record(project, insert_id="a"))
    server.wait_loaded()
    assert [len(server.export(project)) for project in projects] == [1, 1]


def test_batch_of_two_projects_is_stored_in_each(server: Server, make_projects: Projects) -> None:
    projects = make_projects(2)
    track(server, [record(project, insert_id="a", row=row) for row, project in enumerate(projects)])
    server.wait_loaded()
    assert [[line["properties"]["row"] for line in server.export(project)] for project in projects] == [[0], [1]]


def test_equal_events_without_insert_id_are_all_stored(server: Server, project: Project) -> None:
    event = record(project)
    track(server, [event, event])
    track(server, event)
    server.wait_loaded()
    lines = server.export(project)
    assert len({line["properties"]["$insert_id"] for line in lines}) == len(lines) == 3


def test_import_says_that_duplicates_were_imported(server: Server, project: Project) -> None:
    import_all(server, project, [record(project, insert_id="a", row=row) for row in range(3)])
    import_all(server, project, [record(project, insert_id="a")])
    server.wait_loaded()
    assert len(server.export(project)) == 1


def test_insert_id_of_a_rejected_event_can_be_sent_again(server: Server, project: Project) -> None:
    event = record(project, insert_id="a", distinct_id="undefined", good="no")
    track(server, [event, record(project, insert_id="b", good="yes")])
    track(server, record(project, insert_id="a", good="yes"))
    server.wait_loaded()
    assert [line["properties"]["good"] for line in server.export(project)] == ["yes", "yes"]


def test_identical_event_beyond_the_window_replaces_the_earlier_one(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        project = server.create_project()
        event = record(project, insert_id="a", time=1_600_000_000)
        import_all(server, project, [with_property(event, "sent", "first")])
        server.wait_loaded()
    forget_recent_events(tmp_path / "data")
    with running_server(tmp_path / "data") as server:
        import_all(server, project, [with_property(event, "sent", "second")])
        import_all(server, project, [with_property({**event, "event": "paid"}, "time", 1_600_000_001)])
        server.wait_loaded()
        shown = sorted((line["properties"]["time"], line["properties"].get("sent")) for line in server.export(project))
        copies = {line["properties"].get("sent") for line in server.export(project, deduplicate="false")}
    assert shown == [(1_600_000_000, "second"), (1_600_000_001, None)]
    assert {"second", None} <= copies <= {"first", "second", None}
