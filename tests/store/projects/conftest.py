"""An empty database, on each of the two kinds; tests of one kind alone make their own."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.projects.migrated import migrated_file, migrated_url
from tests.support.projects.postgresql import Cluster
from tests.support.projects.quick_hashes import quick_hashes
from trackway.projects.database import ProjectsDatabase
from trackway.projects.drivers import open_reader
from trackway.projects.read_statements import Reader


@pytest.fixture(scope="module", autouse=True)
def hashes() -> Iterator[None]:
    """Hashes of passwords are made quickly."""
    with quick_hashes():
        yield


@pytest.fixture(params=["sqlite", "postgresql"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a database may be: the path of a file that is not there yet, the URL of a database, which has tables if the
    test takes the fixture `database`."""
    if request.param == "sqlite":
        return tmp_path / "made" / "projects.db"
    cluster: Cluster = request.getfixturevalue("cluster")
    return migrated_url(cluster) if "database" in request.fixturenames else cluster.new_database()


@pytest.fixture
def database(at: Path | str) -> ProjectsDatabase:
    """The same with its tables."""
    return migrated_file(at) if isinstance(at, Path) else ProjectsDatabase(at)


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
    return migrated_file(path)
