"""Every single call to the disk is made to fail, and to be the last one before a crash."""

import errno
import random
from pathlib import Path

import pytest

from tests.support.journal.faulty_disk import MachineCrash
from tests.support.journal.scenario import SEGMENT_BYTES, Journal, run_until_crash
from trackway.journal.segments.recovery import recover

BATCHES = [[10], [40, 40, 40], [200], [5, 300], [700], [30], [30, 30], [250], [250], [1], [100, 100, 100], [60]]


def calls_of_a_run(directory: Path) -> int:
    journal = Journal(directory, writers=2)
    assert not run_until_crash(journal, BATCHES)
    journal.stop()
    return len(journal.disk.calls)


@pytest.mark.parametrize("failure", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("failures", [1, 2, 9])
def test_any_failing_call_loses_nothing_acknowledged_and_shows_nothing_refused(
    memory_path: Path, failure: int, failures: int
) -> None:
    refused = 0
    for n in range(1, calls_of_a_run(memory_path / "count") + 1):
        journal = Journal(memory_path / str(n), writers=2)
        journal.disk.fault = lambda number, _, n=n: failure if n <= number < n + failures else None
        try:
            run_until_crash(journal, BATCHES)
        except Exception:
            assert failures > 1 and not journal.writers, f"call {n}"
            continue
        refused += len(journal.refused)
        journal.disk.fault = None
        assert journal.append(20), f"call {n}: not writable after the fault"
        journal.check()
        journal.crash()
        journal.start()
        journal.check()
        journal.stop()
    assert refused, "no fault was ever felt"


@pytest.mark.parametrize("seed", [None, *range(8)])
def test_a_crash_in_any_call_loses_nothing_acknowledged(memory_path: Path, seed: int | None) -> None:
    for n in range(1, calls_of_a_run(memory_path / "count") + 1):
        journal = Journal(memory_path / str(n), writers=2)
        journal.disk.crash_at = n
        assert run_until_crash(journal, BATCHES)
        journal.crash(None if seed is None else random.Random(f"{seed} {n}"))
        journal.start()
        assert journal.append(20)
        journal.check()
        journal.stop()


@pytest.mark.parametrize("seed", range(4))
def test_a_crash_in_any_call_of_recovery_loses_nothing_acknowledged(memory_path: Path, seed: int) -> None:
    n = 0
    crashed = True
    while crashed:
        n += 1
        journal = Journal(memory_path / str(n))
        journal.start()
        for sizes in BATCHES[:4]:
            journal.append(*sizes)
        dice = random.Random(f"{seed} {n}")
        journal.crash(dice)
        journal.disk.crash_at = len(journal.disk.calls) + n
        try:
            recover(journal.directory, journal.disk, SEGMENT_BYTES)
            crashed = False
        except MachineCrash:
            journal.crash(dice)
        journal.disk.crash_at = 0
        journal.start()
        assert journal.append(20)
        journal.check()
        journal.stop()
    assert n > 5


@pytest.mark.parametrize("failure", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_every_nth_call_loses_nothing_acknowledged(memory_path: Path, failure: int) -> None:
    for every in range(2, 40):
        journal = Journal(memory_path / str(every), writers=2)
        journal.start()
        journal.disk.fault = lambda number, _, every=every: None if number % every else failure
        for number, sizes in enumerate(BATCHES * 2):
            journal.append(*sizes, writer=number % 2)
        journal.disk.fault = None
        journal.check()
        journal.crash()
        journal.start()
        journal.check()
        journal.stop()
