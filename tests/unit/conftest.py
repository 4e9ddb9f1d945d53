from collections.abc import Iterator

import pytest

from tests.support.projects.quick_hashes import quick_hashes


@pytest.fixture(scope="module", autouse=True)
def hashes() -> Iterator[None]:
    """Hashes of passwords are made quickly."""
    with quick_hashes():
        yield
