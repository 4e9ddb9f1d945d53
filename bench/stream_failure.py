"""A stream of several loses its quorum, simulated: `python -m bench.stream_failure` prints the table of docs/scale.md.

Steps of a tenth of a second. Requests come evenly and belong evenly to the streams. Those of the failed stream wait in
the memory of the edges, for as long as an append may take, and are then refused. Where the memory is full, a request is
refused whatever its stream. With the breaker, a stream without an answer is given up after the first have waited.
Nothing is started: it shows what follows from the product's limits, which are imported.
"""

import math
from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

from bench.reach import JSON_BYTES
from trackway.journal.limits import STREAM_APPEND_S_MAX
from trackway.settings.table import Settings

STEP_S: Final = 0.1
OUTAGE_S: Final = 120.0
RATE: Final = 400_000
"""Events a second, all streams together."""
EDGES: Final = 8
"""Edge processes of all machines. Each has `in_flight_bytes_max` for bodies."""
STREAMS: Final = (1, 2, 4, 16)
LATER_S: Final = 60.0


class Case(NamedTuple):
    """`breaker`: whether a stream without an answer is given up."""

    streams: int
    breaker: bool


class Outcome(NamedTuple):
    """`held_bytes`: the most that waited in memory; `later_bytes`: what waited after LATER_S. `full_s`: when memory was
    full; infinite if never. `lost_elsewhere`: part of the requests for other streams that was refused meanwhile."""

    held_bytes: float
    later_bytes: float
    full_s: float
    lost_elsewhere: float


def simulate(case: Case) -> Outcome:
    """One outage of OUTAGE_S of one stream."""
    room = EDGES * Settings().in_flight_bytes_max
    waiting: deque[tuple[float, float]] = deque()  # until when, bytes
    arriving = RATE * JSON_BYTES * STEP_S
    own, others = arriving / case.streams, arriving * (1 - 1 / case.streams)
    held = most = later = lost = 0.0
    full_s = math.inf
    is_open = False
    for step in range(round(OUTAGE_S / STEP_S)):
        now_s = step * STEP_S
        while waiting and waiting[0][0] <= now_s:
            held -= waiting.popleft()[1]
            is_open = case.breaker
        taken = 0.0 if is_open else min(own, room - held)
        if taken:
            waiting.append((now_s + STREAM_APPEND_S_MAX, taken))
            held += taken
        if held + own > room:
            full_s = min(full_s, now_s)
            lost += others
        most = max(most, held)
        later = held if now_s <= LATER_S else later
    return Outcome(most, later, full_s, lost / max(others * OUTAGE_S / STEP_S, 1.0))


def rows() -> Iterator[str]:
    """The table as lines of Markdown."""
    yield (
        "| Streams | Breaker | Bodies that wait, at most | After a minute | Memory is full after "
        "| Refused of other streams |"
    )
    yield "|--:|---|--:|--:|--:|--:|"
    for streams in STREAMS:
        for breaker in (False, True):
            found = simulate(Case(streams, breaker))
            full = "never" if found.full_s == math.inf else f"{found.full_s:.0f} s"
            elsewhere = "there are none" if streams == 1 else f"{found.lost_elsewhere:.0%}"
            most, later = (f"{each / 1e6:,.0f} MB" for each in (found.held_bytes, found.later_bytes))
            yield f"| {streams} | {'yes' if breaker else 'no'} | {most} | {later} | {full} | {elsewhere} |"


def table() -> str:
    return "\n".join(rows()) + "\n"


if __name__ == "__main__":
    print(table(), end="")
