"""A journal, a store with its loader, and a projects database with a worker that lets data age."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.ageing.place import AgeingPlace
from tests.support.loader.story import Place, clear
from tests.support.store.process import RunningStore, migrated_store
from trackway.ageing import worker
from trackway.compaction import changes, untidy
from trackway.compaction import compactor as loop
from trackway.query.sql.segments import TABLES
from trackway.store.client import Store


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStore]:
    with migrated_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def ageing(running: RunningStore, tmp_path: Path) -> Iterator[AgeingPlace]:
    place = Place(tmp_path, running.url, running)
    made = AgeingPlace(place, threading.Event())
    yield made
    made.close()
    place.close()
    with closing(Store(running.url)) as store:
        clear(store, *TABLES, "facts_versions", "facts_rebuilds", "profile_pages", "event_ages", "aged_rows")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "STEP_EVENTS_MIN", 1)
    monkeypatch.setattr(untidy, "TIDY_INTERVAL_S", 0)
    monkeypatch.setattr(changes, "RETIRED_KEPT_S", -1)
    monkeypatch.setattr(worker, "HIDDEN_S", 0.0)
