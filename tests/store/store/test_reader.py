"""The store's front door: what it gives, that no event loop waits for it, and that projects and workloads do not wait
for one another."""

import asyncio
import contextlib
import gc
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, closing

import pytest

from tests.support.event_loop import longest_gap_s
from tests.support.store.process import RunningStore
from tests.support.store.running_queries import running_queries
from trackway.store.client import Store
from trackway.store.errors import TIME_EXCEEDED_CODES, StoreError
from trackway.store.reader import Reader, Readers, open_readers
from trackway.store.workload import EXPORT, PAGES, REPORTS

ENDLESS = "SELECT number, repeat('x', 100) FROM system.numbers"
SLOW = "SELECT sum(sleepEachRow(0.5)) FROM numbers(4)"
SOON_S = 10
"""Answers that wait for nothing take milliseconds."""
GAP_S_MAX = 0.5
"""A loop that waits for a store that sleeps stands still for a second and more."""


@pytest.fixture
def readers(running: RunningStore) -> Iterator[Readers]:
    with closing(open_readers(running.url)) as opened:
        yield opened


@asynccontextmanager
async def unread(reader: Reader, project_id: int, count: int) -> AsyncIterator[None]:
    """So many clients of a project that read nothing behind the first piece of their stream."""
    over, begun = asyncio.Event(), [asyncio.Event() for _ in range(count)]

    async def read(has_begun: asyncio.Event) -> None:
        async with reader.stream(project_id, ENDLESS) as pieces:
            assert await anext(pieces)
            has_begun.set()
            await over.wait()

    async with asyncio.TaskGroup() as clients:
        for each in begun:
            clients.create_task(read(each))
        try:
            for each in begun:
                await each.wait()
            yield
        finally:
            over.set()


def test_values_come_whole(readers: Readers) -> None:
    sql = "SELECT {number:UInt64}, {text:String}, toDate('2026-02-28'), substring('ü', 1, 1) FROM numbers(2)"
    text = 'a\n\u2028"\\'
    asked = readers.pages.rows(1, sql, {"number": 2**64 - 1, "text": text})
    assert asyncio.run(asked) == [(2**64 - 1, text, "2026-02-28", "\ufffd")] * 2
    assert asyncio.run(readers.pages.rows(1, "SELECT 1 WHERE 0")) == []


def test_question_that_fails_is_told_with_its_code(readers: Readers) -> None:
    with pytest.raises(StoreError) as failed:
        asyncio.run(readers.pages.rows(1, "SELECT throwIf(number = 4) FROM numbers(5)"))
    assert failed.value.code == 395


def test_question_that_takes_too_long_ends(readers: Readers) -> None:
    with pytest.raises(StoreError) as failed:
        asyncio.run(readers.pages.rows(1, "SELECT sum(sleepEachRow(0.1)) FROM numbers(200)", time_s=0.5))
    assert failed.value.code in TIME_EXCEEDED_CODES


def test_the_project_of_a_question_is_bound(readers: Readers) -> None:
    assert asyncio.run(readers.api.rows(17, "SELECT {project:UInt32}")) == [(17,)]


def test_no_loop_stands_still_while_the_store_is_slow(readers: Readers) -> None:
    async def story() -> None:
        async with readers.exports.stream(1, f"{SLOW}") as pieces:
            assert await longest_gap_s(anext(pieces)) < GAP_S_MAX
        assert await longest_gap_s(readers.pages.rows(1, SLOW)) < GAP_S_MAX

    asyncio.run(story())


def test_unread_streams_of_one_project_leave_a_place_for_another(readers: Readers) -> None:
    async def story() -> None:
        async with unread(readers.exports, 1, EXPORT.project_max):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(readers.exports.rows(1, "SELECT 1"), 1)
            assert await asyncio.wait_for(readers.exports.rows(2, "SELECT 2"), SOON_S) == [(2,)]
        assert await asyncio.wait_for(readers.exports.rows(1, "SELECT 1"), SOON_S) == [(1,)]

    asyncio.run(story())


def test_projects_share_fairly_also_from_several_processes(running: RunningStore) -> None:
    """The places of the store are fewer than those of two clients."""

    async def story() -> None:
        with closing(Reader(running.url, EXPORT)) as one, closing(Reader(running.url, EXPORT)) as other:
            async with unread(one, 1, EXPORT.project_max):
                waiting = [asyncio.create_task(other.rows(1, "SELECT 1")) for _ in range(EXPORT.project_max)]
                await asyncio.sleep(0.5)
                assert await asyncio.wait_for(other.rows(2, "SELECT 2"), SOON_S) == [(2,)]
                assert not any(task.done() for task in waiting)
            assert await asyncio.wait_for(asyncio.gather(*waiting), SOON_S) == [[(1,)]] * len(waiting)

    asyncio.run(story())


def test_no_workload_waits_for_another(readers: Readers, store: Store) -> None:
    """All places for exports and for pages are taken."""

    async def story() -> None:
        async with AsyncExitStack() as stack:
            for reader, workload in ((readers.exports, EXPORT), (readers.pages, PAGES)):
                for project in range(workload.connections):
                    await stack.enter_async_context(unread(reader, project, 1))
            for reader in (readers.api, readers.lookup_tables, readers.health):
                assert await asyncio.wait_for(reader.rows(1, "SELECT 1"), SOON_S) == [(1,)]
            assert await asyncio.to_thread(store.query, "SELECT 1") == [(1,)]

    asyncio.run(story())


