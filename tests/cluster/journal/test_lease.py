"""Several machines ask for one lease, each with a journal directory of its own."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.journal.nats_cluster import NatsCluster
from tests.support.journal.nats_site import new_streams
from tests.support.waiting import wait_until
from trackway.journal.limits import STREAM_LEASE_ASK_S, STREAM_LEASE_S
from trackway.journal.stream.address import parse_address
from trackway.journal.stream.lease import StreamLease
from trackway.journal.stream.stream_journal import StreamJournal

SOON_S = 30.0
"""Enough for a busy machine. A lease that is not renewed ends within STREAM_LEASE_S, whatever waits."""


@pytest.fixture
def machine(nats: NatsCluster, tmp_path: Path) -> Callable[[str], StreamJournal]:
    new_streams(nats)

    def opened(name: str) -> StreamJournal:
        journal = StreamJournal(parse_address(nats.url), tmp_path / name)
        journal.recover()
        return journal

    return opened


def is_held_soon(lease: StreamLease) -> None:
    wait_until(lambda: lease.is_held, SOON_S, lambda: "the lease is not held")


def test_one_machine_has_the_lease_and_the_next_has_it_when_it_is_released(
    machine: Callable[[str], StreamJournal],
) -> None:
    with closing(machine("b").lease()) as standby:
        is_held_soon(standby)
        with closing(machine("a").lease()) as other:
            time.sleep(4 * STREAM_LEASE_ASK_S)
            assert standby.is_held and not other.is_held
            standby.close()
            assert not standby.is_held
            is_held_soon(other)


def test_progress_of_the_holder_is_that_of_all(machine: Callable[[str], StreamJournal]) -> None:
    one, other = machine("a"), machine("b")
    with closing(one.progress()) as mine, closing(other.progress()) as seen, closing(one.lease()) as held:
        is_held_soon(held)
        with closing(other.lease()):
            now_ms = time.time_ns() // 1_000_000
            mine.failing, mine.heartbeat_ms = False, 5  # its clock is far behind
            for number, each in enumerate(mine.partitions):
                each.loaded = 77 + number << 16
            mark = mine.reached()
            wait_until(lambda: seen.reached() == mark, SOON_S, lambda: "nothing was reported")
            assert not seen.failing and abs(seen.heartbeat_ms - now_ms) < 60_000


def test_a_process_of_the_same_machine_goes_on_at_once_and_another_machine_waits(
    machine: Callable[[str], StreamJournal], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = machine("a").lease()
    is_held_soon(first)
    monkeypatch.setattr(first, "_drop", lambda: None)  # it is killed, so it releases nothing
    first.close()
    ended_s = time.monotonic()
    with closing(machine("b").lease()) as other:
        second = machine("a").lease()
        is_held_soon(second)
        assert not other.is_held
        monkeypatch.setattr(second, "_drop", lambda: None)
        second.close()
        wait_until(lambda: other.is_held, 4 * STREAM_LEASE_S, lambda: "nobody follows a dead machine")
        assert time.monotonic() - ended_s > STREAM_LEASE_S / 2


def test_a_holder_that_cannot_renew_stops_before_another_may_begin(
    nats: NatsCluster, machine: Callable[[str], StreamJournal]
) -> None:
    with closing(machine("a").lease()) as lease:
        is_held_soon(lease)
        nats.freeze(0, 1, 2)
        try:
            wait_until(lambda: not lease.is_held, STREAM_LEASE_S, lambda: "it loads on without a lease")
        finally:
            nats.thaw(0, 1, 2)
        wait_until(lambda: lease.is_held, 3 * STREAM_LEASE_S, lambda: "it does not load again")
