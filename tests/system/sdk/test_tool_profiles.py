"""Profiles by Mixpanel's import and export tool (`mixpanel-utils`), which asks for them before it changes them."""

from pathlib import Path
from typing import Any

import pytest
from mixpanel_utils import MixpanelUtils

from tests.support.sdk.profile_operations import AWKWARD, profiles_of
from tests.support.server import Project, Server


@pytest.fixture
def tool(server: Server, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MixpanelUtils:
    """The tool, pointed at the server instead of its three hosts; it leaves backups in the present directory."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.chdir(tmp_path)
    client = MixpanelUtils(project.secret, token=project.token, pool_size=1)
    client.import_api, client.raw_api, client.formatted_api = server.url, f"{server.url}/api", f"{server.url}/api"
    return client


def profile(number: int, **properties: Any) -> dict[str, Any]:
    return {"$distinct_id": f"user-{number}", "$properties": {"number": number, **properties}}


def test_imported_profiles_are_asked_for_page_by_page(server: Server, project: Project, tool: MixpanelUtils) -> None:
    tool.import_people([profile(number, **AWKWARD) for number in range(2500)])
    server.wait_loaded()
    found = {each["$distinct_id"]: each["$properties"] for each in tool.query_engage()}
    assert set(found) == {f"user-{number}" for number in range(2500)}
    assert all(AWKWARD.items() <= shown.items() for shown in found.values())


def test_profiles_exported_to_a_file_are_imported_by_another_project(
    server: Server, project: Project, tool: MixpanelUtils, tmp_path: Path
) -> None:
    tool.import_people([profile(number) for number in range(20)])
    server.wait_loaded()
    tool.export_people(str(tmp_path / "people.json"))
    other = server.create_project()
    tool.token = other.token
    tool.import_people(str(tmp_path / "people.json"))
    shown = profiles_of(server, other)
    assert {each: shown[each]["number"] for each in shown} == {f"user-{number}": number for number in range(20)}


def test_operations_are_applied_to_the_profiles_asked_for(
    server: Server, project: Project, tool: MixpanelUtils
) -> None:
    tool.import_people([profile(number) for number in range(6)])
    server.wait_loaded()
    tool.people_set({"plan": "pro 😀"}, query_params={"where": 'properties["number"] < 2'})
    tool.people_add({"number": 10}, profiles=[profile(2)])
    tool.people_unset(["number"], profiles=[profile(3)])
    tool.people_delete(query_params={"where": 'properties["number"] == 4'}, backup=False)
    shown = profiles_of(server, project)
    assert {name for name in shown if shown[name].get("plan") == "pro 😀"} == {"user-0", "user-1"}
    assert shown["user-2"]["number"] == 12
    assert "number" not in shown["user-3"]
    assert set(shown) == {f"user-{number}" for number in (0, 1, 2, 3, 5)}