def test_who_holds_a_place_waits_for_no_other(readers: Readers) -> None:
    async def story() -> None:
        async with readers.exports.stream(1, ENDLESS):
            for reader in (readers.exports, readers.pages):
                with pytest.raises(AssertionError, match="leave the stream first"):
                    await reader.rows(1, "SELECT 1")
        assert await readers.pages.rows(1, "SELECT 1") == [(1,)]

    asyncio.run(story())


def test_a_stream_that_is_left_stops_its_query_and_gives_its_place_back(readers: Readers, store: Store) -> None:
    async def story() -> None:
        for _ in range(3 * EXPORT.connections):
            async with unread(readers.exports, 1, 1):
                pass
        assert await asyncio.wait_for(readers.exports.rows(1, "SELECT 1"), SOON_S) == [(1,)]

    asyncio.run(story())
    deadline = time.monotonic() + 30
    while running_queries(store, "%system.numbers%"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_who_is_cancelled_leaves_its_place(readers: Readers) -> None:
    async def story() -> None:
        for _ in range(2):
            slow = [asyncio.create_task(readers.pages.rows(1, SLOW)) for _ in range(2 * PAGES.connections)]
            await asyncio.sleep(0.2)
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)
        assert await asyncio.wait_for(readers.pages.rows(1, "SELECT 1"), 3 * SOON_S) == [(1,)]

    asyncio.run(story())


@pytest.mark.parametrize("how", ["rows", "stream"])
def test_who_is_cancelled_ends_its_query(readers: Readers, store: Store, how: str) -> None:
    """Every connection of the workload is free again, which only happens when the store has ended the queries. Their
    errors, which nobody waits for, are not reported."""
    reported: list[dict[str, object]] = []
    sql = "SELECT sum(sipHash64(number)) AS abandoned FROM system.numbers"

    async def read() -> None:
        async with readers.reports.stream(1, sql) as pieces:
            await anext(pieces)

    async def story() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, report: reported.append(report))
        for _ in range(2):
            asked = [asyncio.create_task(readers.reports.rows(1, sql) if how == "rows" else read()) for _ in range(5)]
            while await asyncio.to_thread(running_queries, store, "%abandoned%") < REPORTS.connections:
                await asyncio.sleep(0.05)
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
            assert await readers.reports.rows(1, "SELECT 1") == [(1,)]
            while await asyncio.to_thread(running_queries, store, "%abandoned%"):
                await asyncio.sleep(0.05)
        asked.clear()
        gc.collect()

    asyncio.run(asyncio.wait_for(story(), 6 * SOON_S))
    assert not reported


def test_who_is_cancelled_while_the_store_is_frozen_has_its_place_back_at_once(
    running: RunningStore, readers: Readers
) -> None:
    async def story() -> None:
        assert await readers.reports.rows(1, "SELECT 1") == [(1,)]
        os.kill(running.pid, signal.SIGSTOP)
        try:
            for _ in range(3):
                asked = [asyncio.create_task(readers.reports.rows(1, "SELECT 2")) for _ in range(REPORTS.connections)]
                await asyncio.wait(asked, timeout=0.3)
                for task in asked:
                    task.cancel()
                await asyncio.gather(*asked, return_exceptions=True)
        finally:
            os.kill(running.pid, signal.SIGCONT)
        assert await readers.reports.rows(1, "SELECT 3") == [(3,)]

    asyncio.run(asyncio.wait_for(story(), 6 * SOON_S))


def test_an_insert_whose_caller_is_cancelled_is_finished(readers: Readers, store: Store) -> None:
    store.command("CREATE TABLE finished (number UInt64) ENGINE = MergeTree ORDER BY number")
    sql = "INSERT INTO finished SELECT sleepEachRow(0.2) FROM numbers(10) SETTINGS max_block_size = 1"

    async def story() -> None:
        writing = asyncio.create_task(readers.lookup_tables.write(1, sql))
        while not await asyncio.to_thread(running_queries, store, "INSERT INTO finished%"):
            await asyncio.sleep(0.05)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        while store_rows() < 10:
            await asyncio.sleep(0.05)

    def store_rows() -> int:
        with ThreadPoolExecutor(1) as thread:
            return int(thread.submit(store.query, "SELECT count() FROM finished").result()[0][0])

    asyncio.run(asyncio.wait_for(story(), 6 * SOON_S))


def test_a_frozen_store_stops_no_loop_and_is_answered_again_at_once(running: RunningStore, readers: Readers) -> None:
    async def story() -> None:
        async with unread(readers.exports, 1, 2):
            os.kill(running.pid, signal.SIGSTOP)
            try:
                asked = asyncio.create_task(readers.exports.rows(1, "SELECT 1"))
                gap_s = await longest_gap_s(asyncio.wait({asked}, timeout=1))
            finally:
                os.kill(running.pid, signal.SIGCONT)
            assert gap_s < GAP_S_MAX
            assert await asyncio.wait_for(asked, SOON_S) == [(1,)]

    asyncio.run(story())


def test_a_store_that_is_away_is_an_error(readers: Readers) -> None:
    with closing(Reader("http://trackway:x@127.0.0.1:1/default", PAGES)) as away:
        with pytest.raises(StoreError) as failed:
            asyncio.run(away.rows(1, "SELECT 1"))
        with contextlib.suppress(StoreError):
            asyncio.run(away.ping())
    assert failed.value.code is None
