"""Fixtures around one real store process for a module."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.store.greetings import asked_once
from tests.support.store.process import RunningStore, running_store
from trackway.store.client import Store


@pytest.fixture(scope="module", autouse=True)
def greetings() -> Iterator[None]:
    """Clients of a store ask it once what it is."""
    with asked_once():
        yield


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStore]:
    """A store process, the same for all tests of a module."""
    with running_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def store(running: RunningStore) -> Iterator[Store]:
    """A client of the module's store."""
    client = Store(running.url)
    yield client
    client.close()


@pytest.fixture
def table(store: Store) -> Iterator[str]:
    """A synced table `(key FixedString(16), number UInt64)`, dropped afterwards."""
    name = f"t{uuid.uuid4().hex}"
    store.command(
        f"CREATE TABLE {name} (key FixedString(16), number UInt64) ENGINE = MergeTree ORDER BY key "
        "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
    )
    yield name
    store.command(f"DROP TABLE {name}")


@pytest.fixture
def spool(running: RunningStore) -> Path:
    return running.directory / "spool"
