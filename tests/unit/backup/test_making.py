from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from trackway.backup.making import _check_places, _put_pieces
from trackway.backup.packs import Entry, write_pack
from trackway.backup.pieces import Piece
from trackway.backup.repository import Repository
from trackway.backup.snapshot_words import Frozen, place_digest
from trackway.domain.errors import ConfigError, StateError
from trackway.settings.table import Settings
from trackway.transfer.destinations import Directory


class Seen:
    """What a person would see of the progress."""

    def __init__(self) -> None:
        self.total = self.done = 0

    def waits(self, left_bytes: int) -> None: ...

    def begins(self, what: str, total_bytes: int) -> None:
        self.total = total_bytes

    def advances(self, done_bytes: int) -> None:
        self.done += done_bytes


class Small(Directory):
    """A place with little room."""

    def free_bytes(self) -> int:
        return 1000


def piece(key: str, size: int) -> Piece:
    return Piece(f"parts/events/{key}.tar", "events", key, key, size, 1, partial(write_pack, [Entry("d", bytes(size))]))


def test_new_pieces_are_written_and_counted(tmp_path: Path) -> None:
    repository, seen = Repository(Directory(tmp_path / "place")), Seen()
    found = _put_pieces(repository, [piece("a", 100), piece("b", 200)], 50, seen)
    assert [(each.key, is_new) for each, is_new in found] == [("a", True), ("b", True)]
    assert seen.done == seen.total == 300
    assert {each.name: each.bytes for each, _ in found} == repository.place.sizes()


def test_a_place_without_room_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    repository = Repository(Small(tmp_path / "place"))
    with pytest.raises(StateError, match="1000 free: make room"):
        _put_pieces(repository, [piece("a", 100)], 50, Seen())
    assert repository.place.sizes() == {}


@pytest.mark.parametrize("name", ["store_url", "projects_url"])
def test_other_databases_than_the_servers_are_refused(name: str) -> None:
    settings = Settings(store_url="http://u:hidden@h:1/d", projects_url="postgresql://u:hidden@h/d")
    frozen = Frozen("n", {}, {}, 1, 2, 3, place_digest(settings.store_url), place_digest(settings.projects_url))
    _check_places(settings, frozen)
    other = replace(settings, store_url="") if name == "store_url" else replace(settings, projects_url="")
    with pytest.raises(ConfigError, match=f"{name} must be that of the server") as refused:
        _check_places(other, frozen)
    assert "hidden" not in str(refused.value)
