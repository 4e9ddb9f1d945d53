"""The rows of a lookup table: each key with the properties that belong to it (protocol §13).

A version's rows never change, and stay for an hour after another has taken its place; so a query looks the table up
once, and whatever it asks with that version sees the table as it was then. What a report joins with is `ROWS`: column
n of `columns` is `values[n]`, the JSON text of its value, empty where there is none.
"""

import json
from collections.abc import Iterator
from typing import Any

from trackway.store.client import Store
from trackway.store.lookup_tables import LookupTable

ROWS = "SELECT key, values FROM lookup_rows WHERE project_id = {project:UInt32} AND version = {version:UUID}"


def lookup_rows(store: Store, project_id: int, table: LookupTable) -> Iterator[tuple[str, dict[str, Any]]]:
    """Keys and their properties, in the order of the keys; what is undefined is left out. Raises StorageError."""
    parameters = {"project": project_id, "version": table.version}
    rest = b""
    for piece in store.stream(f"{ROWS} ORDER BY key", parameters, "JSONCompactEachRow"):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            key, values = json.loads(line)
            named = zip(table.columns, values, strict=True)
            yield key, {name: json.loads(value) for name, value in named if value}
