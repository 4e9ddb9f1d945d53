from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.memory_directory import memory_directory
from tests.support.projects.quick_hashes import quick_hashes


@pytest.fixture(scope="module", autouse=True)
def hashes() -> Iterator[None]:
    """Hashes of passwords are made quickly."""
    with quick_hashes():
        yield


@pytest.fixture
def memory_path() -> Iterator[Path]:
    """A directory in memory that is gone after the test, for one that makes thousands of files."""
    with memory_directory() as directory:
        yield Path(directory)
