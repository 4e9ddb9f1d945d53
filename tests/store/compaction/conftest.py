from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.loader.story import Place, clear
from tests.support.store.process import RunningStore, migrated_store
from trackway.compaction import derived, hours, plan
from trackway.query.sql.segments import TABLES
from trackway.store.client import Store


@pytest.fixture(autouse=True)
def rollups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of any size have rollups."""
    monkeypatch.setattr(plan, "ROLLED_UP_ROWS_MIN", 1)


@pytest.fixture
def many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """No property has so few values that they are counted, and all have hours in rollups."""
    monkeypatch.setattr(derived, "COUNTED_FEW_ROWS", 0)
    monkeypatch.setattr(derived, "COUNTED_SHARE", 1_000_000)
    monkeypatch.setattr(hours, "HOURS_SHARE", 1)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStore]:
    with migrated_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def place(running: RunningStore, tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, running.url, running)
    yield made
    made.close()
    with closing(Store(running.url)) as store:
        clear(store, *TABLES, "facts_versions", "facts_rebuilds")


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    with closing(Store(place.url)) as made:
        yield made
