"""The table `damage`: what was ever found damaged, in the store and in the journal. It outlives a restart."""

from collections import Counter
from typing import Final, NamedTuple

import msgspec

from trackway.store.client import Store
from trackway.telemetry import metrics

UNKNOWN: Final = -1
FOUND, SETTLED = 0, 1
"""States: rows are still to be loaded again; nothing is left to do."""
_COLUMNS: Final = ("place", "name", "state", "found", "fault", "rows", "lost")
_ALL: Final = """
SELECT place, name, state, toUnixTimestamp64Milli(found), fault, `rows`, lost FROM damage FINAL ORDER BY found"""


class Damage(NamedTuple):
    """A part of the table `place`, or a range of the journal. `rows` and `lost` may be UNKNOWN. While the damage is
    pending, `lost` counts the rows to load again."""

    place: str
    name: str
    state: int
    found_ms: int
    fault: str
    rows: int
    lost: int

    @property
    def pending(self) -> bool:
        """Whether its rows are still to be loaded again."""
        return self.state == FOUND


def all_damage(store: Store) -> list[Damage]:
    """All damage that was ever found. Raises StorageError."""
    return [Damage(*row) for row in store.query(_ALL)]


def write_damage(store: Store, damage: Damage) -> None:
    """Note damage, or a later state of it. Raises StorageError."""
    row = (*damage[:3], f"{damage.found_ms // 1000}.{damage.found_ms % 1000:03}", *damage[4:])
    store.insert_rows("damage", _COLUMNS, msgspec.json.encode(row), "JSONCompactEachRow")


def show_damage(store: Store) -> None:
    """Let the metric count all damage. Raises StorageError."""
    metrics.damage(Counter(each.place for each in all_damage(store)))
