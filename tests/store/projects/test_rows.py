"""Rows of the projects database in lines, and back, in both kinds of database and from one to the other."""

from contextlib import closing
from pathlib import Path

import orjson
import pytest

from tests.support.projects.filled import fill
from trackway.domain.errors import StateError
from trackway.projects.database import ProjectsDatabase
from trackway.projects.drivers import open_reader
from trackway.projects.rows import all_rows, check_empty, restore_rows, revision_of
from trackway.projects.tables import metadata

At = Path | str


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> At:
    if request.param == "sqlite":
        return tmp_path / "restored" / "projects.db"
    url: str = request.getfixturevalue("cluster").new_database()
    return url


def test_all_rows_of_all_tables_come_back_and_no_id_is_used_again(
    at: At, target: At, database: ProjectsDatabase
) -> None:
    fill(database)
    lines = list(all_rows(at))
    named = {orjson.loads(line)["table"] for line in lines[1:]}
    assert named == set(metadata.tables), "each table has a row, so that each is tested"
    check_empty(target)
    restore_rows(target, lines)
    assert sorted(all_rows(target)) == sorted(lines)
    ids = [each.create("another", "us").project_id for each in (database, ProjectsDatabase(target))]
    assert (
        ids[0]
        == ids[1]
        > max(each["row"]["project_id"] for each in map(orjson.loads, lines[1:]) if each["table"] == "projects")
    )
    with closing(open_reader(target, patient=True)) as reader:
        assert reader.migrated()


def test_a_database_with_tables_is_not_empty(at: At, database: ProjectsDatabase) -> None:
    with pytest.raises(StateError, match="not empty"):
        check_empty(at)


def test_rows_that_break_off_leave_nothing_behind(at: At, target: At, database: ProjectsDatabase) -> None:
    fill(database)
    lines = list(all_rows(at))
    with pytest.raises(ValueError):
        restore_rows(target, [*lines[:-1], lines[-1][:20]])
    check_empty(target)
    restore_rows(target, lines)
    restore_rows(target, lines, again=True)
    assert sorted(all_rows(target)) == sorted(lines)


def test_rows_of_a_newer_version_are_refused() -> None:
    with pytest.raises(StateError, match="newer version"):
        revision_of(b'{"revision": "9999", "next": {}}')
