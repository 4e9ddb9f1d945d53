"""`trackway import --from` on a small file of each product."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import exports
from tests.support.command_line import trackway
from tests.support.server import Project, Server

FILES = Path(exports.__file__).parent
AT_MS = 1_704_164_645_678


def imported(server: Server, project: Project, directory: Path, file: str, product: str) -> list[dict[str, Any]]:
    """The events of a file, by time, after it was imported twice."""
    where = ["--data-dir", str(server.data_dir), "--project", str(project.project_id), "--state", str(directory)]
    counts = set()
    for _ in range(2):
        done = trackway("import", str(FILES / file), "--from", product, "--json", *where)
        assert (done.returncode, done.stderr) == (0, ""), (done.stdout, done.stderr)
        counts.add(json.loads(done.stdout)["imported"])
    [count] = counts
    found = server.export_when(project, count, time_in_ms="true")
    return sorted(found, key=lambda each: int(each["properties"]["time"]))


def own(event: dict[str, Any]) -> dict[str, Any]:
    """The properties without what the server made."""
    made = ("$import", "$mp_api_endpoint", "$mp_api_timestamp_ms", "mp_processing_time_ms", "$insert_id")
    return {name: value for name, value in event["properties"].items() if name not in made}


def test_events_of_posthog_have_their_persons(server: Server, project: Project, tmp_path: Path) -> None:
    first, identify, order = imported(server, project, tmp_path, "posthog.ndjson", "posthog")
    assert first["event"] == "$mp_web_page_view" and first["properties"]["$insert_id"].endswith("0001")
    assert own(first) == {
        "time": AT_MS, "distinct_id": "ann", "$distinct_id_before_identity": "$device:dev-1",
        "$current_url": "https://shop.example.com/", "$browser": "Firefox", "$device_id": "dev-1", "$city": "Berlin",
        "mp_country_code": "DE", "mp_lib": "web", "$is_identified": False,
    }  # fmt: skip
    assert (identify["event"], order["event"]) == ("$identify", "order placed")
    assert (order["properties"]["distinct_id"], order["properties"]["total"]) == ("ann", 12.5)


def test_events_of_amplitude_have_their_persons(server: Server, project: Project, tmp_path: Path) -> None:
    opened, bought = imported(server, project, tmp_path, "amplitude.json", "amplitude")
    assert (opened["event"], bought["event"]) == ("Open App", "Buy")
    assert own(opened) == {
        "time": AT_MS, "distinct_id": "ann", "$distinct_id_before_identity": "$device:dev-1R", "from": "push",
        "$city": "Berlin", "$region": "Land Berlin", "country": "Germany", "$os": "ios", "$os_version": "17.1",
        "device_family": "Apple iPhone", "$app_version_string": "2.1", "mp_lib": "amplitude-ts/1.0",
        "session_id": 1_704_164_645_000, "$device_id": "dev-1R",
    }  # fmt: skip
    assert bought["properties"]["company"] == ["c1"] and "session_id" not in bought["properties"]


def test_raw_events_of_plausible(server: Server, project: Project, tmp_path: Path) -> None:
    view, purchase = imported(server, project, tmp_path, "plausible.ndjson", "plausible")
    assert (view["event"], purchase["event"]) == ("$mp_web_page_view", "Purchase")
    assert view["properties"]["$current_url"] == "https://shop.example.com/hats"
    assert view["properties"]["distinct_id"] == "12345678901234567890"
    assert (view["properties"]["$browser"], view["properties"]["mp_country_code"]) == ("Firefox", "DE")
    assert purchase["properties"]["total"] == "12.5" and "utm_source" not in view["properties"]


def test_numbers_by_day_of_plausible(server: Server, project: Project, tmp_path: Path) -> None:
    first, second = imported(server, project, tmp_path, "imported_pages_20240101_20240102.csv", "plausible")
    assert {first["event"], second["event"]} == {"Plausible pages"}
    assert (first["properties"]["pageviews"], second["properties"]["page"]) == (15, "/hats")
    assert first["properties"]["distinct_id"] == ""


@pytest.mark.parametrize("option", [["--profiles"], ["--time", "at"]])
def test_a_mapping_of_a_product_leaves_no_room_for_another(
    server: Server, project: Project, tmp_path: Path, option: list[str]
) -> None:
    where = ["--data-dir", str(server.data_dir), "--project", str(project.project_id), "--state", str(tmp_path)]
    done = trackway("import", str(FILES / "posthog.ndjson"), "--from", "posthog", *option, *where)
    assert done.returncode == 2 and "has a mapping of its own" in done.stderr
