"""The events of entries by month, which is their partition in the store. Pure."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from trackway.domain.entry import KEY_BYTES, Entry, Events
from trackway.loader.event_block import taken_apart

Months = NDArray[np.int64]
"""For each event, the months since 1970."""

_TIME_BYTES = 8


def spans_many(entries: Sequence[Entry], number: int) -> bool:
    """Whether the events may span more than `number` months: a prefilter that compares the first and the last."""
    times_ms = _times_ms(entries)
    if not len(times_ms):
        return False
    first, last = _months(np.array([times_ms.min(), times_ms.max()]))
    return bool(last - first >= number)


def most_common(entries: Sequence[Entry], number: int) -> set[int]:
    """At most `number` months: those of most entries, since they matter to most clients, and of equals the latest."""
    entries_of: Counter[int] = Counter()
    for entry in entries:
        entries_of.update(np.unique(months_of(entry)).tolist())
    ordered = sorted(entries_of, key=lambda month: (entries_of[month], month), reverse=True)
    return set(ordered[:number])


def by_month(entry: Entry) -> dict[int, Entry]:
    """The entry split by the month of its events. Raises DataRefused when its columns cannot be split."""
    months = months_of(entry)
    if len(months) == 0 or months.min() == months.max():
        return {int(month): entry for month in months[:1]}
    events = entry.events
    order = np.argsort(months, kind="stable")
    keys = np.frombuffer(events.keys, dtype=f"V{KEY_BYTES}")[order]
    times = np.frombuffer(events.times_ms, dtype=f"V{_TIME_BYTES}")[order]
    columns = taken_apart(events)
    starts = np.flatnonzero(np.diff(months[order], prepend=months[order][0] - 1)).tolist()
    found: dict[int, Entry] = {}
    for begin, end in zip(starts, [*starts[1:], len(order)], strict=True):
        chosen = order[begin:end].tolist()
        strings = [b"".join([column[at] for at in chosen]) for column in columns]
        part = Events(end - begin, keys[begin:end].tobytes(), times[begin:end].tobytes(), *strings)
        found[int(months[chosen[0]])] = msgspec.structs.replace(entry, events=part)
    return found


def months_of(entry: Entry) -> Months:
    return _months(_times_ms([entry]))


def _times_ms(entries: Sequence[Entry]) -> NDArray[np.int64]:
    return np.frombuffer(b"".join([entry.events.times_ms for entry in entries]), dtype="<i8")


def _months(times_ms: NDArray[np.int64]) -> Months:
    return times_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
