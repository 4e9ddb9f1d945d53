"""Parts of the store or the journal that were ever found damaged, for the health page. `loader.damage` writes them."""

from typing import Final, NamedTuple

from trackway.store.reader import Reader

_FOUND: Final = """
SELECT place, count(), sum(greatest(lost, 0)), countIf(lost < 0), countIf(state = 0), toUnixTimestamp(max(found))
FROM damage FINAL GROUP BY place ORDER BY place"""


class Damaged(NamedTuple):
    """Damaged parts of a table of the store, or of the journal. `lost`: rows or records that could not be loaded again.
    Of `unknown` parts their number is not known. `pending` parts have not been loaded again yet."""

    place: str
    parts: int
    lost: int
    unknown: int
    pending: int
    latest_s: int


async def damaged(reader: Reader, project_id: int) -> list[Damaged]:
    """All damage of the whole server. Raises StoreError."""
    return [Damaged(str(place), *map(int, rest)) for place, *rest in await reader.rows(project_id, _FOUND, {})]
