"""Three servers of NATS for all tests of a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.journal.nats_cluster import NatsCluster, nats_cluster

LONGEST: Final = ("test_lost_stream.py", "test_partitions.py", "test_refusals.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files are the first ones, so that no process has one left when all others have ended."""
    first = {Path(__file__).with_name(name) for name in LONGEST}
    assert all(path.exists() for path in first), "a file of LONGEST has another name now"
    items.sort(key=lambda item: item.path not in first)


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    with nats_cluster(tmp_path_factory.mktemp("nats") / "servers") as running:
        yield running
