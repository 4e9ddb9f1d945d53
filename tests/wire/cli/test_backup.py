"""`trackway backup` and `trackway restore`: what comes back, what is copied, and what is refused."""

import json
import shutil
import stat
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.backups import back_up, files_of, refusal, restore
from tests.support.command_line import trackway
from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.object_storage import running_storage
from tests.support.server import Project, Server, basic, running_server
from tests.support.store.served import ServedStore
from tests.support.waiting import wait_until
from tests.support.web.visitor import admin_password, signed_in
from trackway.projects.database import ProjectsDatabase

BEGAN_S = 1_700_006_400
FEW = ("--workers", "1")


def event(number: int) -> dict[str, Any]:
    own = {"time": BEGAN_S + number, "distinct_id": f"u{number % 7}", "$insert_id": f"id-{number}", "number": number}
    return {"event": "Buy", "properties": own}


def send(server: Server, project: Project, numbers: range) -> None:
    body = orjson.dumps([event(number) for number in numbers])
    assert server.ask(Request("POST", "/import?strict=1", (JSON, basic(project.secret)), body)).status == 200


def add(server: Server, project: Project, times: int) -> None:
    """Updates that count how often they are applied."""
    updates = [{"$token": project.token, "$distinct_id": "ann", "$add": {"visits": 1}}] * times
    assert server.ask(Request("POST", "/engage", (JSON,), orjson.dumps(updates))).status == 200


