"""The niceness of the engine's threads. They are pooled, and one inherits the niceness of the thread that starts it."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread

import pytest

from tests.support.store.process import RunningStore
from tests.support.waiting import wait_until
from trackway.domain.errors import StorageError
from trackway.store.client import Store
from trackway.store.workload import COMPACTION, LOADER, REPORTS, Workload

QUERY_THREADS = ("QueryPull", "QueryComp")
"""How the engine names the threads that begin to work on a statement."""
SLOW = "sum(sipHash64(number, repeat('x', 50)))"


def niceness(pid: int, *names: str) -> dict[str, int]:
    """The niceness of the threads of a process whose names begin so, by id."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended
            head, _, rest = (task / "stat").read_text().rpartition(") ")
            if head.partition("(")[2].startswith(names):
                found[task.name] = int(rest.split()[16])
    return found


def expected(pid: int, workload: Workload) -> int:
    """Without the capability CAP_SYS_NICE nothing has a niceness: it could not be taken back."""
    status = Path(f"/proc/{pid}/status").read_text()
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    return workload.nice if effective >> 23 & 1 else 0


@pytest.fixture
def insert_target(store: Store) -> Iterator[str]:
    store.command("CREATE TABLE niced (hash UInt64) ENGINE = MergeTree ORDER BY hash")
    yield "niced"
    store.command("DROP TABLE niced")


def seen_at(running: RunningStore, sql: str, workload: Workload, *, is_query: bool) -> set[int]:
    """The niceness of the threads that work on statements until one has that of the workload. The statement is stopped
    then. Threads that finished others keep the name."""
    seen: set[int] = set()
    wanted = expected(running.pid, workload)

    def work() -> None:
        with closing(Store(running.url, workload=workload)) as asking, suppress(StorageError):
            list(asking.stream(sql)) if is_query else asking.command(sql)

    def looked() -> bool:
        seen.update(niceness(running.pid, *QUERY_THREADS).values())
        return wanted in seen

    thread = Thread(target=work)
    thread.start()
    try:
        wait_until(looked, 60, lambda: f"niceness {seen} instead of {wanted}")
    finally:
        with closing(Store(running.url)) as stopping:
            wait_until(lambda: _stopped(stopping, thread), 60, lambda: "the statement does not stop")
        thread.join()
    return seen


def _stopped(store: Store, thread: Thread) -> bool:
    store.command("KILL QUERY WHERE positionCaseInsensitive(query, 'sipHash64') > 0 AND query NOT LIKE '%KILL%' ASYNC")
    return not thread.is_alive()


@pytest.mark.parametrize("workload", [REPORTS, COMPACTION, LOADER], ids=lambda each: each.name)
def test_a_statement_runs_with_the_niceness_of_its_workload(running: RunningStore, workload: Workload) -> None:
    sql = f"SELECT {SLOW} FROM system.numbers"
    assert seen_at(running, sql, workload, is_query=True) <= {0, expected(running.pid, workload)}


def test_an_insert_never_has_the_niceness_of_a_report_that_had_its_threads_before(
    running: RunningStore, store: Store, insert_target: str
) -> None:
    report = f"SELECT {SLOW} FROM numbers_mt(100000) GROUP BY number % 100 ORDER BY 1"
    with closing(Store(running.url, workload=REPORTS)) as asking:
        for _ in range(5):  # all pools have threads that a report began
            assert len(list(asking.stream(report))) > 0
    assert set(niceness(running.pid, *QUERY_THREADS).values()) <= {0}, "a finished report leaves no thread niced"
    sql = f"INSERT INTO {insert_target} SELECT sipHash64(number) FROM system.numbers WHERE ignore({SLOW[4:-1]}) = 0"
    assert seen_at(running, sql, LOADER, is_query=False) <= {0, expected(running.pid, LOADER)}
