"""Runs in the clients' own environment: syncs the tap's engage stream, page by page.

Arguments are the host, which the tap itself takes from a region, the project's secret, and the day to begin with.
Singer's messages leave on standard output.
"""

import sys
from typing import Any

from singer import CatalogEntry, Schema, metadata
from singer.catalog import Catalog
from tap_mixpanel.client import MixpanelClient
from tap_mixpanel.streams import Engage

host, secret, start = sys.argv[1:]
TYPES = {"distinct_id": "string", "plan": "string", "n": "integer"}
schema: dict[str, Any] = {
    "type": "object",
    "properties": {name: {"type": ["null", kind]} for name, kind in TYPES.items()},
}
entry = CatalogEntry(
    tap_stream_id="engage",
    stream="engage",
    schema=Schema.from_dict(schema),
    key_properties=["distinct_id"],
    metadata=metadata.get_standard_metadata(schema, key_properties=["distinct_id"]),
)
config = {"start_date": start, "project_timezone": "UTC", "date_window_size": "30", "attribution_window": "5"}
with MixpanelClient(secret, host, 60, "trackway tests") as client:
    stream = Engage(client)
    stream.url = f"https://{host}/api/2.0"
    stream.sync({}, Catalog([entry]), config, start, ["engage"])
