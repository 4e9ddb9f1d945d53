"""Projects databases with tables: copies of one that was migrated once. The migrations take a hundred times as long."""

import functools
import shutil
import tempfile
from pathlib import Path

from tests.support.projects.postgresql import Cluster
from trackway.projects.database import ProjectsDatabase

FILE = "projects.db"


def migrated_file(path: Path) -> ProjectsDatabase:
    """A new database in a file of SQLite, which is readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert not path.exists(), path
    shutil.copy(Path(_directory().name) / FILE, path)  # with its mode
    return ProjectsDatabase(path)


def migrated_url(cluster: Cluster) -> str:
    """The URL of a new database in PostgreSQL."""
    return cluster.new_database(like=_database_name(cluster))


@functools.cache
def _directory() -> "tempfile.TemporaryDirectory[str]":
    """Where a migrated file is, which nobody has open."""
    directory = tempfile.TemporaryDirectory(prefix="trackway-projects-")
    ProjectsDatabase(Path(directory.name) / FILE).migrate()
    assert [each.name for each in Path(directory.name).iterdir()] == [FILE], "all of it is in one file"
    return directory


@functools.cache
def _database_name(cluster: Cluster) -> str:
    url = cluster.new_database()
    ProjectsDatabase(url).migrate()
    return url.rpartition("/")[2]
