from collections import namedtuple
from functools import partial
from pathlib import Path

import msgspec
import pytest

from trackway.backup.manifest import FORMAT, Manifest, Stored
from trackway.backup.packs import Entry, write_pack
from trackway.backup.repository import Repository
from trackway.backup.restoring import _begin, check_possible
from trackway.domain.errors import StateError
from trackway.runtime.unfinished_restore import MARK
from trackway.settings.table import Settings
from trackway.transfer.destinations import Directory


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(Directory(tmp_path / "place"))


@pytest.fixture
def manifest(repository: Repository) -> Manifest:
    digest = repository.put("state/x.tar", partial(write_pack, [Entry("projects", b"p")]))
    return Manifest(
        format=FORMAT, id="x", version="1", origin="o", began_ms=0, ended_ms=0, cursor=0, end=0, migration=1,
        revision="1", kind="parts", tables={}, columns={}, state=Stored("state/x.tar", *digest), parts=[], new_bytes=0,
    )  # fmt: skip


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def check(data_dir: Path, repository: Repository, manifest: Manifest, store_url: str = "") -> None:
    check_possible(Settings(data_dir=data_dir, store_url=store_url), repository, manifest)


def test_a_missing_an_empty_and_an_unfinished_directory_are_taken(
    data_dir: Path, repository: Repository, manifest: Manifest
) -> None:
    check(data_dir, repository, manifest)
    assert not data_dir.exists()
    (data_dir / "run").mkdir(parents=True)
    check(data_dir, repository, manifest)
    (data_dir / MARK).touch()
    (data_dir / "store").mkdir()
    check(data_dir, repository, manifest)


@pytest.mark.parametrize("name", ["store", "journal", "projects.db", "anything"])
def test_a_directory_with_anything_else_is_refused(
    data_dir: Path, repository: Repository, manifest: Manifest, name: str
) -> None:
    (data_dir / name).mkdir(parents=True)
    with pytest.raises(StateError, match=rf"not empty \({name}\)"):
        check(data_dir, repository, manifest)


def test_what_an_unfinished_restore_left_is_removed_and_the_mark_stays(data_dir: Path) -> None:
    (data_dir / "store" / "clickhouse").mkdir(parents=True)
    (data_dir / "projects.db").touch()
    (data_dir / "trackway.toml").touch()
    _begin(data_dir)
    assert sorted(path.name for path in data_dir.iterdir()) == ["trackway.toml", MARK]


@pytest.mark.parametrize(
    "part",
    [
        Stored("p", 1, "s", "events", "../../x"),
        Stored("p", 1, "s", "events", "a/b"),
        Stored("p", 1, "s", "others", "all_1_1_0"),
    ],
)
def test_a_manifest_that_names_other_places_is_refused(
    data_dir: Path, repository: Repository, manifest: Manifest, part: Stored
) -> None:
    changed = msgspec.structs.replace(manifest, tables={"events": "0a00222f"}, parts=[part])
    with pytest.raises(StateError, match="none of ours"):
        check(data_dir, repository, changed)
    with pytest.raises(StateError, match="none of ours"):
        check(data_dir, repository, msgspec.structs.replace(manifest, tables={"events": "../x"}))


def test_too_little_room_is_refused(
    data_dir: Path, repository: Repository, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr("trackway.backup.restoring.shutil.disk_usage", lambda _path: usage(1000))
    with pytest.raises(StateError, match="1000 free: make room"):
        check(data_dir, repository, manifest)


def test_a_newer_store_and_the_wrong_kind_of_store_are_refused(
    data_dir: Path, repository: Repository, manifest: Manifest
) -> None:
    with pytest.raises(StateError, match="with that version or a later"):
        check(data_dir, repository, msgspec.structs.replace(manifest, migration=9999))
    with pytest.raises(StateError, match="without --store-url"):
        check(data_dir, repository, manifest, "http://127.0.0.1:1/d")
    with pytest.raises(StateError, match="name an empty one with --store-url"):
        check(data_dir, repository, msgspec.structs.replace(manifest, kind="rows"))
    assert not data_dir.exists()