def visits(server: Server, project: Project) -> int:
    target = f"/api/query/engage?project_id={project.project_id}"
    found = json.loads(server.ask(Request("GET", target, (basic(project.secret),))).body)["results"]
    return int(next(each["$properties"]["visits"] for each in found if each["$distinct_id"] == "ann"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with 500 events and a profile, for tests that add to it."""
    with running_server(tmp_path_factory.mktemp("backed-up") / "data", *FEW) as server:
        send(server, server.project, range(500))
        add(server, server.project, 5)
        yield server


@pytest.fixture(scope="module")
def place(running: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with one backup, which is not changed."""
    made = tmp_path_factory.mktemp("place") / "backups"
    back_up(running.data_dir, made)
    return made


@pytest.fixture
def copied(place: Path, tmp_path: Path) -> Path:
    """The same to be changed."""
    return Path(shutil.copytree(place, tmp_path / "copied"))


def test_a_restored_server_has_what_was_acknowledged_before_the_backup_and_nothing_later(
    running: Server, tmp_path: Path
) -> None:
    project = running.create_project()
    send(running, project, range(300))
    add(running, project, 3)
    made = back_up(running.data_dir, tmp_path / "place", "--verify")
    assert made["verified"]
    send(running, project, range(300, 400))
    add(running, project, 4)
    later = running.create_project()
    restore(tmp_path / "place", tmp_path / "data")
    with running_server(tmp_path / "data", *FEW) as restored:
        assert sorted(each["properties"]["number"] for each in restored.export(project)) == list(range(300))
        assert visits(restored, project) == 3
        secrets = {each.name: each.secret for each in restored.projects.all_projects()}
        assert secrets[project.name] == project.secret and later.name not in secrets
        # What a client sends again is the same event, and what is new follows what was there.
        send(restored, project, range(250, 320))
        add(restored, project, 1)
        assert len(restored.export_when(project, 320)) == 320
        assert visits(restored, project) == 4
        assert "damage" not in (restored.data_dir / "serve.log").read_text()


def test_another_backup_copies_only_what_is_new(running: Server, tmp_path: Path) -> None:
    place = tmp_path / "place"
    first = back_up(running.data_dir, place)
    second = back_up(running.data_dir, place)
    state = (place / f"state/{second['id']}.tar").stat().st_size
    assert second["new_bytes"] == state and second["bytes"] >= first["bytes"]
    send(running, running.project, range(1000, 1100))
    before = files_of(place)
    third = back_up(running.data_dir, place)
    new = {name: size for name, size in files_of(place).items() if name not in before}
    manifest = new.pop(f"backups/{third['id']}.json")
    assert sum(new.values()) == third["new_bytes"] and manifest
    assert state < third["new_bytes"] < third["bytes"]
    listed = json.loads(trackway("backup", "list", str(place), "--json").stdout)
    assert [each["id"] for each in listed] == [first["id"], second["id"], third["id"]]


def test_old_backups_are_removed_and_no_file_that_another_needs(running: Server, tmp_path: Path) -> None:
    place = tmp_path / "place"
    made = [back_up(running.data_dir, place, "--keep", "2") for _ in range(3)]
    assert made[-1]["removed"] == [made[0]["id"]]
    left = files_of(place)
    assert f"backups/{made[0]['id']}.json" not in left and f"state/{made[0]['id']}.tar" not in left
    for each in made[1:]:
        assert trackway("backup", "verify", str(place), "--backup", each["id"]).returncode == 0


def test_only_the_owner_may_read_a_backup_and_what_is_restored(place: Path, tmp_path: Path) -> None:
    restore(place, tmp_path / "data")
    for root in (place, tmp_path / "data"):
        for path in (root, *root.rglob("*")):
            assert path.is_symlink() or not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO), path


@pytest.mark.parametrize("how", ["cut", "changed", "missing"])
@pytest.mark.parametrize("what", ["parts/events/*.tar", "state/*.tar", "backups/*.json"])
def test_a_damaged_backup_is_refused(copied: Path, tmp_path: Path, how: str, what: str) -> None:
    path = next(copied.glob(what))
    content = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    assert trackway("backup", "verify", str(copied)).returncode == 1
    assert refusal("restore", str(copied), "--data-dir", str(tmp_path / "data"))
    if how == "changed" and not what.endswith(".json"):  # its content is read when the restore has begun
        started = trackway("serve", "--data-dir", str(tmp_path / "data"), "--port", "0")
        assert started.returncode == 1 and "was not finished" in started.stderr
    else:
        assert not (tmp_path / "data").exists()


def test_a_backup_of_a_newer_version_is_refused_before_anything_changes(copied: Path, tmp_path: Path) -> None:
    [path] = copied.glob("backups/*.json")
    body = path.read_bytes()
    manifest = orjson.loads(body)["manifest"]
    for changed in ({"format": 99}, {"migration": 9999}):
        newer = orjson.dumps(manifest | changed)
        path.write_bytes(b'{"sha256":"%s","manifest":%s}' % (sha256(newer).hexdigest().encode(), newer))
        assert "that" in refusal("restore", str(copied), "--data-dir", str(tmp_path / "data"))
        assert not (tmp_path / "data").exists()


def test_a_directory_that_is_not_empty_is_refused(running: Server, place: Path, tmp_path: Path) -> None:
    assert "not empty" in refusal("restore", str(place), "--data-dir", str(running.data_dir))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").write_text("mine")
    assert "not empty" in refusal("restore", str(place), "--data-dir", str(tmp_path / "data"))
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["mine"]


def test_places_and_servers_that_cannot_be_used_are_refused(running: Server, place: Path, tmp_path: Path) -> None:
    assert "no backup there" in refusal("restore", str(tmp_path / "none"), "--data-dir", str(tmp_path / "data"))
    assert "there is no backup 1" in refusal("restore", str(place), "--backup", "1", "--data-dir", str(tmp_path / "d"))
    with running_server(tmp_path / "other", *FEW) as other:
        assert "another server" in refusal("backup", str(place), "--data-dir", str(other.data_dir))


def test_backups_go_to_s3_and_come_back(running: Server, tmp_path: Path) -> None:
    with running_storage(tmp_path / "storage") as storage:
        place = f"s3://{storage.bucket}/nightly"
        first = back_up(running.data_dir, place, "--verify", **storage.variables)
        second = back_up(running.data_dir, place, "--keep", "1", "--verify", **storage.variables)
        assert second["removed"] == [first["id"]] and second["new_bytes"] < first["new_bytes"]
        restore(place, tmp_path / "data", **storage.variables)
    with running_server(tmp_path / "data", *FEW) as restored:
        restored.wait_loaded()
        assert len(restored.export(running.project)) >= 500
        assert visits(restored, running.project) == 5


def test_projects_of_postgresql_come_back_to_postgresql(tmp_path: Path, cluster: Any) -> None:
    first, second = cluster.new_database(), cluster.new_database()
    with running_server(tmp_path / "data", *FEW, "--projects-url", first) as server:
        send(server, server.project, range(50))
        back_up(server.data_dir, tmp_path / "place", "--projects-url", first)
        kept = server.project
    assert "not empty" in refusal(
        "restore", str(tmp_path / "place"), "--data-dir", str(tmp_path / "d"), "--projects-url", first
    )
    restore(tmp_path / "place", tmp_path / "restored", "--projects-url", second)
    with running_server(tmp_path / "restored", *FEW, "--projects-url", second) as restored:
        assert len(restored.export_when(kept, 50)) == 50
        assert ProjectsDatabase(second).named(kept.name).secret == kept.secret
        assert restored.project.project_id > kept.project_id


def test_a_store_elsewhere_comes_back_to_an_empty_one(tmp_path: Path) -> None:
    place = tmp_path / "place"
    with ServedStore(tmp_path / "first") as first, ServedStore(tmp_path / "second") as second:
        at = ("--store-url", first.url)
        with running_server(tmp_path / "data", *FEW, *at) as server:
            kept = server.project
            send(server, kept, range(200))
            add(server, kept, 3)
            made = back_up(server.data_dir, place, *at, "--verify")
            again = back_up(server.data_dir, place, *at)
            assert again["new_bytes"] < made["new_bytes"] and again["events"] == 200
            send(server, kept, range(200, 250))
        to = ("--data-dir", str(tmp_path / "restored"))
        assert "empty one" in refusal("restore", str(place), *to)
        assert "not empty" in refusal("restore", str(place), *to, *at)
        restore(place, tmp_path / "restored", "--store-url", second.url)
        with running_server(tmp_path / "restored", *FEW, "--store-url", second.url) as restored:
            assert len(restored.export(kept)) == 200 and visits(restored, kept) == 3
            add(restored, kept, 1)
            restored.wait_loaded()
            assert visits(restored, kept) == 4


def test_the_schedule_makes_backups_and_keeps_some(tmp_path: Path) -> None:
    place = tmp_path / "place"
    schedule = ("--backup-to", str(place), "--backup-every", "1s", "--backup-keep", "2")
    with running_server(tmp_path / "data", *FEW, *schedule) as server:
        send(server, server.project, range(20))
        wait_until(
            lambda: _metric(server, 'trackway_backups_total{outcome="made"}') >= 3, 60, lambda: "no three backups"
        )
        assert abs(_metric(server, "trackway_backup_timestamp_seconds") - time.time()) < 60
        assert _metric(server, "trackway_backup_age_seconds") < 60
        assert "backup" in server.processes()
        visit = signed_in(server, "admin", admin_password(server))
        health = visit.get(f"/app/projects/{server.project.project_id}/health").body
        assert b"the last one was made" in health and b"0.0 hours ago" in health
    assert len(list(place.glob("backups/*.json"))) <= 3
    done = trackway("restore", str(place), "--data-dir", str(tmp_path / "restored"))
    assert done.returncode == 0 and "erase them once more" in done.stdout


def _metric(server: Server, name: str) -> float:
    lines = server.ask(Request("GET", "/metrics")).body.decode().splitlines()
    return float(next((line.split()[1] for line in lines if line.startswith(f"{name} ")), "0"))
