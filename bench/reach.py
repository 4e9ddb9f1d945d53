"""How far several machines go, on paper: `python -m bench.reach` prints the tables of docs/scale.md.

The only inputs are costs that docs/benchmarks.md has measured on one machine of two cores. Everything else is
multiplication, so the tables say where the next bound is, not what a cluster will do. Nothing is started.
"""

import math
from typing import Final, NamedTuple

EDGE_US: Final = 15.0
"""Processor time of the edge processes for a browser event in a batch of 2000."""
STORE_US: Final = 12.0
"""The same of the store."""
LOADER_US: Final = 3.0
"""The same of the loader, which is one thread."""
JSON_BYTES: Final = 807
"""A browser event as JSON: what crosses the network from clients that do not pack."""
PACKED_BYTES: Final = 105
"""The same in gzip: the best that a journal can do."""
USED_MAX: Final = 0.5
"""How busy a processor may be: the rest is for peaks, merges and reports."""
RATES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
DAY_S: Final = 86_400


class Needs(NamedTuple):
    """What a rate of events needs. `loaders`: how busy one loader would be, 1.0 is all that it can."""

    rate: int
    edge_cores: int
    store_cores: int
    loaders: float
    client_bytes: float
    journal_bytes: float
    day_bytes: float


def needs_of(rate: int) -> Needs:
    """For so many browser events a second, in batches. Bytes are a second's, `day_bytes` those of three replicas."""
    return Needs(
        rate,
        _cores(rate, EDGE_US),
        _cores(rate, STORE_US),
        rate * LOADER_US / 1e6,
        rate * JSON_BYTES,
        rate * PACKED_BYTES,
        3 * rate * PACKED_BYTES * DAY_S,
    )


def _cores(rate: int, cost_us: float) -> int:
    return math.ceil(rate * cost_us / 1e6 / USED_MAX)


def table() -> str:
    """The needs of all rates, as Markdown."""
    lines = [
        "| Events/s | Cores of edges | Cores of the store | One loader is busy | From clients | Into the journal "
        "| A day, three replicas |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for each in map(needs_of, RATES):
        lines.append(
            f"| {each.rate:,} | {each.edge_cores:,} | {each.store_cores:,} | {each.loaders:.0%} "
            f"| {_bytes(each.client_bytes)}/s | {_bytes(each.journal_bytes)}/s | {_bytes(each.day_bytes)} |"
        )
    return "\n".join(lines) + "\n"


def _bytes(amount: float) -> str:
    """With two digits and a unit."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if amount >= size:
            return f"{amount / size:.2g} {unit}" if amount < 100 * size else f"{amount / size:.0f} {unit}"
    return f"{amount / 1e3:.0f} kB"


if __name__ == "__main__":
    print(table(), end="")
