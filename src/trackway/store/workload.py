"""The workloads of the store: one row for each kind of work, with its limits.

Every query names its workload and its project in ClickHouse's `quota_key`, which any server accepts. The embedded store
has connections for each workload (`embedded.execution`), an edge process has threads (`reader`). So no workload waits
for another, and within a workload no project takes everything.
"""

from typing import Final, NamedTuple

MIB: Final = 1 << 20
ALL_CORES: Final = 0
SHARED_CORES: Final = -1
"""All cores for a query that runs alone. Beside others of its workload it begins with its share of them: what several
threads find must be put together, and three reports at once took an eighth more processor time."""


class Workload(NamedTuple):
    """A kind of work and its bounds.

    `connections`: of the embedded store; an edge process has as many threads. `project_max`: how many of them one
    project may hold. `waiting_max`: queries of one project that may wait. `threads`: cores for one query, or ALL_CORES,
    or SHARED_CORES. `memory_bytes_max`: of one query. `question_s_max`: seconds that the store works on one query, None
    for no bound. `answer_s_max`: seconds to wait for the next piece of an answer. `nice`: the niceness of the store's
    threads for it, where the store's process may set one. It is never 0: the store sets no niceness then, and a thread
    that it has started from a less important one would keep that one's.
    """

    name: str
    connections: int
    project_max: int
    waiting_max: int
    threads: int
    memory_bytes_max: int
    question_s_max: int | None
    answer_s_max: int
    nice: int

    def quota_key(self, project_id: int) -> str:
        """The text by which a query names its workload and its project."""
        return f"{self.name}/{project_id}"


LOADER: Final = Workload("loader", 4, 4, 64, 1, 600 * MIB, None, 300, -1)
"""The loader and the migrations, which serve all projects. Inserts have one more connection, where they queue."""
HEALTH: Final = Workload("health", 2, 2, 64, 1, 64 * MIB, 3, 3, -1)
"""Health checks: of no project, short, and never behind other work."""
API: Final = Workload("api", 4, 3, 16, ALL_CORES, 600 * MIB, 120, 150, 1)
"""Queries of the APIs with a result of moderate size."""
PAGES: Final = Workload("pages", 4, 3, 64, ALL_CORES, 600 * MIB, 15, 20, 1)
"""Queries of the web pages, for which a person waits."""
EXPORT: Final = Workload("export", 6, 3, 16, ALL_CORES, 600 * MIB, 120, 300, 1)
"""Exports and pages of profile queries: streams, each as slow as its client, and the queries before them."""
REPORTS: Final = Workload("reports", 5, 5, 64, SHARED_CORES, 600 * MIB, 300, 330, 10)
"""Reports. Clients wait for up to eight minutes."""
LOOKS: Final = Workload("looks", 2, 2, 64, 1, 64 * MIB, 30, 45, 10)
"""Looks at the store's parts, of some milliseconds. They are apart, so that a report that begins beside one has all
cores."""
ALERTS: Final = Workload("alerts", 3, 2, 16, 1, 400 * MIB, 60, 90, 12)
"""What alerts look at, for which nobody waits: counts, and saved reports."""
LOOKUP: Final = Workload("lookup", 3, 2, 16, 1, 600 * MIB, 120, 150, 1)
"""Lookup tables: their lists, and the rows that replace them."""
COMPACTION: Final = Workload("compaction", 1, 1, 4, 1, 400 * MIB, None, 900, 15)
"""Facts from events: one statement at a time, of a few seconds, or half a minute for large rollups, with one core."""
ERASURE: Final = Workload("erasure", 1, 1, 4, 1, 400 * MIB, None, 900, 15)
"""Erased persons: one statement at a time, with one core."""
BACKUP: Final = Workload("backup", 1, 1, 4, 1, 400 * MIB, None, 300, 15)
"""Rows that a backup of a store elsewhere reads and that a restore inserts, and parts that are read before a copy."""

WORKLOADS: Final = {
    each.name: each
    for each in (LOADER, HEALTH, API, PAGES, EXPORT, REPORTS, LOOKS, ALERTS, LOOKUP, COMPACTION, ERASURE, BACKUP)
}


def of_quota_key(text: str) -> tuple[Workload, str]:
    """The workload and the project of a query. Without a name it is the API workload."""
    name, _, project = text.partition("/")
    return WORKLOADS.get(name, API), project
