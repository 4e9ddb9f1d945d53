"""Keys that all servers of one PostgreSQL database share."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.projects.migrated import migrated_url
from tests.support.projects.postgresql import Cluster
from trackway.domain.errors import StorageError
from trackway.projects.server_keys import SESSION_KEY, erasure_key_name, shared_key


@pytest.fixture
def url(cluster: Cluster) -> str:
    return migrated_url(cluster)


def test_of_servers_that_start_at_once_all_get_the_same_key(url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda number: shared_key(url, SESSION_KEY, 32, bytes([number]) * 32), range(8)))
    assert len(keys) == 1
    assert shared_key(url, SESSION_KEY, 32) in keys


def test_a_key_is_random_where_nobody_had_one_and_each_name_has_its_own(url: str) -> None:
    here, there = (shared_key(url, erasure_key_name(region), 32) for region in ("us", "eu"))
    assert len(here) == len(there) == 32 and here != there
    assert shared_key(url, erasure_key_name("us"), 32, b"later" + bytes(27)) == here


def test_a_database_without_the_table_is_an_error(cluster: Cluster) -> None:
    with pytest.raises(StorageError, match="server_keys"):
        shared_key(cluster.new_database(), SESSION_KEY, 32)
