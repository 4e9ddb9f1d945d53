"""How much is measured and how often. Two plans: the whole one, and the quick one that only shows that all works."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Kind = Literal["browser", "server"]

EVENTS_PER_BATCH: Final = 2000
"""What `/import` takes in one request."""
WORK_DIR: Final = Path("test-artefacts")
"""Where data directories are made and removed again: on the disk to be measured, and ignored by git."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The sizes of a run. Work directories are made below `work_dir`."""

    kind: Kind = "browser"
    rounds: int = 3
    batches: int = 300
    connections: int = 4
    """Keep-alive connections of the `/import` client."""
    hot_batches: int = 50
    """Batches of updates of one profile, 2000 in each."""
    wide_batches: int = 500
    """Batches of updates, every one of a profile of its own."""
    resolved_events: int = 10_000_000
    """Events of whom it is asked whose they are."""
    links: int = 1_000_000
    asked_events: int = 10_000_000
    """Events about which questions are asked."""
    asked_links: int = 1_000_000
    rested_s: float = 75.0
    """Time without work after which the facts count as made: the compactor looks once a minute whether there is more to
    put together."""
    idle_s: float = 6.0
    """Time in which a server does nothing by itself before it is measured: longer than the compactor rests between two
    steps."""
    dashboard_loads: int = 30
    fat_s: float = 20.0
    """Time in which a fat profile is updated again and again."""
    singles_s: int = 5
    singles_connections: int = 64
    visible_s: float = 10.0
    settle_s: float = 2.0
    """Time given to a new server before its idle memory is taken."""
    disk_s: float = 1.0
    work_dir: Path = WORK_DIR

    @property
    def events(self) -> int:
        return self.batches * EVENTS_PER_BATCH


def quick(kind: Kind, work_dir: Path) -> Plan:
    """One small round of everything: a check of the benchmarks, not a measurement."""
    return Plan(
        kind=kind,
        rounds=1,
        batches=10,
        hot_batches=5,
        wide_batches=5,
        resolved_events=100_000,
        links=10_000,
        asked_events=50_000,
        asked_links=5_000,
        rested_s=1.0,
        idle_s=1.0,
        dashboard_loads=3,
        fat_s=1.0,
        singles_s=1,
        singles_connections=16,
        visible_s=2.0,
        settle_s=0.5,
        disk_s=0.2,
        work_dir=work_dir,
    )
