"""Times to convert of a funnel, as how often each number of whole seconds was counted, and their median."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray

    Counted = tuple[NDArray[int64], NDArray[int64]]
    """Different seconds in their order, and how often each was."""

_LOOSE_MAX: Final = 65536
"""Times of many that are kept as they came, before equal ones are put together."""


class Seconds:
    """Times, rounded to whole seconds. Memory grows with the different ones."""

    def __init__(self) -> None:
        self._singles: Counter[int] = Counter()
        self._loose: list[NDArray[int64]] = []
        self._loose_number = 0
        self._counted: Counted | None = None

    def add(self, since_ms: int) -> None:
        """Add one time in milliseconds."""
        self._singles[round(since_ms / 1000)] += 1

    def add_many(self, since_ms: "NDArray[int64]") -> None:
        """Add many times in milliseconds."""
        self._loose.append((since_ms / 1000).round().astype("int64"))
        self._loose_number += len(since_ms)
        counted = 0 if self._counted is None else len(self._counted[0])
        if self._loose_number > max(_LOOSE_MAX, counted):
            self._put_together()

    def add_all(self, other: "Seconds") -> None:
        """Add the times of another one, which is not used any more."""
        self._singles.update(other._singles)
        self._loose += other._loose
        self._loose_number += other._loose_number
        if other._counted is not None:
            self._counted = _together([each for each in (self._counted, other._counted) if each is not None])

    def median(self) -> int:
        """The middle of all, and of two the later one; 0 where there is none."""
        if not self._loose and self._counted is None:
            return _median_of(self._singles)
        seconds, numbers = self._put_together()
        passed = numbers.cumsum()
        return int(seconds[passed.searchsorted(passed[-1] // 2, side="right")])

    def _put_together(self) -> "Counted":
        import numpy as np  # noqa: PLC0415  numpy costs 30 MB

        parts = [np.unique(np.concatenate(self._loose), return_counts=True)] if self._loose else []
        if self._singles:
            singles = np.array([*self._singles.items()], dtype=np.int64)
            parts.append((singles[:, 0], singles[:, 1]))
        if self._counted is not None:
            parts.append(self._counted)
        seconds, numbers = _together(parts)
        self._singles, self._loose, self._loose_number = Counter(), [], 0
        self._counted = seconds, numbers
        return self._counted


def _together(parts: "Sequence[Counted]") -> "Counted":
    import numpy as np  # noqa: PLC0415  numpy costs 30 MB

    if len(parts) == 1:
        return parts[0]
    seconds, numbers = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.argsort(seconds)
    seconds, numbers = seconds[order], numbers[order]
    begins = np.flatnonzero(np.concatenate(([True], seconds[1:] != seconds[:-1])))
    return seconds[begins], np.add.reduceat(numbers, begins)


def _median_of(numbers: Counter[int]) -> int:
    half, passed = numbers.total() // 2, 0
    for second in sorted(numbers):
        passed += numbers[second]
        if passed > half:
            return second
    return 0
