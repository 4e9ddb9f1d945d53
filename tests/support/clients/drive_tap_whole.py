"""Runs in the clients' own environment: the tap discovers all streams and syncs them, as its `main` does.

Arguments are the host, which the tap itself takes from a region, the project's secret, and the day to begin with; the
state of an earlier run is JSON on standard input. The catalog as {"type": "CATALOG", …} and Singer's messages leave on
standard output.
"""

import json
import sys

from singer import metadata
from singer.catalog import Catalog
from tap_mixpanel.client import MixpanelClient
from tap_mixpanel.discover import discover
from tap_mixpanel.streams import STREAMS
from tap_mixpanel.sync import sync

host, secret, start = sys.argv[1:]
state = json.load(sys.stdin) or {}
config = {
    "start_date": start,
    "project_timezone": "UTC",
    "date_window_size": "30",
    "attribution_window": "1",
    "select_properties_by_default": "true",
}
for stream in STREAMS.values():
    stream.url = f"https://{host}/api/2.0"
with MixpanelClient(secret, host, 60, "trackway tests") as client:
    client.__api_domain = host
    catalog: Catalog = discover(client, "true")
    print(json.dumps({"type": "CATALOG", **catalog.to_dict()}))
    for entry in catalog.streams:
        chosen = metadata.write(metadata.to_map(entry.metadata), (), "selected", True)
        entry.metadata = metadata.to_list(chosen)
    sync(client, config, catalog, state, start)
