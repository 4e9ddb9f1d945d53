"""The lock of replays: one at a time for a project, on a file and in PostgreSQL, gone with its holder."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.support.projects.postgresql import Cluster
from tests.support.waiting import wait_until
from trackway.domain.errors import StorageError
from trackway.projects.project_lock import ProjectLock, export_lock, replay_lock

MakeLock = Callable[[int], ProjectLock]
SOON_S = 5


@pytest.fixture
def make_lock(at: Path | str, tmp_path: Path) -> MakeLock:
    """A lock for a project, as another process or machine would make it."""
    return lambda project_id: replay_lock(at, tmp_path, project_id)


def test_one_replay_of_a_project_runs_at_a_time(make_lock: MakeLock) -> None:
    with closing(make_lock(7)) as first:
        assert first.try_take() and first.is_held()
        for _ in range(2):
            with closing(make_lock(7)) as second:
                assert not second.try_take()
        with closing(make_lock(8)) as of_another_project:
            assert of_another_project.try_take()
        assert first.is_held()
    for _ in range(20):
        with closing(make_lock(7)) as next_one:
            assert next_one.try_take(), "a lock that was released is free at once"


def test_an_export_and_a_replay_of_a_project_do_not_wait_for_each_other(
    make_lock: MakeLock, at: Path | str, tmp_path: Path
) -> None:
    with closing(make_lock(7)) as replay, closing(export_lock(at, tmp_path, 7)) as export:
        assert replay.try_take() and export.try_take()
        with closing(export_lock(at, tmp_path, 7)) as second:
            assert not second.try_take()


def test_a_lock_whose_connection_is_gone_is_not_held_and_another_gets_it(cluster: Cluster, tmp_path: Path) -> None:
    url = cluster.new_database()
    with closing(replay_lock(url, tmp_path, 7)) as first, closing(replay_lock(url, tmp_path, 7)) as second:
        assert first.try_take()
        with psycopg.connect(url, autocommit=True) as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            assert connection.execute(others).fetchall() == [(True,)]
        assert not first.is_held()
        wait_until(second.try_take, SOON_S, lambda: "the lock of a connection that is gone is not free")


def test_a_database_that_is_away_is_an_error_without_its_password(tmp_path: Path) -> None:
    with closing(replay_lock("postgresql://trackway:secret@127.0.0.1:1/none", tmp_path, 7)) as lock:
        with pytest.raises(StorageError, match="failed") as caught:
            lock.try_take()
        assert "secret" not in str(caught.value)
        assert not lock.is_held()


def test_a_lock_that_was_closed_while_it_was_taken_is_free(cluster: Cluster, tmp_path: Path) -> None:
    url = cluster.new_database()
    left = replay_lock(url, tmp_path, 7)
    left.close()  # its request was cancelled, and its thread goes on
    assert not left.try_take()
    with closing(replay_lock(url, tmp_path, 7)) as other:
        assert other.try_take()
