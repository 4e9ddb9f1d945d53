"""A store of its own for each file of tests: its process with an empty, migrated database."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.store.process import running_store
from trackway.store.client import Store
from trackway.store.migrate import migrate


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as running, closing(Store(running.url)) as client:
        migrate(client)
        yield client
