"""Keys that are replaced: which key is valid when, on both databases and as an edge process sees it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.projects.migrated import migrated_file
from trackway.domain.errors import InvalidInput
from trackway.projects.database import ProjectsDatabase
from trackway.projects.key_rotation import read_overlap_s, replace_key
from trackway.projects.limits import OLD_KEYS_MAX
from trackway.projects.project import KEY_KINDS, KeyKind, Project
from trackway.projects.project_lookup import ProjectDirectory
from trackway.projects.read_statements import Reader

DAY_S = 86_400


@dataclass
class Clock:
    """Seconds since the epoch, which a test moves on."""

    now_s: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now_s


def look_up(directory: ProjectDirectory, kind: KeyKind) -> list[Callable[[str], Project | None]]:
    return [directory.by_token, directory.by_token_credential] if kind == "token" else [directory.by_secret]


def key_of(project: Project, kind: KeyKind) -> str:
    return project.token if kind == "token" else project.secret


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_old_key_is_valid_until_its_end_beside_the_new_one(
    database: ProjectsDatabase, reader: Reader, kind: KeyKind
) -> None:
    clock = Clock()
    directory = ProjectDirectory(reader, clock_s=clock)
    before, other = database.create("one", "us"), database.create("other", "us")
    after = database.rotate("one", kind, DAY_S)
    changed, kept = ("token", "secret") if kind == "token" else ("secret", "token")
    assert getattr(after, changed) != getattr(before, changed)
    assert getattr(after, kept) == getattr(before, kept)
    assert [(old.kind, old.key) for old in after.old_keys] == [(kind, key_of(before, kind))]
    assert directory.refresh()
    for find in look_up(directory, kind):
        assert find(key_of(before, kind)) == find(key_of(after, kind)) == after
        assert find(key_of(other, kind)) == other
    clock.now_s = after.old_keys[0].until_ms / 1000
    for find in look_up(directory, kind):
        assert find(key_of(before, kind)) is None
        assert find(key_of(after, kind)) == after


def test_overlap_is_counted_from_the_rotation(database: ProjectsDatabase) -> None:
    database.create("one", "us")
    before_ms = time.time_ns() // 1_000_000
    end_ms = database.rotate("one", "token", 60).old_keys[0].until_ms
    assert before_ms + 60_000 <= end_ms <= time.time_ns() // 1_000_000 + 60_000


def test_overlap_of_nothing_ends_every_old_key_of_the_kind_at_once(database: ProjectsDatabase, reader: Reader) -> None:
    first = database.create("one", "us")
    second = database.rotate("one", "token", DAY_S)
    database.rotate("one", "secret", DAY_S)
    third = database.rotate("one", "token", 0)
    assert [(old.kind, old.key) for old in third.old_keys] == [("secret", first.secret)]
    directory = ProjectDirectory(reader)
    assert directory.refresh()
    assert [directory.by_token(each.token) for each in (first, second, third)] == [None, None, third]


def test_keys_of_both_readers_and_writers_are_the_same(database: ProjectsDatabase, reader: Reader) -> None:
    database.create("one", "us")
    database.create("two", "eu")
    for kind, overlap_s in ((KEY_KINDS[0], 60), (KEY_KINDS[1], 120), (KEY_KINDS[0], 30)):
        database.rotate("one", kind, overlap_s)
    assert database.all_projects() == reader.all_projects()
    assert [len(project.old_keys) for project in reader.all_projects()] == [3, 0]
    assert database.named("one") == database.named("1") == database.all_projects()[0]


def test_rotation_is_a_change_that_edges_notice(database: ProjectsDatabase, reader: Reader) -> None:
    database.create("one", "us")
    before = reader.revision()
    database.rotate("one", "secret", 0)
    assert reader.revision() == before + 1


def test_number_of_old_keys_is_bounded_and_no_overlap_makes_room(database: ProjectsDatabase) -> None:
    database.create("one", "us")
    for _ in range(OLD_KEYS_MAX):
        database.rotate("one", "token", DAY_S)
    before = database.named("one")
    with pytest.raises(InvalidInput, match=f"project 'one' has {OLD_KEYS_MAX} old tokens that are still valid"):
        database.rotate("one", "token", DAY_S)
    assert database.named("one") == before
    database.rotate("one", "secret", DAY_S)
    assert [old.kind for old in database.rotate("one", "token", 0).old_keys] == ["secret"]


def test_project_that_is_not_there_is_told(database: ProjectsDatabase) -> None:
    with pytest.raises(InvalidInput, match="no project is named 'one'"):
        database.named("one")
    with pytest.raises(InvalidInput, match="no project is named 'one'"):
        database.rotate("one", "token", 0)
    with pytest.raises(InvalidInput, match="project name must be printable"):
        database.named("one\udcff")  # as Python gives an argument that is not UTF-8
    assert database.revision() == 0


def test_old_keys_are_out_of_a_projects_repr(database: ProjectsDatabase) -> None:
    first = database.create("one", "us")
    assert first.token not in repr(database.rotate("one", "token", DAY_S))


def test_old_key_ends_in_time_while_the_database_is_away(file_database: ProjectsDatabase, path: Path) -> None:
    clock = Clock()
    first = file_database.create("one", "us")
    second = file_database.rotate("one", "secret", 60)
    directory = ProjectDirectory(path, clock_s=clock)
    assert directory.refresh()
    path.rename(path.with_name("away.db"))
    assert not directory.refresh()
    assert directory.by_secret(first.secret) == second
    clock.now_s = second.old_keys[0].until_ms / 1000
    assert directory.by_secret(first.secret) is None
    assert directory.by_secret(second.secret) == second


Rotation = tuple[KeyKind, int, int]
"""The kind, the overlap and the time that goes by afterwards, both in seconds."""

rotations = st.lists(
    st.tuples(st.sampled_from(KEY_KINDS), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=OLD_KEYS_MAX
)


@settings(max_examples=30, deadline=None)
@given(rotations)
def test_any_rotations_leave_exactly_the_keys_valid_whose_time_has_not_come(made: list[Rotation]) -> None:
    """Against a model: an old key ends at the earliest end that a rotation since then has named."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "projects.db"
        database = migrated_file(path)
        clock = Clock(1_000_000.0)
        present = database.create("one", "us")
        ends_s: dict[tuple[KeyKind, str], float] = {}
        seen = ProjectDirectory(path, clock_s=clock)
        for kind, overlap_s, pause_s in made:
            ends_s[kind, key_of(present, kind)] = float("inf")
            end_s = clock.now_s + overlap_s
            ends_s |= {each: min(end, end_s) for each, end in ends_s.items() if each[0] == kind}
            with database.changing() as change:
                change.note()
                replace_key(change.connection, present, kind, overlap_s, int(clock.now_s * 1000))
            present = database.named("one")
            clock.now_s += pause_s
            assert seen.refresh()
            for (old_kind, key), end in ends_s.items():
                for find in look_up(seen, old_kind):
                    assert find(key) == (present if clock.now_s < end else None)
            for each in KEY_KINDS:
                assert all(find(key_of(present, each)) == present for find in look_up(seen, each))
        seen.close()


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("0h", 0), ("90s", 90), ("30m", 1800), ("24h", DAY_S), ("7d", 7 * DAY_S)]
)
def test_overlap_is_read_with_its_unit(text: str, seconds: int) -> None:
    assert read_overlap_s(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "24", "-1h", "1.5h", "24 h", "24H", "٣h", "1w", "9" * 10 + "s"])
def test_overlap_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="overlap must be a time such as 90s, 30m, 24h or 7d, or 0, not "):
        read_overlap_s(text)


def test_overlap_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidInput, match="overlap must be at most 365d, not '366d'"):
        read_overlap_s("366d")
