"""An export that is imported again changes nothing, also when deduplication has forgotten its events."""

import json
import uuid
from pathlib import Path
from typing import Any

from tests.support.dedup_window import forget_recent_events
from tests.support.http.encodings import NDJSON
from tests.support.http.events import import_all, linking, record, track
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic, running_server

OLD_MS = 1_600_000_000_123
OF_THE_IMPORT = ("$import", "$mp_api_endpoint", "$mp_api_timestamp_ms", "mp_processing_time_ms")
"""What tells how an event came, and when."""
ANONYMOUS = str(uuid.UUID(int=4 << 76 | 8 << 60))


def import_lines(server: Server, project: Project, text: bytes, target: str = "/import?strict=1") -> None:
    reply = server.ask(Request("POST", target, (NDJSON, basic(project.secret)), text))
    assert reply.status == 200 and b'"status":"OK"' in reply.body, reply


def shown(text: bytes) -> list[dict[str, Any]]:
    """The lines without what differs from one import to the next, by insert_id."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        for name in OF_THE_IMPORT:
            line["properties"].pop(name, None)
    return sorted(lines, key=lambda line: str(line["properties"]["$insert_id"]))


def send_all_kinds(server: Server, project: Project) -> int:
    """Events with times of all kinds and with ids that become one person's; how many."""
    ids: list[dict[str, Any]] = [
        {"$device_id": "d"},
        {"distinct_id": ANONYMOUS},
        {"distinct_id": "alias"},
        {"distinct_id": ""},
    ]
    times = [OLD_MS, OLD_MS // 1000, OLD_MS // 1000 + 0.999, OLD_MS + 877]
    events = [
        record(project, insert_id=f"id-{number}-{place}", time=time, **({"distinct_id": None} | each))
        for number, each in enumerate(ids)
        for place, time in enumerate(times)
    ]
    import_all(server, project, events)
    track(server, record(project, insert_id="links-the-device", **{"$device_id": "d", "$user_id": "u"}))
    track(server, {"event": "arrived", "properties": {"token": project.token, "distinct_id": "now"}})
    track(server, linking(project, "$identify", **{"$identified_id": "u", "$anon_id": ANONYMOUS}))
    track(server, linking(project, "$create_alias", distinct_id=ANONYMOUS, alias="alias"))
    track(server, linking(project, "$identify", **{"$identified_id": "v", "$anon_id": ANONYMOUS}))
    server.wait_loaded()
    return len(events) + 5


def test_an_export_imported_again_beyond_the_window_is_the_same(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        projects = [server.create_project(), server.create_project(identity_mode="original")]
        counts = [send_all_kinds(server, project) for project in projects]
        before = [server.export_reply(project).body for project in projects]
        at_ms = [server.export_reply(project, time_in_ms="true").body for project in projects]
        assert [len(shown(text)) for text in before] == counts
    forget_recent_events(tmp_path / "data")
    with running_server(tmp_path / "data") as server:
        for project, text in zip(projects, before, strict=True):
            import_lines(server, project, text)
        server.wait_loaded()
        after = [server.export_reply(project).body for project in projects]
        for project, text in zip(projects, at_ms, strict=True):
            import_lines(server, project, text)
        server.wait_loaded()
        at_ms_after = [server.export_reply(project, time_in_ms="true").body for project in projects]
    assert list(map(shown, after)) == list(map(shown, before))
    assert list(map(shown, at_ms_after)) == list(map(shown, at_ms))
    for text, refused in zip(before, ("$identity_failure_reason", "$failure_reason"), strict=True):
        told = [line["properties"].keys() for line in shown(text)]  # or it would show nothing
        assert sum("$distinct_id_before_identity" in names for names in told) >= 4
        assert sum("$mp_api_event_time_ms" in names for names in told) >= 8
        assert sum(refused in names for names in told) == 1


def test_a_line_tells_its_milliseconds_where_the_time_lacks_them(server: Server, project: Project) -> None:
    times = {"whole": OLD_MS - 123, "not-whole": OLD_MS}
    import_all(server, project, [record(project, insert_id=name, time=time) for name, time in times.items()])
    by_id = {line["properties"]["$insert_id"]: line["properties"] for line in server.export_when(project, 2)}
    assert [each["time"] for each in by_id.values()] == [OLD_MS // 1000] * 2
    assert "$mp_api_event_time_ms" not in by_id["whole"]
    assert by_id["not-whole"]["$mp_api_event_time_ms"] == OLD_MS
    assert not any("$mp_api_event_time_ms" in each["properties"] for each in server.export(project, time_in_ms="true"))
    [chosen] = server.export(project, where=f'properties["$mp_api_event_time_ms"] == {OLD_MS}')
    assert chosen["properties"]["$insert_id"] == "not-whole"
    assert len(server.export(project, where='not defined(properties["$mp_api_event_time_ms"])')) == 1


def test_a_time_that_was_changed_since_the_export_counts(server: Server, project: Project) -> None:
    changed = {"moved": OLD_MS // 1000 + 60, "moved-in-ms": OLD_MS + 1, "kept-in-ms": OLD_MS // 1000 * 1000}
    events = [record(project, insert_id=name, time=time) for name, time in changed.items()]
    for each in events:
        each["properties"]["$mp_api_event_time_ms"] = OLD_MS
    import_all(server, project, events)
    server.wait_loaded()
    lines = server.export(project, time_in_ms="true")
    times = {line["properties"]["$insert_id"]: line["properties"]["time"] for line in lines}
    assert times == {"moved": (OLD_MS // 1000 + 60) * 1000, "moved-in-ms": OLD_MS + 1, "kept-in-ms": OLD_MS}


def test_on_track_what_an_export_tells_is_dropped_and_not_read(server: Server, project: Project) -> None:
    event = record(project, insert_id="a")
    event["properties"] |= {"$mp_api_event_time_ms": event["properties"]["time"] * 1000 + 5}
    event["properties"] |= {"$distinct_id_before_identity": "somebody else"}
    track(server, event)
    server.wait_loaded()
    [line] = server.export(project, time_in_ms="true")
    assert line["properties"]["time"] == event["properties"]["time"] * 1000
    assert line["properties"]["distinct_id"] == "user-1"
    assert {"$mp_api_event_time_ms", "$distinct_id_before_identity"}.isdisjoint(line["properties"])


def test_a_line_whose_id_before_is_no_id_keeps_the_one_it_shows(server: Server, project: Project) -> None:
    given: list[Any] = ["", "undefined", None, [], 5]
    for number, before in enumerate(given):
        event = record(project, insert_id=f"id-{number}", time=OLD_MS)
        event["properties"]["$distinct_id_before_identity"] = before
        import_all(server, project, [event])
    lines = server.export_when(project, 5)
    people = {line["properties"]["$insert_id"]: line["properties"]["distinct_id"] for line in lines}
    assert people == {**{f"id-{number}": "user-1" for number in range(4)}, "id-4": "5"}
