"""Bringing the projects database up to date at start, at the price of importing Alembic only when there is work.

A path arrives; at return the file is there with the tables of this version.
"""

from pathlib import Path

from trackway.projects.sqlite import BUSY_TIMEOUT_S, SqliteReader


def migrate_if_needed(path: Path) -> bool:
    """True when something had to be done. Raises StorageError, or ConfigError for a file of a newer version."""
    reader = SqliteReader(path, BUSY_TIMEOUT_S)
    try:
        if reader.migrated():
            return False
    finally:
        reader.close()
    from trackway.projects.database import ProjectsDatabase  # noqa: PLC0415  # half a second and 40 MB

    ProjectsDatabase(path).migrate()
    return True
