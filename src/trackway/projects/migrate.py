"""Migration of the projects database at start. Alembic is imported only when a migration is due.

A path (SQLite) or URL (PostgreSQL) arrives. At return the database has the tables of this version.
"""

import time
from collections.abc import Callable
from pathlib import Path

from trackway.domain.limits import PROJECTS_AWAY_S_MAX, PROJECTS_AWAY_S_MIN
from trackway.projects.drivers import open_reader
from trackway.projects.read_statements import DatabaseAway


def migrate_if_needed(at: Path | str) -> bool:
    """True when it migrated. Raises StorageError, or ConfigError for a database of a newer version."""
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
    """As `migrate_if_needed`, but it waits for a database that is away, without a bound: a machine that starts its
    services together starts them in any order. on_wait: called each time with the reason and the seconds to wait."""
    wait_s = PROJECTS_AWAY_S_MIN
    while True:
        try:
            migrate_if_needed(at)
            return
        except DatabaseAway as error:
            on_wait(str(error), wait_s)
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, PROJECTS_AWAY_S_MAX)
