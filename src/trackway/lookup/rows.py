"""The rows of a lookup table: each key with its properties (protocol §13).

The rows of a version never change, and stay for an hour after the version was replaced. So a query looks the version up
once, and sees the table of that moment to its end. A report joins with `ROWS`: column n of `columns` is `values[n]`,
the JSON text of its value, empty where it is undefined.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

from trackway.lookup.versions import LookupTable
from trackway.store.reader import Reader

ROWS = "SELECT key, values FROM lookup_rows WHERE project_id = {project:UInt32} AND version = {version:UUID}"


async def lookup_rows(reader: Reader, project_id: int, table: LookupTable) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Keys and their properties, in the order of the keys, without undefined ones. Raises StorageError."""
    rest = b""
    asked = reader.stream(project_id, f"{ROWS} ORDER BY key", {"version": table.version}, "JSONCompactEachRow")
    async with asked as pieces:
        async for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                key, values = json.loads(line)
                named = zip(table.columns, values, strict=True)
                yield key, {name: json.loads(value) for name, value in named if value}
