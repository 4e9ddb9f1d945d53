"""How often strangers may look."""

import pytest

from trackway.domain.errors import RequestError
from trackway.web import visit_limits
from trackway.web.limits import (
    SHARED_GUESSES_OF_ALL_PER_MINUTE,
    SHARED_GUESSES_PER_MINUTE,
    SHARED_VISITS_PER_MINUTE,
)
from trackway.web.visit_limits import VisitLimits


def test_a_client_looks_so_often_in_a_minute_and_keeps_no_other_out() -> None:
    now_s = [60.5]
    limits = VisitLimits(lambda: now_s[0])
    for _ in range(SHARED_VISITS_PER_MINUTE):
        limits.visit(b"a")
    with pytest.raises(RequestError) as refused:
        limits.visit(b"a")
    assert (refused.value.status, refused.value.retry_after_s) == (429, 60)
    limits.visit(b"b")
    now_s[0] += 60
    limits.visit(b"a")


def guessed(limits: VisitLimits, peer: bytes) -> int:
    """How many guesses a client makes before it is refused."""
    limits.visit(peer)
    for number in range(SHARED_GUESSES_PER_MINUTE + 1):
        try:
            limits.guess(peer)
        except RequestError as error:
            assert error.status == 429
            return number
    raise AssertionError("a client is never refused")


def test_who_guesses_locks_nobody_else_out() -> None:
    now_s = [0.0]
    limits = VisitLimits(lambda: now_s[0])
    assert guessed(limits, b"a") == guessed(limits, b"b") == SHARED_GUESSES_PER_MINUTE
    assert guessed(limits, b"a") == 0
    limits.visit(b"a")  # what is known is still shown
    now_s[0] = 60
    assert guessed(limits, b"a") == SHARED_GUESSES_PER_MINUTE


def test_guesses_are_bounded_for_all_together_far_higher(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SHARED_GUESSES_OF_ALL_PER_MINUTE >= 50 * SHARED_GUESSES_PER_MINUTE
    monkeypatch.setattr(visit_limits, "SHARED_GUESSES_OF_ALL_PER_MINUTE", SHARED_GUESSES_PER_MINUTE + 5)
    limits = VisitLimits(lambda: 0.0)
    assert [guessed(limits, peer) for peer in (b"a", b"b", b"c")] == [SHARED_GUESSES_PER_MINUTE, 5, 0]


def test_so_many_clients_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit_limits, "SHARED_CLIENTS_COUNTED_MAX", 2)
    limits = VisitLimits(lambda: 0.0)
    for peer in (b"a", b"b", b"a"):
        limits.visit(peer)
    with pytest.raises(RequestError):
        limits.visit(b"c")
