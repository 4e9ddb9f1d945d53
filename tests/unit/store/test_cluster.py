from urllib.parse import urlsplit

import pytest

from trackway.domain.errors import ConfigError
from trackway.store.client import Store
from trackway.store.cluster import Cluster
from trackway.store.workload import LOADER, WORKLOADS

CLUSTER = Cluster("four", "trackway")


def test_a_url_names_its_cluster_and_its_database() -> None:
    assert Cluster.of_url(urlsplit("http://u:p@h:1/trackway?cluster=four")) == CLUSTER
    assert Cluster.of_url(urlsplit("http://u:p@h:1/?cluster=four")) == Cluster("four", "default")
    assert Cluster.of_url(urlsplit("http://u:p@h:1/trackway")) is None


@pytest.mark.parametrize("url", ["http://h/x?cluster=a'b", "http://h/x%60y?cluster=a", "http://h/x?cluster=a%20b"])
def test_no_name_of_a_url_ends_a_name_in_a_statement(url: str) -> None:
    with pytest.raises(ConfigError, match="need names of letters, digits, _ and -"):
        Cluster.of_url(urlsplit(url))


def test_one_machine_names_its_tables_and_parts_and_a_cluster_those_of_all_shards() -> None:
    parts = "SELECT name FROM system.parts WHERE active AND database = currentDatabase() AND table = 't'"
    alone, node = Store("http://h/trackway"), Store("http://h/trackway?cluster=four")
    assert alone.cluster is None
    assert (alone.holding("events"), alone.holding("damage")) == ("events", "damage")
    assert node.holding("events") == "`trackway_shards`.`events` ON CLUSTER `four`"
    assert node.holding("damage") == "`trackway`.`damage` ON CLUSTER `four`"
    assert CLUSTER.statement(parts) == (
        "SELECT name FROM cluster('four', system.parts) WHERE active AND database IN ('trackway', 'trackway_shards')"
        " AND table = 't'"
    )
    assert CLUSTER.statement("SELECT 1 FROM events") == "SELECT 1 FROM events"


def test_every_request_waits_for_the_shards_and_runs_subqueries_and_inserts_once() -> None:
    for workload in WORKLOADS.values():
        settings = CLUSTER.settings(workload)
        assert settings["distributed_foreground_insert"] == "1"
        assert settings["distributed_product_mode"] == "global"
        assert settings["parallel_distributed_insert_select"] == "0"
        assert settings["insert_quorum"] == "auto"


def test_the_loader_and_the_compactor_see_what_they_have_inserted_on_every_replica() -> None:
    seeing = [
        workload.name
        for workload in WORKLOADS.values()
        if CLUSTER.settings(workload).get("select_sequential_consistency") == "1"
    ]
    assert sorted(seeing) == ["compaction", "erasure", "loader"]
    assert CLUSTER.settings(LOADER)["insert_quorum_parallel"] == "0"
