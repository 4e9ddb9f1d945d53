"""A journal, a store with its loader, and a projects database with a worker that erases."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.erasure.place import ErasurePlace
from tests.support.loader.story import Place, clear
from tests.support.store.process import RunningStore, migrated_store
from trackway.query.sql.segments import TABLES
from trackway.store.client import Store


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStore]:
    with migrated_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def erasing(running: RunningStore, tmp_path: Path) -> Iterator[ErasurePlace]:
    place = Place(tmp_path, running.url, running)
    made = ErasurePlace(place, threading.Event())
    yield made
    made.close()
    place.close()
    with closing(Store(running.url)) as store:
        clear(store, *TABLES, "facts_versions", "facts_rebuilds", "erasures", "erasure_ids", "profile_pages")
