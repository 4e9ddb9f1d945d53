import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.loader.story import Place, clear
from tests.support.store.process import RunningStore, migrated_store
from trackway.loader import loop as loader_module
from trackway.store.client import Store
from trackway.store.parts import parts


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStore]:
    with migrated_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def place(running: RunningStore, tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, running.url)
    yield made
    made.close()
    with closing(Store(running.url)) as store:
        clear(store)
        for broken in parts(store, ()).broken:
            shutil.rmtree(broken.path)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of about two of the story's requests."""
    monkeypatch.setattr(loader_module, "LOAD_BATCH_BYTES_MAX", 1000)
