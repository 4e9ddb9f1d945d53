"""A store of its own for each file of tests: its process with an empty, migrated database."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.store.process import migrated_store
from trackway.store.client import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with migrated_store(tmp_path_factory.mktemp("store")) as running, closing(Store(running.url)) as client:
        yield client
