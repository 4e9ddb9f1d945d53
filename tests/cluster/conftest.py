"""Three servers of NATS for all tests of a file."""

from collections.abc import Iterator

import pytest

from tests.support.journal.nats_cluster import NatsCluster, nats_cluster


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    with nats_cluster(tmp_path_factory.mktemp("nats") / "servers") as running:
        yield running
