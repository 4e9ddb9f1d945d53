"""The tables of the projects database after all migrations, in SQLAlchemy Core. `metadata` knows all of them.

Each migration below `migrations/` names its own columns, so that an old migration never changes its meaning. A test
compares the tables that they build with these.
"""

from typing import Final

from trackway.projects.tables import accounts, alerts, base, projects, saved, server

_MODULES: Final = (accounts, alerts, projects, saved, server)
"""Imported so that the metadata are complete, whichever table is asked for."""
metadata: Final = base.metadata
