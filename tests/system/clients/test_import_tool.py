"""`mixpanel-import`, the import tool of Mixpanel's own engineers."""

import json
from pathlib import Path
from typing import Any

from tests.support.certificates import Authority
from tests.support.clients.environments import HERE, run, secure
from tests.support.server import Project, Server
from tests.support.waiting import wait_until
from tests.system.clients.conftest import PEOPLE, total

OLD_S = 1_600_000_000


def imported(
    server: Server, project: Project, trusted: Authority, place: Path, records: list[dict[str, Any]], **options: Any
) -> dict[str, Any]:
    """The tool's own summary."""
    given = {"credentials": {"secret": project.secret, "token": project.token}, "records": records, "options": options}
    with secure(server, trusted, place) as port:
        environment = {"NODE_EXTRA_CA_CERTS": str(trusted.certificate), "TRACKWAY_PORT": str(port)}
        summary: dict[str, Any] = json.loads(run(["node", HERE / "drive_import.cjs"], given, **environment))
    return summary


def event(second: int, **named: Any) -> dict[str, Any]:
    return {"event": "seen", "properties": {"distinct_id": "a", "time": OLD_S + second, **named}}


def test_events_are_imported_and_counted(server: Server, project: Project, trusted: Authority, place: Path) -> None:
    records = [event(number, **{"$insert_id": f"id-{number}"}) for number in range(2500)]
    summary = imported(server, project, trusted, place, records, recordType="event", compress=True)
    assert (summary["success"], summary["failed"], summary["errors"]) == (2500, 0, {})
    assert len(server.export_when(project, 2500)) == 2500


def test_profiles_are_imported_and_counted(server: Server, project: Project, trusted: Authority, place: Path) -> None:
    records = [{"$distinct_id": f"u-{number}", "$token": project.token, "$set": {"n": number}} for number in range(300)]
    summary = imported(server, project, trusted, place, records, recordType="user", fixData=True)
    assert (summary["success"], summary["failed"]) == (300, 0), summary
    wait_until(lambda: total(server, project) == 300, 30, lambda: "profiles are not loaded")


def test_fix_data_makes_one_of_the_events_of_a_user_in_one_second(
    server: Server, project: Project, trusted: Authority, place: Path
) -> None:
    records = [event(number // 2, number=number) for number in range(20)]
    summary = imported(server, project, trusted, place, records, recordType="event", fixData=True)
    assert (summary["success"], summary["failed"]) == (20, 0)
    assert {line["properties"]["time"] for line in server.export_when(project, 10)} == {OLD_S + n for n in range(10)}


def test_profiles_are_exported_page_by_page(server: Server, filled: Project, trusted: Authority, place: Path) -> None:
    options = {"recordType": "profile-export", "where": str(place), "whereClause": 'properties["n"] <= 1100'}
    imported(server, filled, trusted, place, [], **options)
    lines = [json.loads(line) for file in sorted(place.glob("users-*.json")) for line in file.read_text().splitlines()]
    assert [line["$distinct_id"] for line in lines] == [f"user-{number:04}" for number in range(PEOPLE - 1100, PEOPLE)]


def test_events_are_exported(server: Server, filled: Project, trusted: Authority, place: Path) -> None:
    file, where = place / "events.ndjson", 'properties["$distinct_id"] == "user-0017"'
    options = {"recordType": "export", "where": str(file), "start": "2023-11-14", "end": "2023-11-15"}
    imported(server, filled, trusted, place, [], whereClause=where, **options)
    [line] = [json.loads(line) for line in file.read_text().splitlines()]
    assert line["properties"]["distinct_id"] == "user-0017"
