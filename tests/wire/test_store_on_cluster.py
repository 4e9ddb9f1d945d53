"""A server on two shards of a cluster, by its settings: what it takes it shows, and it refuses another layout."""

import json
from pathlib import Path

from tests.support.command_line import trackway
from tests.support.http.events import import_all, record
from tests.support.http.exchange import Request
from tests.support.server import basic, running_server
from tests.support.store.process import running_store
from tests.support.store.two_shards import CLUSTER, QUERY

EVENTS = 40
AT = 1_740_830_400
"""A second of 2025-03-01."""


def test_a_server_on_two_shards_shows_each_event_once_and_counts_its_users(tmp_path: Path) -> None:
    with running_store(tmp_path / "store", two_shards=True) as store:
        url = store.url.replace(QUERY, "")
        cluster = ("--store-url", url, "--store-cluster", CLUSTER.name)
        with running_server(tmp_path / "data", *cluster) as server:
            project = server.project
            events = [
                record(project, "e", insert_id=f"id-{n}", distinct_id=f"user-{n % 10}", time=AT) for n in range(EVENTS)
            ]
            for _ in range(2):
                import_all(server, project, events)
            shown = server.export_when(project, EVENTS)
            assert len({event["properties"]["$insert_id"] for event in shown}) == EVENTS
            query = "/api/query/segmentation?event=e&type=unique&from_date=2025-03-01&to_date=2025-03-01"
            reply = server.ask(Request("GET", query, (basic(project.secret),)))
            assert (reply.status, json.loads(reply.body)["data"]["values"]) == (200, {"e": {"2025-03-01": 10}})
        without = trackway("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), "--store-url", url)
        assert (without.returncode, without.stdout) == (1, "")
        assert "the store's tables are those of a cluster: name it in store_cluster" in without.stderr
