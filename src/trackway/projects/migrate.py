"""Bringing the projects database up to date at start, at the price of importing Alembic only when there is work.

A path (SQLite) or URL (PostgreSQL) arrives; at return the tables of this version are there.
"""

import time
from collections.abc import Callable
from pathlib import Path

from trackway.limits import PROJECTS_AWAY_S_MAX, PROJECTS_AWAY_S_MIN
from trackway.projects.reader import DatabaseAway, open_reader


def migrate_if_needed(at: Path | str) -> bool:
    """True when something had to be done. Raises StorageError, or ConfigError for a database of a newer version."""
    reader = open_reader(at, patient=True)
    try:
        if reader.migrated():
            return False
    finally:
        reader.close()
    from trackway.projects.database import ProjectsDatabase  # noqa: PLC0415  # half a second and 40 MB

    ProjectsDatabase(at).migrate()
    return True


def migrate_when_there(at: Path | str, on_wait: Callable[[str, float], None]) -> None:
    """As `migrate_if_needed`, waiting for a database that is away, however long: a machine that starts its services
    together starts them in any order. on_wait: told each time why, and for how many seconds."""
    wait_s = PROJECTS_AWAY_S_MIN
    while True:
        try:
            migrate_if_needed(at)
            return
        except DatabaseAway as error:
            on_wait(str(error), wait_s)
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, PROJECTS_AWAY_S_MAX)
