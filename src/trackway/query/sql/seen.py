"""What an answer depends on besides its statement, so that a kept one is given only while it still is the answer.

Facts hold all events before a position. What comes after changes the answer, and each row of it is in a sum of hashes,
`Facts.newer`: merges leave out copies, so that a number of rows may stay the same while they change. Of tables without
a position, such as those of profiles and lookup tables, the numbers of the newest parts count, for all projects
together: every insert makes a part with a higher number.
"""

import re
from typing import Final

from trackway.query.sql.segments import TABLES
from trackway.query.sql.tables import rows_from

_OWN: Final = {*TABLES, "events", "identity_links", "identity_refusals"}
"""Tables whose rows after a position are looked at, and what is made of them once for each segment of facts."""
_TABLES: Final = re.compile(r"\b(?:FROM|JOIN) ([a-z_]+)\b")
_PARTS: Final = """
SELECT table, partition_id, max(max_block_number) AS newest, max(data_version) AS version
FROM system.parts WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}
GROUP BY table, partition_id"""
SEEN: Final = f"SELECT sum(cityHash64(table, partition_id, newest, version)) {rows_from(_PARTS)}"
"""What some tables have now, as a number. It binds `tables`."""


def other_tables(sql: str) -> list[str]:
    """The tables that a statement reads and whose rows have no position, in order; with them, what says that rows of
    theirs were lost."""
    found = sorted(set(_TABLES.findall(sql)) - _OWN)
    return [*found, "damage"] if found else []
