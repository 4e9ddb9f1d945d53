"""Results that come in parts, each of other persons (`query.sql.scope.Rows.parts`)."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

Row = tuple[Any, ...]
"""A key's columns, its total, and pairs of bucket and value."""


def in_one(rows: Sequence[Row]) -> Sequence[Row]:
    """One row for each key. Only where there is one key in all, several rows may have it: those of the parts."""
    if len(rows) < 2 or any(row[:-2] != rows[0][:-2] for row in rows):
        return rows
    sums = Counter[str]()
    for row in rows:
        sums.update(dict(row[-1]))
    return [(*rows[0][:-2], sums.total(), list(sums.items()))]
