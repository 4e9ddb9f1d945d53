"""The properties that events have: their names by the number of events."""

from trackway.query.reports.run import Run, Statement
from trackway.query.reports.segmentation import Chosen


async def property_names(run: Run, chosen: Chosen, limit: int) -> dict[str, int]:
    """Names and the number of events that have the property, by falling number, then by name; `limit` at most. A
    property that is null counts, too. Raises StoreError.

    The store finds the names without making values of the properties. Its memory grows with the number of names alone.
    """
    projection = chosen.projection(await run.known())
    projection.add_property_names("names")
    rows = projection.rows()
    sql = f"SELECT arrayJoin(names) AS name, count() AS events {rows.sql} GROUP BY name"
    sql += f" ORDER BY events DESC, name LIMIT {{limit:UInt32}}{rows.settings}"
    return dict(await run.rows(Statement(sql, rows.parameters | {"limit": limit})))
