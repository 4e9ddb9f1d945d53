"""Mixpanel's own import and export tool (`mixpanel-utils`), and the consumer that sends from a thread of its own."""

import gzip
import json
import logging
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mixpanel import Mixpanel
from mixpanel_async import AsyncBufferedConsumer
from mixpanel_utils import MixpanelUtils

from tests.support.server import Project, Server

OLD = 1_500_000_000
DAY = "2017-07-14"
NAMES: dict[str, Any] = {"plan": "pro+ / 100% = ü ✓ 😀", "tags": ["a&b", "c=d"], "nested": {"count": 3}, "price": 1.5}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tool uses urllib, which would go through one."""
    monkeypatch.setenv("no_proxy", "*")


def tool(server: Server, project: Project, secret: str = "") -> MixpanelUtils:
    """The tool, pointed at the server instead of its three hosts."""
    client = MixpanelUtils(secret or project.secret, token=project.token, pool_size=2)
    client.import_api, client.raw_api, client.formatted_api = server.url, f"{server.url}/api", f"{server.url}/api"
    return client


def event(number: int, **properties: Any) -> dict[str, Any]:
    known = {"distinct_id": f"user-{number}", "time": OLD + number, "$insert_id": f"id-{number}", "number": number}
    return {"event": "seen", "properties": known | NAMES | properties}


def numbers(lines: list[dict[str, Any]]) -> list[int]:
    return sorted(line["properties"]["number"] for line in lines)


def test_import_of_several_batches_loses_nothing(server: Server, project: Project) -> None:
    tool(server, project).import_events([event(number) for number in range(4100)], 0)
    lines = server.export_when(project, 4100)
    assert numbers(lines) == list(range(4100))
    assert all(NAMES.items() <= line["properties"].items() for line in lines)


def test_import_converts_the_time_zone(server: Server, project: Project) -> None:
    tool(server, project).import_events([event(0)], 2)
    [line] = server.export_when(project, 1)
    assert line["properties"]["time"] == OLD - 2 * 3600


@pytest.mark.parametrize("packed", [False, True])
def test_export_gives_the_events(server: Server, project: Project, packed: bool) -> None:
    client = tool(server, project)
    client.import_events([event(number) for number in range(100)], 0)
    server.export_when(project, 100)
    lines = client.query_export({"from_date": DAY, "to_date": DAY}, add_gzip_header=packed)
    assert numbers(lines) == list(range(100))
    assert all(NAMES.items() <= line["properties"].items() for line in lines)
    assert client.query_export({"from_date": "2017-07-15", "to_date": "2017-07-15"}, add_gzip_header=packed) == []


def test_what_was_exported_to_a_file_is_imported_by_another_project(
    server: Server, project: Project, tmp_path: Path
) -> None:
    client, file = tool(server, project), tmp_path / "events.json"
    client.import_events([event(number) for number in range(50)], 0)
    before = server.export_when(project, 50)
    client.export_events(str(file), {"from_date": DAY, "to_date": DAY})
    other = server.create_project()
    tool(server, other).import_events(str(file), 0)
    after = server.export_when(other, 50)
    assert sorted(map(sent, after)) == sorted(map(sent, before))


def sent(line: dict[str, Any]) -> str:
    """The line without what differs from one import to the next."""
    kept = {name: value for name, value in line["properties"].items() if not name.startswith(("$mp_api", "mp_proc"))}
    return json.dumps(kept, sort_keys=True)


def test_packed_stream_is_written_as_it_comes(server: Server, project: Project, tmp_path: Path) -> None:
    client = tool(server, project)
    client.import_events([event(number) for number in range(50)], 0)
    server.export_when(project, 50)
    days = {"from_date": DAY, "to_date": DAY}
    client.export_events(str(tmp_path / "events.json"), days, add_gzip_header=True, raw_stream=True)
    lines = gzip.decompress((tmp_path / "events.json.gz").read_bytes()).splitlines()
    assert numbers([json.loads(line) for line in lines]) == list(range(50))


def test_bad_event_is_told_and_the_others_are_imported(
    server: Server, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        tool(server, project).import_events([event(0), event(1, distinct_id="undefined"), event(2)], 0)
    assert "HTTP Error Code: 400" in caplog.text
    assert "some data points in the request failed validation" in caplog.text
    assert numbers(server.export_when(project, 2)) == [0, 2]


def test_wrong_secret_is_told(server: Server, project: Project, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        tool(server, project, "wrong").import_events([event(0)], 0)
    assert "Invalid credentials" in caplog.text
    server.wait_loaded()
    assert server.export(project) == []


def test_consumer_with_its_own_thread_loses_nothing(server: Server, project: Project) -> None:
    urls = {"events_url": f"{server.url}/track", "import_url": f"{server.url}/import"}
    consumer = AsyncBufferedConsumer(flush_after=timedelta(milliseconds=50), max_size=10, **urls)
    client = Mixpanel(project.token, consumer)
    for number in range(60):
        client.track(f"user-{number}", "seen", {"number": number, **NAMES})
        time.sleep(0.005)
    consumer.flush(async_=False)
    lines = server.export_when(project, 60)
    assert numbers(lines) == list(range(60))
    assert all(NAMES.items() <= line["properties"].items() for line in lines)
