"""Sessions that were ended stay so, for everybody who looks, and their number is bounded."""

from pathlib import Path

import pytest

from trackway.domain.errors import StorageError
from trackway.domain.limits import SESSION_S_MAX
from trackway.projects import ended_sessions
from trackway.projects.ended_sessions import EndedSessions

NOW_S = 1_700_000_000


def test_an_end_is_seen_by_everybody_and_after_a_restart(tmp_path: Path) -> None:
    one, other = (EndedSessions(tmp_path / "sessions.db") for _ in range(2))
    for _ in range(2):
        one.end("a", NOW_S, NOW_S)
    for each in (one, other, EndedSessions(tmp_path / "sessions.db")):
        assert (each.holds("a", NOW_S), each.holds("b", NOW_S)) == (True, False)


def test_sessions_that_are_over_by_themselves_are_forgotten(tmp_path: Path) -> None:
    ended = EndedSessions(tmp_path / "sessions.db")
    ended.end("old", NOW_S, NOW_S)
    ended.end("new", NOW_S + SESSION_S_MAX, NOW_S + SESSION_S_MAX + 1)
    assert [ended.holds(id, NOW_S) for id in ("old", "new")] == [False, True]


def test_of_too_many_none_comes_back_to_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ended_sessions, "ENDED_SESSIONS_MAX", 10)
    ended = EndedSessions(tmp_path / "sessions.db")
    for number in range(25):
        ended.end(str(number), NOW_S + number, NOW_S + number)
    assert all(ended.holds(str(number), NOW_S + number) for number in range(25))
    assert ended.holds("never ended, but as old", NOW_S + 1)
    assert not ended.holds("never ended, and newer", NOW_S + 25)


def test_a_file_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "sessions.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match=r"sessions\.db cannot be used: file is not a database"):
        EndedSessions(tmp_path / "sessions.db")
