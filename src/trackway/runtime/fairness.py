"""What to drop under pressure: of the owner that holds the most, the holding that has been silent longest.

Pure. Owners have no fixed limit: behind a proxy or a shared address all clients are one owner, which may hold
everything while no other owner needs room.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol, TypeVar


class Holding(Protocol):
    """Something that is held while its owner sends. `heard_s`: when it last did."""

    @property
    def owner(self) -> bytes: ...

    @property
    def size(self) -> int: ...

    @property
    def heard_s(self) -> float: ...


Held = TypeVar("Held", bound=Holding)


def gives_way(holdings: Collection[Held], asker: bytes, wanted: int, silent_before_s: float) -> Held | None:
    """The holding to drop so that `asker` may hold `wanted` in total. None: refuse the asker.

    While another owner holds more than that, its longest silent holding is dropped. Otherwise only a holding that has
    been silent since before `silent_before_s` is dropped, of any owner.
    """
    held: Counter[bytes] = Counter()
    for each in holdings:
        held[each.owner] += each.size
    largest, size = max(held.items(), key=lambda item: item[1], default=(asker, 0))
    if size > wanted and largest != asker:
        candidates: Iterable[Held] = (each for each in holdings if each.owner == largest)
    else:
        candidates = (each for each in holdings if each.heard_s < silent_before_s)
    return min(candidates, key=lambda each: each.heard_s, default=None)


def longest_silent(holdings: Collection[Held], number: int) -> Sequence[Held]:
    """Up to `number` holdings of the largest owner: at least one, and no more than its lead over the next owner."""
    owners: dict[bytes, list[Held]] = {}
    for each in holdings:
        owners.setdefault(each.owner, []).append(each)
    ordered = sorted(owners.values(), key=len, reverse=True)
    if not ordered:
        return []
    second = len(ordered[1]) if len(ordered) > 1 else 0
    most = min(number, max(len(ordered[0]) - second, 1))
    return sorted(ordered[0], key=lambda each: each.heard_s)[:most]
