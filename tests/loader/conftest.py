from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.loader.place import TABLES, Place
from tests.store.running import RunningStore, running_store

from trackway.loader import loader as loader_module
from trackway.store.client import Store
from trackway.store.migrate import migrate


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStore]:
    with running_store(tmp_path_factory.mktemp("store")) as store:
        with closing(Store(store.url)) as client:
            migrate(client)
        yield store


@pytest.fixture
def place(running: RunningStore, tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, running.url)
    yield made
    made.close()
    with closing(Store(running.url)) as store:
        for table in TABLES:
            store.command(f"TRUNCATE TABLE {table}")


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of about two of the story's requests."""
    monkeypatch.setattr(loader_module, "LOAD_BATCH_BYTES_MAX", 1000)
