"""The soak test runs only when it is asked for with `-m soak`. A module with DISK_BYTES gets a disk of that size."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crash.small_disk import SmallDisk


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    """A small disk of its own, mounted at a data directory."""
    with SmallDisk(tmp_path / "data", request.module.DISK_BYTES) as disk:
        yield disk


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "soak" in str(config.getoption("markexpr")):
        return
    soak = [item for item in items if item.get_closest_marker("soak")]
    if soak:
        config.hook.pytest_deselected(items=soak)
        items[:] = [item for item in items if item not in soak]
