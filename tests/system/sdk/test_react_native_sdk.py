"""The real React Native SDK in its JavaScript mode: what the export shows for what an app tracked."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.sdk.react_native import bundle, call_react_native_sdk
from tests.support.server import Project, Server

NAMES: dict[str, Any] = {
    "plan": "pro+ / 100% = ü ✓ 😀",
    "tags": ["a&b", "c=d"],
    "nested": {"count": 3, "deeper": {"list": [1, "😀"]}},
    "price": 1.5,
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("react_native"))


def test_track_is_exported(server: Server, project: Project, program: Path) -> None:
    call_react_native_sdk(program, project.token, server.url, [["track", "signed up", NAMES]])
    [line] = server.export_when(project, 1)
    properties = line["properties"]
    assert line["event"] == "signed up"
    assert NAMES.items() <= properties.items()
    assert properties["mp_lib"] == "react-native"
    assert properties["distinct_id"] == f"$device:{properties['$device_id']}"
    assert "token" not in properties


def test_many_events_go_in_batches_and_each_arrives_once(server: Server, project: Project, program: Path) -> None:
    calls = [["track", "seen", {"number": number, **NAMES}] for number in range(120)]
    call_react_native_sdk(program, project.token, server.url, calls)
    lines = server.export_when(project, 120)
    assert sorted(line["properties"]["number"] for line in lines) == list(range(120))


def test_identified_user_registered_properties_and_groups_are_exported(
    server: Server, project: Project, program: Path
) -> None:
    calls: list[list[Any]] = [
        ["registerSuperProperties", {"plan": "pro 😀"}],
        ["identify", "üser-1"],
        ["trackWithGroups", "paid", {"price": 1.5}, {"company": "Söhne & Co"}],
    ]
    call_react_native_sdk(program, project.token, server.url, calls)
    lines = {line["event"]: line["properties"] for line in server.export_when(project, 2)}
    device = lines["$identify"]["$device_id"]
    assert lines["$identify"]["$anon_distinct_id"] in (device, f"$device:{device}")
    paid = lines["paid"]
    assert (paid["distinct_id"], paid["$user_id"], paid["$device_id"]) == ("üser-1", "üser-1", device)
    assert (paid["plan"], paid["price"], paid["company"]) == ("pro 😀", 1.5, "Söhne & Co")
