"""Waiting for what comes a moment later."""

import time
from collections.abc import Callable

POLL_S = 0.03


def wait_until(true: Callable[[], bool], timeout_s: float, otherwise: Callable[[], str]) -> None:
    """Return once it is true; AssertionError with the message otherwise."""
    deadline_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline_s, otherwise()
        time.sleep(POLL_S)
