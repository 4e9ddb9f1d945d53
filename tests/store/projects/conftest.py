"""An empty database, on each of the two kinds; tests of one kind alone make their own."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from trackway.projects.database import ProjectsDatabase
from trackway.projects.drivers import open_reader
from trackway.projects.read_statements import Reader


@pytest.fixture(params=["sqlite", "postgresql"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a database may be: the path of a file that is not there yet, the URL of a database without tables."""
    if request.param == "sqlite":
        return tmp_path / "made" / "projects.db"
    url: str = request.getfixturevalue("cluster").new_database()
    return url


@pytest.fixture
def database(at: Path | str) -> ProjectsDatabase:
    """The same with its tables."""
    database = ProjectsDatabase(at)
    database.migrate()
    return database


@pytest.fixture
def reader(at: Path | str) -> Iterator[Reader]:
    """What reads it."""
    with closing(open_reader(at, patient=True)) as reader:
        yield reader


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an SQLite file may be."""
    return tmp_path / "made" / "projects.db"


@pytest.fixture
def file_database(path: Path) -> ProjectsDatabase:
    """The same with its tables."""
    database = ProjectsDatabase(path)
    database.migrate()
    return database
