"""Questions of pages: whole values, never in the way of the loader's, and no export in theirs."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
from tests.store.running import running_store

from trackway.query.reading import rows
from trackway.store.client import Store, StoreError
from trackway.store.request import READERS

AT_ONCE = 8
EXPORTS = 3
"""As many as the store has connections for."""
LONG = "SELECT number FROM numbers(100000000)"
"""More than fits into what lies between the store and who reads."""
SLOW = "SELECT sum(sleepEachRow(0.5)) FROM numbers(4)"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as running, closing(Store(running.url)) as client:
        yield client


def test_values_come_whole(store: Store) -> None:
    sql = "SELECT {number:UInt64}, {text:String}, toDate('2026-02-28'), substring('ü', 1, 1) FROM numbers(2)"
    text = 'a\n\u2028"\\'
    found = rows(store, sql, {"number": 2**64 - 1, "text": text})
    assert found == [(2**64 - 1, text, "2026-02-28", "\ufffd")] * 2
    assert rows(store, "SELECT 1 WHERE 0", {}) == []


def test_question_that_fails_is_told_with_its_code(store: Store) -> None:
    with pytest.raises(StoreError) as failed:
        rows(store, "SELECT throwIf(number = 5) FROM numbers(10)", {})
    assert failed.value.code == 395


def test_questions_of_pages_keep_no_short_question_waiting(store: Store) -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        slow = [threads.submit(rows, store, SLOW, {}) for _ in range(AT_ONCE)]
        for _ in range(20):
            assert store.query("SELECT 1") == [(1,)]
        assert not all(each.done() for each in slow)
        assert [each.result() for each in slow] == [[(0,)]] * AT_ONCE


def test_exports_that_nobody_reads_on_keep_no_page_waiting(store: Store) -> None:
    with ExitStack() as exports:
        for _ in range(EXPORTS):
            pieces = exports.enter_context(closing(store.stream(LONG, {}, "TSV", {"quota_key": READERS})))
            assert next(pieces)
        assert rows(store.for_readers(5), "SELECT 1", {}) == [(1,)]
