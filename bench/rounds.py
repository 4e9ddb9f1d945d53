"""One round: every measurement once, on a server of its own with a data directory of its own.

The order is that of a server's life: first start, idle, import and export, singles, half load, profiles, stop, and a
start on what is there by then.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.bodies import Bodies
from bench.counts import Count
from bench.files import FileImport, measure_file
from bench.identity import Resolving
from bench.imports import Import, measure_import
from bench.memory import pss_by_role
from bench.plan import Plan
from bench.profiles import Profiles, measure_profiles
from bench.server import Server, running
from bench.singles import Singles, measure_singles
from bench.visibility import Visibility, measure_visibility
from bench.writes import Writes, measure_writes

Tell = Callable[[str], None]
"""Says what is being measured now."""


class Round(NamedTuple):
    """Everything that one round found."""

    start_fresh_s: float
    start_existing_s: float
    memory_idle_bytes: int
    imports: Import
    file: FileImport
    singles: Singles
    visibility: Visibility
    profiles: Profiles
    writes: Writes
    resolving: Resolving

    @property
    def counts(self) -> list[Count]:
        """The counts of every measurement."""
        found = self.visibility
        imports = [self.imports.counted, self.file.counted]
        events = [*imports, self.singles.counted, found.load_count, found.probe_count]
        return [*events, self.profiles.hot.counted, self.profiles.wide.counted]


def measure_round(plan: Plan, bodies: Bodies, work: Path, tell: Tell, resolving: Resolving) -> Round:
    """`resolving` was measured before, on one store for all rounds. Makes `work`/data and removes it again. Raises
    RuntimeError when an event was lost or doubled."""
    data_dir = work / "data"
    tell("first start, idle memory")
    with running(data_dir) as server:
        first, start_fresh_s = server.first, server.start_s
        time.sleep(plan.settle_s)
        memory_idle_bytes = sum(pss_by_role(server.pids).values())
        loaded = _under_load(server, plan, bodies, work, tell)
    tell("start on the data that is there")
    with running(data_dir, first) as again:
        start_existing_s = again.start_s
    shutil.rmtree(data_dir)
    return Round(start_fresh_s, start_existing_s, memory_idle_bytes, *loaded, resolving)


def _under_load(
    server: Server, plan: Plan, bodies: Bodies, work: Path, tell: Tell
) -> tuple[Import, FileImport, Singles, Visibility, Profiles, Writes]:
    projects = server.create_projects(
        "import", "singles", "half load", "probes", "hot profile", "profiles", "fat profile", "file"
    )
    # First: merges of what the other measurements store would count as written for this profile.
    tell("/engage, a fat profile")
    writes = measure_writes(server, projects[6], plan)
    tell(f"/import and export of {bodies.events:,} events")
    imports = measure_import(server, projects[0], bodies, plan)
    tell("trackway import of the same events")
    file = measure_file(server, projects[7], "file", bodies, plan, work)
    tell("/track one by one")
    singles = measure_singles(server, projects[1], plan, work)
    tell("time to visible at half load")
    half = imports.queryable_rate / 2
    visibility = measure_visibility(server, projects[2], projects[3], bodies, plan, half)
    tell("/engage, one profile and many")
    profiles = measure_profiles(server, projects[4], projects[5], plan, work)
    return imports, file, singles, visibility, profiles, writes
