"""The set of keys seen in the last day: never a wrong no, seldom a wrong yes, and memory that follows the traffic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from trackway.loader.seen_keys import CAPACITY_MIN, PIECE_KEYS, Keys, Window

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
SEED = 20260131


def random_keys(count: int, dice: np.random.Generator) -> Keys:
    return dice.integers(0, 2**64, (count, 2), dtype=np.uint64)


def numbered_keys(numbers: list[int]) -> Keys:
    """Keys that differ in a few bits only, which is harder than hashes are."""
    return np.array([[number, number >> 3] for number in numbers], dtype=np.uint64).reshape(-1, 2)


@settings(max_examples=examples(60))
@given(st.lists(st.tuples(st.lists(st.integers(0, 200), max_size=20), st.integers(0, 20 * HOUR_US)), max_size=15))
def test_window_never_denies_a_key_of_the_last_day(batches: list[tuple[list[int], int]]) -> None:
    window, arrivals, now_us = Window(DAY_US), dict[int, int](), DAY_US
    for numbers, step_us in batches:
        now_us += step_us
        known = [number for number, arrival_us in arrivals.items() if now_us - arrival_us < DAY_US]
        assert window.suspects(numbered_keys(known)).all()
        window.add(numbered_keys(numbers), now_us)
        arrivals |= dict.fromkeys(numbers, now_us)
        assert window.suspects(numbered_keys(numbers)).all()


def test_window_never_denies_a_key_however_many_follow() -> None:
    dice = np.random.default_rng(SEED)
    window, parts = Window(DAY_US), []
    for size in (1, CAPACITY_MIN - 1, 1, PIECE_KEYS + 1, CAPACITY_MIN, 7):
        parts.append(random_keys(size, dice))
        window.add(parts[-1], DAY_US)
        assert all(window.suspects(part).all() for part in parts)


def test_window_suspects_fewer_than_one_in_a_hundred_wrongly() -> None:
    dice = np.random.default_rng(SEED)
    window = Window(DAY_US)
    for size in (CAPACITY_MIN, CAPACITY_MIN, 2 * CAPACITY_MIN):
        window.add(random_keys(size, dice), DAY_US)
        assert window.suspects(random_keys(100_000, dice)).mean() < 0.01


def test_an_empty_window_suspects_nothing() -> None:
    window = Window(DAY_US)
    assert not window.suspects(random_keys(1000, np.random.default_rng(SEED))).any()
    assert window.suspects(numbered_keys([])).shape == (0,)
    window.add(numbered_keys([]), DAY_US)
    assert not window.suspects(numbered_keys([1])).any()


def test_window_remembers_a_key_for_exactly_its_time_at_least() -> None:
    window = Window(DAY_US)
    window.add(numbered_keys([1]), HOUR_US)
    window.add(numbered_keys([2]), HOUR_US + DAY_US)
    assert window.suspects(numbered_keys([1, 2])).all()


def test_window_forgets_keys_that_are_two_windows_old() -> None:
    window = Window(DAY_US)
    window.add(numbered_keys([1]), HOUR_US)
    for hour in range(2, 2 * 24 + 4):
        window.add(numbered_keys([hour]), hour * HOUR_US)
    assert window.suspects(numbered_keys([1, 51])).tolist() == [False, True]


def test_window_does_not_forget_because_an_old_batch_follows_a_new_one() -> None:
    window = Window(DAY_US)
    window.add(numbered_keys([1]), 5 * DAY_US)
    window.add(numbered_keys([2]), DAY_US)
    window.add(numbered_keys([3]), 5 * DAY_US + 1)
    assert window.suspects(numbered_keys([1, 2, 3])).all()


@pytest.mark.parametrize("keys_an_hour", [10, 12_000])
def test_memory_follows_the_traffic_of_a_day_and_not_of_all_time(keys_an_hour: int) -> None:
    dice = np.random.default_rng(SEED)
    window, largest = Window(DAY_US), 0
    for hour in range(1, 8 * 24):
        window.add(random_keys(keys_an_hour, dice), hour * HOUR_US)
        largest = max(largest, window.bytes)
    a_day = max(24 * keys_an_hour, CAPACITY_MIN) * 2
    assert largest <= 8 * a_day
