from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.memory_directory import memory_directory
from trackway.backup.manifest import FORMAT, Manifest, Stored, name_of, new_id
from trackway.backup.packs import Entry, write_pack
from trackway.backup.repository import Repository
from trackway.domain.errors import StateError
from trackway.transfer.destinations import Directory


def put(repository: Repository, number: int, keys: list[str]) -> Manifest:
    """A backup of parts with these keys; those that an earlier one has are named again."""
    known = repository.reusable(repository.ids())
    parts = []
    for key in keys:
        name = f"parts/events/{key}.tar"
        if key not in known:
            digest = repository.put(name, partial(write_pack, [Entry("data", key.encode())]))
            parts.append(Stored(name, *digest, "events", key, key, 1))
        else:
            parts.append(known[key])
    backup_id = new_id(1_000 * number)
    digest = repository.put(f"state/{backup_id}.tar", partial(write_pack, [Entry("projects", b"p")]))
    manifest = Manifest(
        format=FORMAT, id=backup_id, version="1", origin="o", began_ms=0, ended_ms=0, cursor=0, end=0, migration=1,
        revision="1", kind="parts", tables={}, columns={}, state=Stored(f"state/{backup_id}.tar", *digest), parts=parts,
        new_bytes=0,
    )  # fmt: skip
    repository.finish(manifest)
    return manifest


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(Directory(tmp_path / "place"))


def check(repository: Repository, manifest: Manifest) -> None:
    repository.check_sizes(manifest)
    for each in manifest.files:
        repository.check_content(manifest, each)


@given(st.lists(st.lists(st.sampled_from("abcdef"), unique=True), min_size=1, max_size=6), st.integers(1, 4))
def test_no_file_is_removed_that_a_kept_backup_names(backups: list[list[str]], keep: int) -> None:
    with memory_directory() as directory:
        repository = Repository(Directory(Path(directory)))
        made = []
        for number, keys in enumerate(backups):
            made.append(put(repository, number, keys))
            repository.remove_old(keep)
        assert repository.ids() == [each.id for each in made[-keep:]]
        for manifest in made[-keep:]:
            check(repository, manifest)
        named = {each.name for manifest in made[-keep:] for each in manifest.files}
        assert {name for name in repository.place.names() if not name.startswith("backups/")} == named


def test_files_of_a_backup_that_was_killed_are_removed(repository: Repository) -> None:
    put(repository, 1, ["a"])
    repository.put("parts/events/z.tar", partial(write_pack, [Entry("data", b"z")]))
    repository.remove_old(1)
    assert "parts/events/z.tar" not in repository.place.names()


def test_nothing_is_removed_while_a_backup_cannot_be_read(repository: Repository) -> None:
    first, second = put(repository, 1, ["a"]), put(repository, 2, ["b"])
    repository.place.write(name_of(second.id), b"{}")
    before = repository.place.names()
    with pytest.raises(StateError):
        repository.remove_old(1)
    assert repository.place.names() == before and first.id in repository.ids()


def test_a_part_that_was_cut_is_not_named_again(repository: Repository, tmp_path: Path) -> None:
    first = put(repository, 1, ["a", "b"])
    (tmp_path / "place" / first.parts[0].name).write_bytes(b"")
    assert set(repository.reusable(repository.ids())) == {"b"}
    check(repository, put(repository, 2, ["a", "b"]))
    check(repository, first)


def test_a_backup_without_a_manifest_does_not_exist(repository: Repository) -> None:
    repository.put("state/20261130T180712345Z.tar", partial(write_pack, [Entry("projects", b"p")]))
    assert repository.ids() == []
    with pytest.raises(StateError, match="no backup there"):
        repository.newest()
