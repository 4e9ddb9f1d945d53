"""Where the migrations of the projects' database are."""

from pathlib import Path

import trackway.projects.database

MIGRATIONS = Path(trackway.projects.database.__file__).parent / "migrations"
