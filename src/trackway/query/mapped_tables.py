"""The lookup tables that properties of a project are mapped to, as they are when a query asks.

The versions of the tables are read once for a query, which so sees one version of each to its end.
"""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from trackway.lookup.versions import LookupTables
from trackway.query.sql.lookups import Lookups, MappedTable
from trackway.store.reader import Reader


class Mapped(NamedTuple):
    """A property of events, or of users' profiles, and the lookup table whose keys are its values."""

    property: str
    of_user: bool
    table_id: uuid.UUID


async def lookups_of(reader: Reader, project_id: int, mapped: Sequence[Mapped]) -> Lookups:
    """The current versions of the tables. A mapping whose table was deleted means nothing. Raises StoreError."""
    if not mapped:
        return Lookups()
    tables = {each.table_id: each for each in await LookupTables(reader).all(project_id)}
    events: list[MappedTable] = []
    users: list[MappedTable] = []
    for each in mapped:
        if table := tables.get(each.table_id):
            found = users if each.of_user else events
            found.append(MappedTable(each.property, str(table.version), table.columns))
    return Lookups(events, users)
