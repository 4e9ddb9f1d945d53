"""Sessions that end on one of several machines, as the others see it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.support.projects.migrated import migrated_url
from tests.support.projects.postgresql import Cluster
from trackway.domain.errors import StorageError
from trackway.domain.limits import SESSION_S_MAX
from trackway.projects import shared_ended_sessions
from trackway.projects.database import ProjectsDatabase
from trackway.projects.ended_sessions import EndedSessions
from trackway.projects.shared_ended_sessions import SharedEndedSessions

MakeMachine = Callable[[str, str], SharedEndedSessions]
NOW_S = 4_000_000_000


@pytest.fixture
def url(cluster: Cluster) -> str:
    return migrated_url(cluster)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[MakeMachine]:
    """Makes what a machine of that name knows."""
    made: list[SharedEndedSessions] = []

    def make(url: str, name: str) -> SharedEndedSessions:
        (tmp_path / name).mkdir()
        made.append(SharedEndedSessions(url, EndedSessions(tmp_path / name / "sessions.db")))
        return made[-1]

    yield make
    for each in made:
        each.close()


def rows_of(url: str) -> int:
    with psycopg.connect(url) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM ended_sessions").fetchall()
    return int(count)


def test_a_session_that_ends_on_one_machine_ends_on_the_others(url: str, machine: MakeMachine) -> None:
    one, other = machine(url, "one"), machine(url, "other")
    one.end("a", NOW_S, NOW_S)
    assert one.holds("a", NOW_S) and not other.holds("a", NOW_S)
    other.follow()
    assert other.holds("a", NOW_S) and not other.holds("b", NOW_S)
    other.end("b", NOW_S, NOW_S)
    one.follow()
    assert one.holds("b", NOW_S)
    later = machine(url, "later")
    later.follow()
    assert later.holds("a", NOW_S) and later.holds("b", NOW_S)


def test_ends_that_are_written_at_once_are_all_followed(url: str, machine: MakeMachine) -> None:
    writers = [machine(url, str(number)) for number in range(4)]
    reader = machine(url, "reader")

    def end(number: int) -> None:
        for turn in range(5):
            writers[number].end(f"{number}-{turn}", NOW_S, NOW_S)

    with ThreadPoolExecutor(4) as pool:
        ending = [pool.submit(end, number) for number in range(4)]
        while not all(each.done() for each in ending):
            reader.follow()
        assert [each.result() for each in ending] == [None] * 4
    reader.follow()
    assert all(reader.holds(f"{number}-{turn}", NOW_S) for number in range(4) for turn in range(5))


def test_sessions_that_are_over_by_themselves_are_forgotten(url: str, machine: MakeMachine) -> None:
    one = machine(url, "one")
    one.end("old", NOW_S, NOW_S)
    one.end("new", NOW_S + SESSION_S_MAX + 1, NOW_S + SESSION_S_MAX + 1)
    assert rows_of(url) == 1


def test_beyond_the_bound_the_older_half_end_with_all_that_began_as_early(
    url: str, machine: MakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_ended_sessions, "ENDED_SESSIONS_MAX", 10)
    one, other = machine(url, "one"), machine(url, "other")
    for number in range(11):
        one.end(str(number), NOW_S + number, NOW_S + number)
    assert rows_of(url) < 10
    other.follow()
    assert all(other.holds(str(number), NOW_S + number) for number in range(11))
    assert other.holds("never signed out", NOW_S + 2) and not other.holds("never signed out", NOW_S + 10)


def test_without_the_database_a_session_ends_on_its_machine_with_an_error(
    cluster: Cluster, machine: MakeMachine
) -> None:
    url = cluster.new_database()  # it has no tables
    one = machine(url, "one")
    with pytest.raises(StorageError, match="ended_sessions"):
        one.end("a", NOW_S, NOW_S)
    assert one.holds("a", NOW_S)
    with pytest.raises(StorageError, match="ended_sessions"):
        one.follow()
    ProjectsDatabase(url).migrate()
    one.follow()
