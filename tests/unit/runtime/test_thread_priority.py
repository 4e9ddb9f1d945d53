"""Whether a process may raise priorities, by what the kernel says of it."""

import pytest

from trackway.runtime.thread_priority import has_sys_nice


@pytest.mark.parametrize(
    ("effective", "has"),
    [
        ("0000000000000000", False),
        ("000001ffffffffff", True),
        ("0000000000800000", True),
        ("000001ffff7fffff", False),
        ("0000000001000000", False),
    ],
)
def test_the_capability_is_read_from_the_effective_set(effective: str, has: bool) -> None:
    status = f"Name:\tpython\nCapPrm:\t000001ffffffffff\nCapEff:\t{effective}\nCapBnd:\t000001ffffffffff\n"
    assert has_sys_nice(status) is has
